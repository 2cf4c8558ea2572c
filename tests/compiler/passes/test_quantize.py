"""int8 weights: what they stand for, and convolutions of bytes."""

from dataclasses import replace

import numpy as np
import pytest

from signwise.compiler.interpreter import run
from signwise.compiler.ir import BYTE, Graph, Type
from signwise.compiler.passes.quantize import quantize
from signwise.compiler.spec import check
from tests.compiler.passes.lowered import graph_of

GEOMETRY = "stride=(1,1) padding=({0},{0},{0},{0}) dilation=(1,1) groups=1"
WEIGHTS = "127.0,-60.0,3.0,1.0,0.0,-127.0,5.0,9.0"  # whole in both filters, so that rounding changes nothing


def stem(padding: int, scale: str = "0.5,0.5", shift: str = "-60.0,-50.0", more: str = "") -> Graph:
    """A normalisation and a convolution of two channels of pixels."""
    size = 3 + 2 * padding
    graph = graph_of(
        f"input %x: real[2,4,3]\n%n: real[2,4,3] = map(%x) scale=float32[2]{{{scale}}} shift=float32[2]{{{shift}}}\n"
        f"%y: real[2,{size},{size - 1}] = conv(%n) {GEOMETRY.format(padding)} "
        f"weight=float32[2,2,2,2]{{{WEIGHTS},{WEIGHTS}}} {more}\nreturn %y"
    )
    return replace(graph, input=replace(graph.input, type=Type(BYTE, graph.input.type.shape)))


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 2, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("more", ["", "scale=float32[2]{2.0,-0.5} shift=float32[2]{1.0,-3.0}"])
def test_the_normalisation_goes_into_weights_scale_and_what_lies_outside(padding: int, more: str) -> None:
    """Means that are bytes and weights that are whole: nothing is rounded."""
    graph = stem(padding, more=more)
    found = quantize(graph)
    check(found)
    assert [node.op for node in found.nodes] == ["conv"]
    expected = run(graph, images())["y"]
    np.testing.assert_allclose(run(found, images())["y"], expected, rtol=1e-5, atol=1e-2)
    if padding:
        np.testing.assert_array_equal(found.nodes[0].consts["outside"], [120, 100])


def test_weights_are_the_nearest_multiples_of_their_filters_largest_127th() -> None:
    graph = graph_of(
        f"input %x: real[1,1,1]\n%y: real[3,1,1] = conv(%x) {GEOMETRY.format(0)} "
        "weight=float32[3,1,1,1]{4.0,-0.5,0.0}\nreturn %y"
    )
    node = quantize(graph).nodes[0]
    np.testing.assert_array_equal(node.consts["weight"].reshape(-1), np.int8([127, -127, 0]))
    np.testing.assert_allclose(node.consts["scale"], np.array([4, 0.5, 1]) / 127, rtol=1e-6)
    assert not node.consts["shift"].any()


@pytest.mark.parametrize(
    "graph",
    [
        stem(1, shift="1.0,-50.0"),  # zero is a pixel of -2
        stem(0, scale="0.0,0.5"),
        stem(0).with_nodes(n.with_(attrs={"activation": "clamp", "low": 0.0, "high": 1.0}) if n.op == "map" else n
                           for n in stem(0).nodes),
    ],
    ids=["outside", "constant", "clamped"],
)  # fmt: skip
def test_what_bytes_cannot_stand_for_stays_a_map(graph: Graph) -> None:
    found = quantize(graph)
    check(found)
    assert [node.op for node in found.nodes] == ["map", "conv"]
    assert found.nodes[1].consts["weight"].dtype == np.int8
