"""Where a sign changes: exactly there, for every float32 number on either side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler.interpreter import run, trace
from signwise.compiler.ir import REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.passes.step import Step, find_step, step_of
from signwise.compiler.passes.thresholds import thresholds
from tests.compiler.passes.lowered import assert_becomes, assert_stays, graph_of
from tests.compiler.passes.primitive_graphs import assert_same

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, -0.3, 1e-45, -1e-45, 1e-40, -1e-40, 1e-38, 5e-324, -1e-310, 3.4e38, -1e30, 7.0]
EDGES = [0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 0.1, 1.0, -1.0, 3.4e38, -3.4e38]
CHANNELS = 65


def chain(names: list[str], rng: np.random.Generator) -> Graph:
    """Affine, clamp and PReLU as named, then a sign; the constants are special half of the time."""

    def numbers(count: int = CHANNELS) -> np.ndarray:
        return np.where(rng.random(count) < 0.5, rng.choice(SPECIAL, count), rng.normal(0, 3, count))

    made: list[Node] = []
    for name in names:
        out = Value(f"v{len(made)}", Type(REAL, (CHANNELS, 1, 1)))
        attrs: dict[str, float] = {}
        consts = {"scale": numbers(), "shift": numbers()}
        if name == "clamp":
            attrs, consts = dict(zip(("low", "high"), sorted(map(float, numbers(2))), strict=True)), {}
        elif name == "prelu":
            consts = {"slope": np.abs(numbers()).astype(np.float32)}
        made.append(Node(name, (made[-1].output.name if made else "x",), (out,), attrs, consts))
    sign = Node("sign", (made[-1].output.name,), (Value("s", Type(SIGN, (CHANNELS, 1, 1))),))
    return Graph(Value("x", Type(REAL, (CHANNELS, 1, 1))), (*made, sign), ("s",))


@settings(max_examples=100, deadline=None)
@given(
    names=st.lists(st.sampled_from(["affine", "affine", "clamp", "prelu"]), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_threshold_is_exact(names: list[str], seed: int) -> None:
    """On it, beside it and far from it, as long as nothing overflows."""
    rng = np.random.default_rng(seed)
    graph = chain(names, rng)
    found = thresholds(graph)
    step = step_of(found.nodes[0])
    assert step is not None and len(found.nodes) == 1
    beside = [np.nextafter(step.threshold, np.float32(way)) for way in (-np.inf, np.inf)]
    spread = (rng.normal(size=(20, CHANNELS)) * 10.0 ** rng.integers(-45, 38, (20, CHANNELS))).astype(np.float32)
    x = np.concatenate([[step.threshold], beside, spread, np.tile(np.float32(EDGES)[:, None], CHANNELS)])
    values = trace(graph, x.reshape(-1, CHANNELS, 1, 1))
    finite = np.all([np.isfinite(value) for value in values.values()], axis=0)
    signs = trace(found, x.reshape(-1, CHANNELS, 1, 1))["s"]
    np.testing.assert_array_equal(signs[finite], values["s"][finite])


def test_nan_is_negative_before_and_after() -> None:
    graph = graph_of("""
input %x: real[2,1,1]
%a: real[2,1,1] = affine(%x) scale=float64[2]{1.0,-1.0} shift=float64[2]{1.0}
%s: sign[2,1,1] = sign(%a)
return %s""")
    assert_same(graph, thresholds(graph), np.full((1, 2, 1, 1), np.nan, np.float32))


@pytest.mark.parametrize(
    ("edge", "direction", "found"),
    [
        (3.5, 1, 3.5),
        (3.5, -1, 3.5),
        (0.0, 1, 0.0),
        (0.0, -1, 0.0),
        (1e-45, 1, 1e-45),
        (-1e-45, -1, -1e-45),
        (np.inf, 1, np.inf),  # nothing finite is as large: always -1
        (-np.inf, 1, -np.inf),  # everything is
    ],
)
def test_find_step(edge: float, direction: int, found: float) -> None:
    wanted = Step(np.float32([edge]), np.int8([direction]))
    step = find_step(wanted, 1)
    assert (step.threshold, step.direction) == (np.float32(found), direction)


def test_what_only_serves_a_sign_becomes_its_threshold() -> None:
    assert_becomes(
        thresholds,
        """
input %x: real[4,1,1]
%a: real[4,1,1] = affine(%x) scale=float64[4]{2.0,-2.0,0.0,-0.0} shift=float64[4]{-1.0,-1.0,1.0,-1.0}
%b: real[4,1,1] = clamp(%a) low=-1.0 high=1.0
%c: real[4,1,1] = prelu(%b) slope=float32[4]{0.25}
%s: sign[4,1,1] = sign(%c)  // layer
return %s""",
        """
input %x: real[4,1,1]
%s: sign[4,1,1] = map(%x) threshold=float32[4]{0.5,-0.5,-inf,inf} direction=int8[4]{1,-1,1,1}  // layer
return %s""",
    )


def test_a_sign_is_a_comparison_with_zero() -> None:
    assert_becomes(
        thresholds,
        "input %x: real[1,1,1]\n%s: sign[1,1,1] = sign(%x)\nreturn %s",
        "input %x: real[1,1,1]\n%s: sign[1,1,1] = map(%x)\nreturn %s",
    )


@pytest.mark.parametrize(
    "steps",
    [
        "%a: real[2,1,1] = prelu(%x) slope=float32[2]{-0.5,0.5}\n%s: sign[2,1,1] = map(%a)\nreturn %s",  # not monotone
        "%a: real[2,1,1] = clamp(%x) low=0.0 high=1.0\n%s: sign[2,1,1] = map(%a)\nreturn %s, %a",  # wanted elsewhere
        "%a: real[2,1,1] = unary(%x) function=abs\n%s: sign[2,1,1] = map(%a)\nreturn %s",
    ],
)
def test_where_taking_in_ends(steps: str) -> None:
    assert_stays(thresholds, f"input %x: real[2,1,1]\n{steps}")


@pytest.mark.parametrize("count", range(-9, 10))
@pytest.mark.parametrize("scale", [0.1, -0.1, 1 / 3, -1e-40, 1e-310, 1e20])
def test_a_count_that_lies_on_the_threshold(count: int, scale: float) -> None:
    """shift = -scale * count: the affine gives exactly 0 there, which is +1."""
    graph = graph_of(f"""
input %x: real[1,1,19]
%a: real[1,1,19] = affine(%x) scale=float64[1]{{{scale}}} shift=float64[1]{{{-scale * count}}}
%s: sign[1,1,19] = sign(%a)
return %s""")
    counts = np.arange(-9, 10, dtype=np.float32).reshape(1, 1, 1, 19)
    assert run(graph, counts)["s"][..., count + 9] == 1
    assert_same(graph, thresholds(graph), counts)
