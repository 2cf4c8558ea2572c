"""Integer thresholds are where the float ones are, for every accumulator there can be."""

import numpy as np
import pytest

from signwise.compiler.interpreter import trace
from signwise.compiler.ir import Graph
from signwise.compiler.passes.count_thresholds import count_thresholds
from tests.compiler.passes.lowered import assert_stays, graph_of

THRESHOLDS = [-np.inf, -1e30, -7, -6.5, -6, -5.5, -1, -0.5, -0.0, 0.0, 1e-45, 0.5, 1, 5.5, 6, 6.5, 7, 1e30, np.inf]
BCONV = "stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0"


def compared(threshold: list[float], direction: int, zero_point: int, filters: tuple[int, ...]) -> Graph:
    """Sums of six signs, or of three that are 0 or 2; of the weights, as many are negative as ``filters`` say."""
    count, taps = len(threshold) * len(filters), 3 if zero_point else 6
    weights = [-1 if tap < negative else 1 for negative in filters for _ in threshold for tap in range(taps)]
    return graph_of(f"""
input %x: real[{taps},1,1]
%s: sign[{taps},1,1] = map(%x)
%y: sign[{count},1,1] = bconv(%s) {BCONV} zero_point={zero_point} \
weight=int8[{count},{taps},1,1]{{{",".join(map(str, weights))}}} \
threshold=float32[{count}]{{{",".join(map(str, threshold * len(filters)))}}} direction=int8[{count}]{{{direction}}}
return %y""")


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("zero_point", [0, 1])
def test_every_count_on_both_sides(direction: int, zero_point: int) -> None:
    graph = compared(THRESHOLDS, direction, zero_point, filters=(0, 1, 3, 6))
    found = count_thresholds(graph)
    node = found.nodes[-1]
    assert set(node.consts) <= {"weight", "count_threshold", "direction"} and "count_threshold" in node.consts
    taps = graph.input.type.shape[0]
    x = 1 - 2 * (np.arange(2**taps)[:, None] >> np.arange(taps) & 1).astype(np.float32)
    wanted, result = trace(graph, x), trace(found, x)
    assert set(result["y.count"].flat) == set(range(-6, 7, 2))
    np.testing.assert_array_equal(result["y"], wanted["y"])
    assert count_thresholds(found) is found


def test_constant_channels_have_the_ends_of_int32() -> None:
    consts = count_thresholds(compared([-np.inf, -6, 6, 6.5], 1, 0, (2,))).nodes[-1].consts
    assert consts["count_threshold"].tolist() == [-(2**31), -(2**31), 6, 2**31 - 1]
    assert "direction" not in consts
    consts = count_thresholds(compared([-np.inf, -6, 6, 6.5], -1, 0, (2,))).nodes[-1].consts
    assert consts["count_threshold"].tolist() == [2**31 - 1, -6, -(2**31), -(2**31)]
    assert consts["direction"].tolist() == [1, -1, 1, 1]


@pytest.mark.parametrize(
    "node",
    [
        "%r: real[2,1,1], %y: sign[2,1,1] = bconv(%s) {}",
        "%r: real[2,1,1] = map(%s)\n%y: sign[2,1,1] = bconv(%s, %r) {} residual=1",
        "%y: sign[2,1,1] = bconv(%s) {} activation=clamp low=0.0 high=1.0",
        "%y: sign[2,1,1] = bconv(%s) {} scale=float32[2]{{1.0}} shift=float32[2]{{1.0}}",
        "%y: sign[2,1,1] = map(%s)",
    ],
)
def test_other_epilogues_stay(node: str) -> None:
    written = node.format(f"{BCONV} zero_point=0 weight=int8[2,2,1,1]{{1}}")
    outputs = "%y, %r" if "%r" in node else "%y"
    assert_stays(count_thresholds, f"input %x: real[2,1,1]\n%s: sign[2,1,1] = map(%x)\n{written}\nreturn {outputs}")
