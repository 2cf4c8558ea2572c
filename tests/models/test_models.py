"""The contract of every registered model, and what each family promises on its own."""

import pytest
import torch
from torch import nn

from signwise.components.wiring import ACTIVATIONS, SHORTCUTS, Wiring
from signwise.convert import binarize_
from signwise.core.errors import ShapeError
from signwise.methods import get_method, list_methods
from signwise.models import create_model, list_models
from signwise.nn.layers import binary_layers

TINY = list_models("*_tiny")
RESNETS = list_models("resnet*_tiny")
WIRINGS = {
    "plain": Wiring(),
    "xnor": Wiring(norm="before", activation="relu"),
    "bireal": Wiring(residual="bireal", activation="none", shortcut="pool_conv", stem_activation=False),
    "reactnet": Wiring(residual="bireal", activation="rprelu", shortcut="pool_duplicate"),
    "rbnn": Wiring(shortcut="binary_conv", head_norm=True, norm_init=1e-8),
    "recu": Wiring(residual="bireal", activation="prelu", shortcut="pool_pad", head_norm=True),
}


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("binary", [False, True], ids=["float", "binary"])
def test_every_model_learns_in_every_wiring(name: str, wiring: Wiring, binary: bool) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=3, wiring=wiring)
    if binary:
        assert binarize_(model, "irnet").binary
    out = model(torch.randn(4, 3, 32, 32))
    assert out.shape == (4, 3)
    out.square().mean().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
    assert model.stem.get_parameter(next(iter(dict(model.stem.named_parameters())))).grad.any()


@pytest.mark.parametrize("method", list_methods())
@pytest.mark.parametrize("name", TINY)
def test_every_model_takes_every_method(name: str, method: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, wiring=get_method(method).wiring)
    binarize_(model, method)
    assert model(torch.randn(2, 3, 32, 32)).isfinite().all()
    assert model.eval()(torch.randn(1, 3, 32, 32)).shape == (1, 10)


@pytest.mark.parametrize("name", TINY)
def test_one_image_gives_what_it_gives_in_a_batch(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, wiring=WIRINGS["recu"]).eval()
    x = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(torch.cat([model(image[None]) for image in x]), model(x))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", TINY)
def test_every_activation(name: str, activation: str) -> None:
    model = create_model(name, wiring=Wiring(activation=activation)).eval()
    assert model(torch.randn(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("name", RESNETS)
def test_odd_widths_and_odd_images(name: str, shortcut: str) -> None:
    model = create_model(name, wiring=Wiring(residual="bireal", shortcut=shortcut), width=5).eval()
    assert model(torch.randn(1, 3, 33, 47)).shape == (1, 10)


@pytest.mark.parametrize(
    "name, smallest",
    [
        ("resnet20_tiny", 4),
        ("resnet18_cifar_tiny", 8),
        ("resnet18_tiny", 8),
        ("resnet34_tiny", 8),
        ("reactnet_a_tiny", 8),
    ],
)
def test_images_of_any_size_from_the_smallest(name: str, smallest: int) -> None:
    model = create_model(name, in_channels=1).eval()
    for size in (smallest, smallest + 1, 3 * smallest):
        assert model(torch.randn(1, 1, size, size)).shape == (1, 10)
    message = (
        rf"input of shape \(1, 1, {smallest - 1}, 64\); allowed: \(N, 1, H, W\) with H and W of at least {smallest}"
    )
    with pytest.raises(ShapeError, match=message):
        model(torch.zeros(1, 1, smallest - 1, 64))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 32, 32), (1, 4, 32, 32)])
@pytest.mark.parametrize("name", TINY)
def test_wrong_channels(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ShapeError, match=r"the model got an input of shape \(.*\); allowed: .*in_channels when creating"
    ):
        create_model(name).eval()(torch.zeros(shape))


def test_vgg_small_takes_the_image_size_it_was_made_for() -> None:
    model = create_model("vgg_small_tiny", image_size=16).eval()
    assert model(torch.zeros(1, 3, 16, 16)).shape == (1, 10)
    with pytest.raises(
        ShapeError, match=r"\(1, 3, 32, 32\); allowed: \(N, 3, 16, 16\). Set image_size and in_channels"
    ):
        model(torch.zeros(1, 3, 32, 32))


def test_mlp_takes_tables() -> None:
    model = create_model("mlp_tiny", in_channels=13, image_size=1, hidden=[5, 7]).eval()
    assert model(torch.zeros(4, 13)).shape == model(torch.zeros(4, 13, 1, 1)).shape == (4, 10)
    with pytest.raises(ShapeError, match=r"input of shape \(4, 12\); allowed: 13 values a sample"):
        model(torch.zeros(4, 12))


def kinds(module: nn.Module) -> list[str]:
    names = {"Conv2d": "conv", "BatchNorm2d": "norm", "BatchNorm1d": "norm", "MaxPool2d": "pool", "Hardtanh": "act"}
    return [names[type(m).__name__] for m in module.modules() if type(m).__name__ in names]


def test_vgg_small_pools_before_the_norm() -> None:
    model = create_model("vgg_small")
    one, pooled = ["conv", "norm", "act"], ["conv", "pool", "norm", "act"]
    assert kinds(model) == one + pooled + one + pooled + one + pooled
    assert [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)] == [128, 128, 256, 256, 512, 512]
    assert model.head.linear.in_features == 8192


def test_vgg_small_with_the_norm_before() -> None:
    model = create_model("vgg_small_tiny", wiring=Wiring(norm="before"))
    assert kinds(model.body.step1) == ["norm", "conv", "pool", "act"]
    assert kinds(model.body.step2) == ["norm", "conv", "act"]


@pytest.mark.parametrize("norm, order", [("after", ["Linear", "BatchNorm1d"]), ("before", ["BatchNorm1d", "Linear"])])
def test_mlp_order(norm: str, order: list[str]) -> None:
    model = create_model("mlp_tiny", hidden=[5, 6], wiring=Wiring(norm=norm))
    assert [type(m).__name__ for m in model.body.step1] == [*order, "Hardtanh"]


@pytest.mark.parametrize("name", TINY)
def test_stem_activation_and_head_norm(name: str) -> None:
    with_all = create_model(name, wiring=Wiring(stem_activation=True, head_norm=True))
    without = create_model(name, wiring=Wiring(stem_activation=False, head_norm=False))
    assert hasattr(with_all.stem, "activation") and not hasattr(without.stem, "activation")
    assert [type(m).__name__ for m in with_all.head] == ["BatchNorm1d", "Linear"]
    assert [type(m).__name__ for m in without.head] == ["Linear"]


def test_imagenet_stem_order() -> None:
    stem = create_model("resnet18_tiny").stem
    assert [type(m).__name__ for m in stem] == ["Conv2d", "BatchNorm2d", "Hardtanh", "MaxPool2d"]
    assert stem(torch.zeros(2, 3, 224, 224)).shape == (2, 4, 56, 56)


def conv_shapes(name: str) -> list[tuple[int, ...]]:
    with torch.device("meta"):
        model = create_model(name, num_classes=1000)
    return [(*m.weight.shape[:3], m.stride[0]) for m in model.modules() if isinstance(m, nn.Conv2d)]


def test_resnet20_is_the_published_one() -> None:
    three = [shape for shape in conv_shapes("resnet20") if shape[2] == 3]
    expected = [(16, 3, 3, 1)] + [(16, 16, 3, 1)] * 6
    expected += [(32, 16, 3, 2)] + [(32, 32, 3, 1)] * 5 + [(64, 32, 3, 2)] + [(64, 64, 3, 1)] * 5
    assert three == expected


def test_resnet34_is_the_published_one() -> None:
    three = [shape for shape in conv_shapes("resnet34") if shape[2] == 3]
    assert [sum(shape[0] == out for shape in three) for out in (64, 128, 256, 512)] == [6, 8, 12, 6]
    assert [shape for shape in three if shape[3] == 2] == [(128, 64, 3, 2), (256, 128, 3, 2), (512, 256, 3, 2)]


def test_reactnet_a_is_the_published_one() -> None:
    shapes = conv_shapes("reactnet_a")
    assert shapes[0] == (32, 3, 3, 2)
    assert [out for out, _, k, _ in shapes[1:] if k == 1] == [64] + [128] * 2 + [256] * 2 + [512] * 6 + [1024] * 2
    strides = [stride for _, _, k, stride in shapes[1:] if k == 3]
    assert strides == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]


@pytest.mark.parametrize("shortcut, binary", [("conv", 6), ("pool_conv", 6), ("binary_conv", 8), ("pad", 6)])
def test_which_shortcuts_stay_real(shortcut: str, binary: int) -> None:
    model = create_model("resnet20_tiny", wiring=Wiring(shortcut=shortcut))
    report = binarize_(model, "irnet")
    assert len(report.binary) == len(binary_layers(model)) == binary
    reasons = {row.name: row.reason for row in report.rows if not row.method}
    assert reasons.pop("stem.conv") == "first layer" and reasons.pop("head.linear") == "last layer"
    assert set(reasons.values()) <= {f"shortcut '{shortcut}' of the wiring is real"}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("binary", [False, True], ids=["float", "binary"])
def test_models_export_with_any_batch(name: str, binary: bool) -> None:
    torch.manual_seed(0)
    model = create_model(name, wiring=WIRINGS["reactnet"])
    if binary:
        binarize_(model, "reactnet")
    model.eval()
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    program = torch.export.export(model, (torch.randn(2, 3, 32, 32),), dynamic_shapes=(batch,))
    x = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(program.module()(x), model(x))


@pytest.mark.parametrize("name", TINY)
def test_models_trace_without_graph_breaks(name: str) -> None:
    torch.compiler.reset()
    model = create_model(name, wiring=WIRINGS["reactnet"])
    x = torch.randn(2, 3, 32, 32)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))
