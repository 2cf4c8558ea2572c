"""The front end on whole networks, what its graphs hold and are called."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.compiler.frontend import capture
from signwise.compiler.ir import SIGN
from signwise.components.sign import hard_sign
from signwise.methods import get_method
from signwise.nn.layers import BinaryConv2d, binary_layers
from tests.compiler.captured import Function, Step, captured, compare, only, operations, seeded
from tests.compiler.networks import METHODS, MODELS, SIZES, trained

# --- every method on every tiny model ---------------------------------------------------------------------------------


def assert_lowered(method: str, model: str) -> None:
    """The graph gives what the network gives, and every binary layer is a convolution of signs by signs."""
    network, size = trained(method, model), SIZES.get(model, 19)
    graph = compare(network, seeded(3, 3, size, size))
    producers = graph.producers()
    binary = set()
    for node in graph.nodes:
        if node.op == "conv" and set(np.unique(node.consts["weight"])) <= {-1.0, 1.0}:
            source = producers[node.inputs[0]]
            if source.op == "affine":  # the levels 0 and 1
                assert set(np.concatenate(list(source.consts.values()))) == {0.5}
                source = producers[source.inputs[0]]
            assert source.output.type.kind == SIGN
            binary.add(node.source)
    assert binary == set(binary_layers(network))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", MODELS)
def test_every_method_on_every_model(method: str, model: str) -> None:
    assert_lowered(method, model)


@pytest.mark.parametrize("method", METHODS)
def test_every_method(method: str) -> None:
    assert_lowered(method, MODELS[METHODS.index(method) % len(MODELS)])


def test_rbnn_needs_the_mean_of_an_image_and_not_its_deviation() -> None:
    graph = captured(trained("rbnn", "mlp_tiny"), torch.zeros(1, 3, 32, 32))
    assert {"div", "mul", "unary"}.isdisjoint(operations(graph))
    assert operations(graph).count("mean") == 2


def test_a_factor_for_each_pixel_is_kept() -> None:
    layer = BinaryConv2d(5, 6, 3, stride=2, padding=1, bias=True, method=get_method("xnor", activation_scale=True))
    assert operations(compare(layer.eval(), seeded(3, 5, 7, 9))).count("mul") == 1


# --- what a graph holds -----------------------------------------------------------------------------------------------


class Segmenter(nn.Module):
    """Grouped and dilated convolutions, a hand-written sign, concatenation, enlargement, two results."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6))
        self.deep = nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=2, bias=False)
        self.act = nn.PReLU(6)
        self.head = nn.Conv2d(12, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        stem = self.stem(x)
        deep = self.act(self.deep(torch.where(stem >= 0, 1.0, -1.0)))
        joined = torch.cat([stem, F.interpolate(F.max_pool2d(deep, 2), size=stem.shape[2:])], 1)
        return {"mask": F.interpolate(self.head(joined), scale_factor=2.0, mode="bilinear"), "deep": deep}


def test_names_say_where_a_value_comes_from() -> None:
    graph = compare(Segmenter().eval(), seeded(3, 3, 17, 13))
    assert [(node.output.name, node.op, node.source) for node in graph.nodes] == [
        ("stem_0", "conv", "stem.0"),
        ("stem_0_affine", "affine", "stem.0"),
        ("stem_1", "affine", "stem.1"),
        ("sign", "sign", ""),
        ("deep_conv", "conv", "deep"),
        ("deep", "prelu", "act"),
        ("max_pool", "max_pool", ""),
        ("resize", "resize", ""),
        ("concat", "concat", ""),
        ("head", "conv", "head"),
        ("head_affine", "affine", "head"),
        ("mask", "resize", ""),
    ]
    assert graph.outputs == ("mask", "deep")
    assert graph.input.name == "input"


def test_a_module_used_twice_and_names_that_are_numbers() -> None:
    conv = nn.Conv2d(3, 3, 1, bias=False)
    graph = captured(nn.Sequential(nn.Sequential(conv, nn.ReLU()), conv), seeded(1, 3, 4, 4))
    assert [(node.output.name, node.source) for node in graph.nodes] == [
        ("layer0_0", "0.0"),
        ("layer0_1", "0.1"),
        ("output", "1"),
    ]
    graph = captured(Twice(), seeded(1, 3, 4, 4))
    assert [(node.output.name, node.source) for node in graph.nodes] == [("conv", "conv"), ("output", "conv")]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(x))


@pytest.mark.parametrize(
    ("function", "names", "operations_"),
    [
        (lambda x: x, ["output"], ["reshape"]),
        (lambda x: (x.relu(), x.relu()), ["output_0", "output_1"], ["clamp", "reshape"]),
        (lambda x: [x.relu(), {"a b": x.relu(), "input": x}], ["output_0", "output_1_a_b", "output_1_input"], None),
        (lambda x: {"input": x.relu(), "output_input": x}, ["output_input", "output_input_"], ["clamp", "reshape"]),
        (lambda x: {"stem": x.relu(), "size": 3, "none": None}, ["stem"], ["clamp"]),
        (lambda x: (hard_sign(x), torch.ones(len(x), 2)), ["output_0", "output_1"], ["sign", "constant"]),
    ],
)
def test_results(function: Function, names: list[str], operations_: list[str] | None) -> None:
    graph = captured(function, seeded(1, 3, 4, 4))
    assert list(graph.outputs) == names
    assert operations_ is None or operations(graph) == operations_


def test_a_batch_norm_is_folded_in_float64() -> None:
    norm = nn.BatchNorm2d(3).eval()
    with torch.no_grad():
        norm.running_var.copy_(torch.tensor([1e-12, 0.3, 7.0]))
        norm.running_mean.copy_(torch.tensor([0.1, -0.2, 3.0]))
        norm.weight.copy_(torch.tensor([-1.5, 0.0, 1e-40]))
        norm.bias.copy_(torch.tensor([0.0, 0.7, -0.7]))
    node = only(captured(norm, seeded(1, 3, 2, 2)), "affine")
    weight, bias, mean, var = (
        t.detach().double().numpy() for t in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = weight / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(node.consts["scale"], scale, rtol=1e-15)
    np.testing.assert_allclose(node.consts["shift"], bias - mean * scale, rtol=1e-15)


def test_a_real_convolution_keeps_its_weights() -> None:
    conv = nn.Conv2d(2, 2, 1, bias=False)
    nn.init.constant_(conv.weight, -0.5)
    assert operations(captured(conv, seeded(1, 2, 3, 3))) == ["conv"]
    assert operations(captured(nn.Sequential(Step(hard_sign), conv), seeded(1, 2, 3, 3))) == ["sign", "conv", "affine"]


def test_weights_are_computed_with_once() -> None:
    class Standardised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(seeded(4, 3, 3, 3))
            self.register_buffer("gain", torch.tensor(2.0), persistent=False)
            self.offset = torch.tensor(0.25)

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(x, (self.weight - self.weight.mean((1, 2, 3), keepdim=True)) * self.gain + self.offset)

    assert operations(compare(Standardised().eval(), seeded(2, 3, 5, 5))) == ["conv"]


def test_what_no_result_needs_is_left_out() -> None:
    def function(x: Tensor) -> Tensor:
        torch.sign(x)
        _, mean = torch.var_mean(x, (2, 3))
        return mean

    assert operations(captured(function, seeded(1, 3, 4, 4))) == ["mean"]


def test_the_model_and_its_gradients_are_left_alone() -> None:
    model = trained("irnet", "mlp_tiny")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    capture(model, torch.zeros(1, 3, 32, 32))
    assert torch.is_grad_enabled() and not model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
