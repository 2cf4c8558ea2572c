"""ContrastiveMI: what it watches, where its gradient goes, its options and its state."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F

from signwise.convert import binarize_
from signwise.core.errors import ConfigError, TrainingError
from signwise.methods import get_method
from signwise.models import create_model
from signwise.nn.layers import BinaryConv1d, BinaryConv2d, BinaryLinear, binary_layers, recompute_, set_stage_
from signwise.objectives import OBJECTIVES, ContrastiveMI, Setting, Step

METHOD = get_method("bireal")
SAMPLES, CLASSES = 12, 3
BASE: dict[str, Any] = {
    "weight": 1.0, "beta": 1.0, "temperature": 0.1, "critic": "info_nce", "negatives": "batch", "labels": "ignore",
    "gradient": "both", "pool": 2, "dim": 6, "train_heads": True,
}  # fmt: skip


class Net(nn.Module):
    """A real convolution, two binary ones and a classifier; counts its forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 3, 3, padding=1)
        self.first = BinaryConv2d(3, 4, 3, padding=1, method=METHOD)
        self.second = BinaryConv2d(4, 5, 3, padding=1, stride=2, method=METHOD)
        self.head = nn.Linear(5, CLASSES)
        self.forwards = 0

    def forward(self, x: Tensor) -> Tensor:
        self.forwards += 1
        return self.head(self.second(self.first(self.stem(x))).mean((2, 3)))


def setting() -> Setting:
    return Setting(torch.randn(2, 2, 5, 6), samples=SAMPLES, classes=CLASSES)


def step_of(net: nn.Module, index: list[int]) -> Step:
    image, place = torch.randn(len(index), 2, 5, 6), torch.tensor(index)
    return Step(image, place % CLASSES, place, net(image))


def attached(net: nn.Module, **options: Any) -> ContrastiveMI:
    objective = ContrastiveMI(**(BASE | options))
    objective.attach(net, setting())
    return objective


def test_bank_draws_capacity_rows() -> None:
    net = Net()
    assert attached(net, negatives="bank", capacity=5).memory.draw()[0].shape == (2, 2, 5, 6)


def gradients(gradient: str, **options: Any) -> dict[str, bool]:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, gradient=gradient, **options)
    objective(step_of(net, [0, 1, 2, 3])).backward()
    got = {name: p.grad is not None and bool(p.grad.any()) for name, p in net.named_parameters()}
    return got | {name: p.grad is not None and bool(p.grad.any()) for name, p in objective.named_parameters()}


def test_gradient_says_where_the_loss_enters_the_network() -> None:
    heads = [f"{side}_heads.{k}.{name}" for side in ("binary", "real") for k in (0, 1) for name in ("weight", "bias")]
    for choice in ("both", "binary", "real", "heads"):
        got = gradients(choice)
        assert all(got[name] for name in heads), choice
        assert got["stem.weight"] is got["first.weight"] is (choice != "heads")
        assert not got["second.weight"], "what leaves the last binary layer is not watched"
        assert not got["head.weight"]
    frozen = gradients("both", train_heads=False)
    assert frozen["stem.weight"]
    assert not any(frozen[name] for name in heads)


@pytest.mark.parametrize("gradient", ["binary", "real"])
def test_one_sided_gradient_is_the_share_of_that_side(gradient: str) -> None:
    """Zero the binary side's surrogate by an input outside its window: then only the real side can send gradient."""
    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        net.stem.bias.fill_(50.0)
        net.stem.weight.mul_(1e-2)
    objective = attached(net, gradient=gradient, layers=("first",))
    objective(step_of(net, [0, 1, 2, 3])).backward()
    grad = net.stem.weight.grad
    assert (grad is not None and bool(grad.any())) is (gradient == "real")


def test_one_sided_gradients_add_up_to_both() -> None:
    totals = {}
    for choice in ("both", "binary", "real"):
        torch.manual_seed(0)
        net = Net()
        objective = attached(net, gradient=choice)
        torch.manual_seed(1)
        objective(step_of(net, [0, 1, 2, 3])).backward()
        totals[choice] = net.stem.weight.grad
    torch.testing.assert_close(totals["binary"] + totals["real"], totals["both"])


def test_pairs_come_from_the_forward_that_made_the_logits() -> None:
    net = Net()
    objective = attached(net)
    net.forwards = 0
    for _ in range(3):
        objective(step_of(net, [0, 1, 2]))
    assert net.forwards == 3


def test_attach_leaves_the_model_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), BinaryConv2d(3, 3, 3, method=METHOD), nn.Dropout(0.5))
    net[3].eval()
    state, names = copy.deepcopy(net.state_dict()), list(dict(net.named_modules()))
    modes = {name: module.training for name, module in net.named_modules()}
    attached(net)
    assert list(dict(net.named_modules())) == names
    assert {name: module.training for name, module in net.named_modules()} == modes
    after = net.state_dict()
    assert list(after) == list(state)
    assert all(torch.equal(after[name], value) for name, value in state.items())
    assert all(p.grad is None for p in net.parameters())


def test_nothing_is_recorded_in_evaluation_mode() -> None:
    net = Net()
    objective = attached(net)
    step = step_of(net, [0, 1, 2])
    kept = {name: value for name, value in objective._pooled.items()}
    net.eval()
    net(torch.randn(7, 2, 5, 6))
    assert all(objective._pooled[name] is value for name, value in kept.items())
    assert torch.isfinite(objective(step))
    net(torch.randn(7, 2, 5, 6))
    assert not objective._pooled


def test_detach_takes_every_hook_off() -> None:
    net = Net()
    objective = attached(net)
    assert any(layer.binarizer._forward_hooks for layer in binary_layers(net).values())
    objective.detach()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    net(torch.randn(3, 2, 5, 6))
    assert not objective._pooled


def test_the_graph_of_a_step_is_let_go() -> None:
    net = Net()
    objective = attached(net, negatives="queue", capacity=6)
    for _ in range(3):
        objective(step_of(net, [0, 1, 2])).backward()
    assert not objective._pooled
    assert not any(value.requires_grad for value in objective.metrics.values())
    assert not any(buffer.requires_grad for buffer in objective.buffers())


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_beta_divides_once_per_layer_before_the_last(beta: float) -> None:
    losses = {}
    for layers in (("first",), ("second",), ("*",)):
        torch.manual_seed(0)
        net = Net()
        torch.manual_seed(1)
        objective = ContrastiveMI(**(BASE | {"beta": beta, "train_heads": False, "layers": layers}))
        objective.attach(net, setting())
        for heads in (objective.binary_heads, objective.real_heads):
            for head in heads:
                head.bias.zero_()
                head.weight.copy_(torch.linspace(-1, 1, head.weight.numel()).sin().reshape(head.weight.shape))
        torch.manual_seed(2)
        losses[layers[0]] = objective(step_of(net, [0, 1, 2, 3])).item()
    assert losses["*"] == pytest.approx(losses["first"] / beta + losses["second"], rel=1e-5)


def test_weight_scales_the_loss_and_not_the_metrics() -> None:
    net = Net()
    objective = attached(net, weight=1.0)
    step = step_of(net, [0, 1, 2, 3])
    values, metrics = [], []
    for weight in (1.0, 2.5):
        objective.weight = weight
        values.append(objective(Step(step.image, step.label, step.index, net(step.image))).item())
        metrics.append(objective.metrics["mi/first"].item())
    assert values[1] == pytest.approx(2.5 * values[0])
    assert metrics[1] == pytest.approx(metrics[0])


def test_normalizer_is_measured_once_and_saved() -> None:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, critic="nce")
    assert objective.state_dict()["log_normalizer"].isnan().all()
    objective(step_of(net, [0, 1, 2, 3]))
    first = objective.log_normalizer.clone()
    assert torch.isfinite(first).all()
    objective(step_of(net, [4, 5, 6, 7]))
    assert torch.equal(objective.log_normalizer, first)
    assert torch.equal(objective.state_dict()["log_normalizer"], first)


@pytest.mark.parametrize("critic", ["nce", "info_nce"])
def test_a_first_batch_without_negatives_does_no_harm(critic: str) -> None:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, critic=critic, labels="exclude")
    assert objective(step_of(net, [0, 3, 6])).item() == 0, "all of one class"
    loss = objective(step_of(net, [0, 1, 2]))
    assert torch.isfinite(loss)
    assert loss > 0
    assert torch.isfinite(objective.log_normalizer).all() or critic == "info_nce"


def test_a_stage_of_real_activations_adds_nothing() -> None:
    net = Net()
    objective = attached(net)
    set_stage_(net, weights=True, activations=False)
    assert objective(step_of(net, [0, 1, 2])).item() == 0 and not objective.metrics
    set_stage_(net, weights=True, activations=True)
    assert objective(step_of(net, [0, 1, 2])).item() > 0 and objective.metrics


def test_a_missing_forward_is_named() -> None:
    net = Net()
    objective = attached(net)
    step = step_of(net, [0, 1, 2])
    objective(step)
    with pytest.raises(TrainingError, match="ContrastiveMI saw no forward of 'first' in training mode with binary act"):
        objective(step)


def test_papers_normalizer_is_one_over_the_training_set() -> None:
    assert torch.allclose(attached(Net(), critic="nce_paper").log_normalizer.exp(), torch.tensor(1 / SAMPLES))


@pytest.mark.parametrize("negatives", ["batch", "queue", "bank"])
@pytest.mark.parametrize("critic", ["nce", "info_nce"])
def test_a_restored_state_gives_the_same_next_loss(negatives: str, critic: str) -> None:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, negatives=negatives, critic=critic, capacity=4)
    for index in ([0, 1, 2], [3, 4, 5]):
        objective(step_of(net, index))
    other_net = Net()
    other_net.load_state_dict(net.state_dict())
    other = attached(other_net, negatives=negatives, critic=critic, capacity=4)
    other.load_state_dict(copy.deepcopy(objective.state_dict()))
    losses = []
    for one, model in ((objective, net), (other, other_net)):
        torch.manual_seed(7)
        losses.append([one(step_of(model, [6, 7, 1])).item() for _ in range(2)])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("dimensions", [0, 1])
def test_dense_and_1d_layers_are_watched(dimensions: int) -> None:
    torch.manual_seed(0)
    if dimensions:
        layer: Any = BinaryConv1d(3, 4, 3, method=METHOD)
        net, example = nn.Sequential(nn.Conv1d(2, 3, 1), layer), torch.randn(4, 2, 9)
        features = 3 * 4
    else:
        layer = BinaryLinear(5, 4, method=METHOD)
        net, example = nn.Sequential(nn.Linear(2, 5), layer), torch.randn(4, 2)
        features = 5
    objective = ContrastiveMI(**(BASE | {"pool": 4}))
    objective.attach(net, Setting(example, samples=4, classes=2))
    assert objective.binary_heads[0].in_features == objective.real_heads[0].in_features == features
    step = Step(example, torch.zeros(4, dtype=torch.long), torch.arange(4), net(example))
    a = net[0](example)
    pooled = F.adaptive_avg_pool1d(a, 4).flatten(1) if dimensions else a
    signs = torch.where(a >= 0, 1.0, -1.0)
    binary = F.adaptive_avg_pool1d(signs, 4).flatten(1) if dimensions else signs
    z_b = F.normalize(objective.binary_heads[0](binary), dim=1)
    z_f = F.normalize(objective.real_heads[0](pooled), dim=1)
    scores, target = z_b @ z_f.T / 0.1, torch.arange(4)
    expected = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
    torch.testing.assert_close(objective(step), expected)


def test_small_maps_are_not_pooled_up() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 1), BinaryConv2d(3, 3, 1, method=METHOD))
    objective = ContrastiveMI(pool=4)
    objective.attach(net, Setting(torch.randn(2, 2, 2, 7), samples=4, classes=2))
    assert objective.binary_heads[0].in_features == 3 * 2 * 4


def test_zeros_of_both_signs_are_plus_one_on_the_binary_side() -> None:
    net = nn.Sequential(nn.Identity(), BinaryConv2d(1, 1, 1, method=METHOD))
    objective = ContrastiveMI(pool=1)
    objective.attach(net, Setting(torch.randn(2, 1, 1, 2), samples=4, classes=2))
    net(torch.tensor([[[[0.0, -0.0]]], [[[-1.0, 0.0]]]]))
    binary, real = objective._pooled["1"]
    assert binary.flatten().tolist() == [1.0, 0.0]
    assert real.flatten().tolist() == [0.0, -0.5]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"critic": "infonce"}, r"ContrastiveMI\(critic='infonce'\); did you mean 'info_nce'"),
        ({"negatives": "que"}, r"ContrastiveMI\(negatives='que'\); did you mean 'queue'"),
        ({"labels": "all"}, r"ContrastiveMI\(labels='all'\); .*nown: exclude, ignore, positive"),
        ({"gradient": "none"}, r"ContrastiveMI\(gradient='none'\); .*nown: binary, both, heads, real"),
        ({"temperature": 0.0}, r"ContrastiveMI\(temperature=0.0\); allowed: above 0"),
        ({"beta": -1}, r"ContrastiveMI\(beta=-1\); allowed: above 0"),
        ({"capacity": 0}, r"ContrastiveMI\(capacity=0\); allowed: above 0"),
        ({"dim": 0}, r"ContrastiveMI\(dim=0\); allowed: above 0"),
        ({"pool": 0}, r"ContrastiveMI\(pool=0\); allowed: above 0"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ContrastiveMI(**options)


def test_layers_that_match_nothing_are_named() -> None:
    text = r"ContrastiveMI\(layers=\('firs',\)\) matches no binary layer; did you mean 'first'\? Known: first, second"
    with pytest.raises(ConfigError, match=text):
        attached(Net(), layers=("firs",))


def test_layer_patterns_choose_layers() -> None:
    net = Net()
    objective = attached(net, layers=("sec*", "nothing"))
    objective(step_of(net, [0, 1]))
    assert list(objective.metrics) == ["mi/second"]


def test_the_registry_knows_the_objectives() -> None:
    assert set(OBJECTIVES.names()) >= {"contrastive_mi", "contrastive_teacher", "distillation"}
    assert OBJECTIVES["contrastive_mi"] is ContrastiveMI


def test_the_bound_rises_when_the_network_trains_on_it() -> None:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, gradient="heads", temperature=0.1)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.02)
    step = step_of(net, list(range(12)))
    bounds = []
    for _ in range(40):
        loss = objective(Step(step.image, step.label, step.index, net(step.image)))
        bounds.append(objective.metrics["mi/first"].item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert bounds[-1] > bounds[0] + 0.5
    assert bounds[-1] <= math.log(12)


@pytest.mark.parametrize("recompute", [False, True])
def test_what_is_pooled_is_not_kept_for_it(recompute: bool) -> None:
    """With bits made again in the backward pass, nothing holds them after the forward pass."""
    torch.manual_seed(0)
    model = create_model("resnet20_tiny", wiring=get_method("irnet").wiring)
    binarize_(model, "irnet")
    if recompute:
        recompute_(model)
    image, label = torch.randn(4, 3, 32, 32), torch.arange(4)
    objective = ContrastiveMI(weight=1.0)
    objective.attach(model, Setting(image, samples=4, classes=10))
    bits: list[StorageWeakRef] = []

    def note(module: nn.Module, inputs: tuple[Tensor], terms: tuple[tuple[Tensor, None], ...]) -> None:
        bits.append(StorageWeakRef(terms[0][0].untyped_storage()))

    for layer in binary_layers(model).values():
        layer.binarizer.register_forward_hook(note)
    logits = model(image)
    loss = objective(Step(image, label, label, logits)) + logits.sum()
    assert len(bits) == len(binary_layers(model))
    assert all(held.expired() is recompute for held in bits)
    loss.backward()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own, while tracing
def test_a_watched_model_that_recomputes_compiles_as_one_graph() -> None:
    torch.manual_seed(0)
    model = create_model("mlp_tiny", wiring=get_method("irnet").wiring)
    binarize_(model, "irnet")
    recompute_(model)
    image, index = torch.randn(4, 3, 32, 32), torch.arange(4)
    objective = ContrastiveMI()
    objective.attach(model, Setting(image, samples=4, classes=10))
    logits = torch.compile(model, backend="eager", fullgraph=True)(image)
    (objective(Step(image, index, index, logits)) + logits.sum()).backward()
    assert torch.equal(logits, model(image))
