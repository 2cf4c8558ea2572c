"""From primitives to what the runtime carries out: nothing changes but the form, and the form is the wanted one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler.frontend import capture
from signwise.compiler.interpreter import run
from signwise.compiler.ir import REAL, Graph, Node, Type, Value
from signwise.compiler.ops import infer
from signwise.compiler.pipeline import PASSES, lower_graph
from signwise.compiler.spec import check, check_fused
from signwise.core.errors import LoweringError
from signwise.methods import get_method
from tests.compiler.networks import METHODS, MODELS, SIZES, trained
from tests.compiler.passes.lowered import graph_of
from tests.compiler.passes.primitive_graphs import assert_same, graphs


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_no_pass_changes_a_bit(graph: Graph) -> None:
    for step in PASSES:
        before, graph = graph, step(graph)
        assert_same(before, graph, why=step.__name__)
    check_fused(graph)


# --- signs that come from integers only -------------------------------------------------------------------------------


BETWEEN = ["affine", "affine", "clamp", "prelu", "max_pool"]


class Integers:
    """Layers of signs by signs with any scales: what is between two signs is nothing but integers and constants."""

    def __init__(self, seed: int):
        self.rng, self.nodes = np.random.default_rng(seed), list[Node]()
        self.last = self.input = Value("x", Type(REAL, (3, 6, 5)))

    def add(self, op: str, attrs: dict | None = None, consts: dict[str, np.ndarray] | None = None) -> None:
        node = Node(op, (self.last.name,), (), attrs or {}, consts or {}, f"layer{len(self.nodes)}")
        (type,) = infer(node, [self.last.type])
        self.last = Value(f"v{len(self.nodes)}", type)
        self.nodes.append(node.with_(outputs=(self.last,)))

    def affine(self) -> None:
        """Scales of any kind, and shifts that put the threshold exactly onto a count or anywhere."""
        channels = self.last.type.shape[0]
        special = self.rng.choice([0.0, -0.0, 1e-40, -1e-40, 1e-310, 1e-45, 1e10], channels)
        scale = np.where(self.rng.random(channels) < 0.3, special, self.rng.normal(0, 0.3, channels))
        exact = -scale * self.rng.integers(-9, 10, channels)
        shift = np.where(self.rng.random(channels) < 0.5, exact, self.rng.normal(size=channels))
        self.add("affine", consts={"scale": scale, "shift": shift})

    def layer(self, names: list[str]) -> None:
        self.add("sign")
        channels, counted = self.last.type.shape[0], self.rng.random() < 0.3
        if counted:
            self.add("affine", consts={"scale": np.full(channels, 0.5), "shift": np.full(channels, 0.5)})
        weight = self.rng.choice([-1.0, 1.0], (5, channels, 3, 3)) * self.rng.random((5, 1, 1, 1))
        window = {"stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
        self.add("conv", {**window, "groups": 1}, {"weight": weight.astype(np.float32)})
        for name in names:
            match name:
                case "affine":
                    self.affine()
                case "clamp":
                    low = float(self.rng.choice([-1.0, 0.0, 0.0, 0.3, -np.inf]))
                    self.add("clamp", {"low": low, "high": low + 1 if low > -9 else 0.5})
                case "prelu":
                    self.add("prelu", consts={"slope": self.rng.choice(np.float32([0, 0.25, 1.7]), 5)})
                case "max_pool":
                    self.add("max_pool", {**window, "kernel": (2, 3)})


@settings(max_examples=60, deadline=None)
@given(
    layers=st.lists(st.lists(st.sampled_from(BETWEEN), max_size=4), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_signs_that_come_from_integers_are_exact(layers: list[list[str]], seed: int) -> None:
    chain = Integers(seed)
    for names in layers:
        chain.layer(names)
    chain.add("sign")
    graph = Graph(chain.input, tuple(chain.nodes), (chain.last.name,))
    check(graph)
    lowered = lower_graph(graph)
    assert {node.op for node in lowered.nodes} <= {"bconv", "max_pool", "map"}
    assert all("count_threshold" in node.consts for node in lowered.nodes if node.op == "bconv")
    assert [node.op for node in lowered.nodes].count("map") == 1  # of the input
    x = chain.rng.normal(size=(4, 3, 6, 5)).astype(np.float32)
    np.testing.assert_array_equal(*(run(g, x)[chain.last.name] for g in (lowered, graph)))


# --- the wanted forms -------------------------------------------------------------------------------------------------


def form(graph: Graph) -> list[str]:
    """Each node: what it makes, and the steps of its epilogue."""
    steps = ("residual", "scale", "activation", "threshold", "direction", "count_threshold", "pad_value", "zero_point")
    lines = []
    for node in graph.nodes:
        kinds = "+".join(value.type.kind for value in node.outputs)
        found = [step for step in steps if step in node.consts or node.attrs.get(step, 0) != 0]
        lines.append(" ".join([kinds, "=", node.op, *found]))
    return lines


CONV = "stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 weight=float32[2,2,3,3]{0.5}"
BLOCK = """
%s: sign[2,4,4] = sign(%in)
%conv: real[2,4,4] = conv(%s) CONV
%norm: real[2,4,4] = affine(%conv) scale=float64[2]{2.0,-1.0} shift=float64[2]{0.0,1.0}
""".replace("CONV", CONV)


def test_a_bireal_block() -> None:
    graph = graph_of(f"""
input %in: real[2,4,4]{BLOCK}
%sum: real[2,4,4] = add(%norm, %in)
%y: real[2,4,4] = clamp(%sum) low=-1.0 high=1.0
%s2: sign[2,4,4] = sign(%y)
%conv2: real[2,4,4] = conv(%s2) {CONV}
%sum2: real[2,4,4] = add(%conv2, %y)
return %sum2""")
    lowered = lower_graph(graph)
    assert form(lowered) == [
        "sign = map",
        "real+sign = bconv residual scale activation",
        "real = bconv residual scale",
    ]
    assert_same(graph, lowered)


def test_a_vgg_chain() -> None:
    graph = graph_of(f"""
input %in: real[2,4,4]{BLOCK}
%pool: real[2,2,2] = max_pool(%norm) kernel=(2,2) stride=(2,2) padding=(0,0,0,0) dilation=(1,1)
%cut: real[2,2,2] = clamp(%pool) low=-1.0 high=1.0
%bits: sign[2,2,2] = sign(%cut)
%flat: sign[8,1,1] = flatten(%bits)
%y: real[3,1,1] = conv(%flat) {CONV.replace("(1,1,1,1)", "(0,0,0,0)").replace("[2,2,3,3]", "[3,8,1,1]")}
return %y""")
    lowered = lower_graph(graph)
    assert form(lowered) == [
        "sign = map",
        "sign = bconv direction count_threshold",
        "sign = max_pool",
        "sign = flatten",
        "real = bconv scale",
    ]
    assert_same(graph, lowered)


def test_a_sign_that_passes_a_padding_makes_it_the_padding_of_a_count() -> None:
    graph = graph_of(f"""
input %in: real[2,4,4]
%p: real[2,6,6] = pad(%in) padding=(1,1,1,1) value=-2.0
%s: sign[2,6,6] = sign(%p)
%y: real[2,4,4] = conv(%s) {CONV.replace("(1,1,1,1) d", "(0,0,0,0) d")}
return %y""")
    lowered = lower_graph(graph)
    assert form(lowered) == ["sign = map", "real = bconv scale pad_value"]
    assert_same(graph, lowered)


def test_levels_with_a_border_take_two_additions() -> None:
    """Levels -1 and 2 with zero padding, a norm, a shortcut: the border's map is one residual, the shortcut another."""
    graph = graph_of(f"""
input %in: real[2,4,4]
%s: sign[2,4,4] = sign(%in)
%levels: real[2,4,4] = affine(%s) scale=float64[2]{{1.5}} shift=float64[2]{{0.5}}
%conv: real[2,4,4] = conv(%levels) {CONV}
%norm: real[2,4,4] = affine(%conv) scale=float64[2]{{2.0,-1.0}} shift=float64[2]{{0.0,1.0}}
%y: real[2,4,4] = add(%norm, %in)
return %y""")
    lowered = lower_graph(graph)
    assert form(lowered) == ["sign = map", "real = constant", "real = bconv residual scale", "real = map residual"]
    assert_same(graph, lowered)


def test_what_is_not_well_formed_is_refused() -> None:
    graph = graph_of("input %x: real[1,1,1]\n%s: sign[1,1,1] = sign(%x)\nreturn %s")
    with pytest.raises(LoweringError, match="SW401: the graph returns %missing, which no node defines"):
        lower_graph(replace(graph, outputs=("missing",)))


# --- every method on every tiny model ---------------------------------------------------------------------------------


def assert_lowers(method: str, model: str) -> None:
    """Every binary layer counts; else only kernels and moves are left, arithmetic only where the class needs some; and
    nothing changes but by rounding.
    """
    size = SIZES.get(model, 19)
    graph = capture(trained(method, model), torch.zeros(1, 3, size, size))
    lowered = lower_graph(graph)
    binary = [n.source for n in graph.nodes if n.op == "conv" and set(n.consts["weight"].flat) <= {-1.0, 1.0}]
    assert [node.source for node in lowered.nodes if node.op == "bconv"] == binary
    static = get_method(method).deploys_as == "A or B"
    arithmetic = set() if static else {"sub", "add", "mul", "unary", "constant"}
    kernels = {"bconv", "conv", "map", "max_pool", "avg_pool", "mean", "flatten", "slice", "channels", "concat"}
    assert {node.op for node in lowered.nodes} <= kernels | arithmetic
    x = np.random.default_rng(0).normal(size=(2, *graph.input.type.shape)).astype(np.float32)
    assert_same(graph, lowered, x, tolerance=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", MODELS)
def test_every_method_on_every_model(method: str, model: str) -> None:
    assert_lowers(method, model)


@pytest.mark.parametrize(
    ("method", "model"), [("dorefa", "vgg_small_tiny"), ("reactnet", "resnet18_tiny"), ("rbnn", "mlp_tiny")]
)
def test_methods(method: str, model: str) -> None:
    assert_lowers(method, model)
