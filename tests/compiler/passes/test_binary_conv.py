"""Two-valued inputs and filters: what is counted, what it is scaled by, and what padding is."""

import numpy as np
import pytest

from signwise.compiler.passes.binary_conv import binary_conv
from tests.compiler.passes.lowered import assert_becomes, assert_stays, graph_of
from tests.compiler.passes.primitive_graphs import assert_same

ONE = "stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1"
AROUND = "stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1"
HEAD = "input %x: real[2,2,2]\n%s: sign[2,2,2] = sign(%x)"


def test_signs_by_signs_is_a_count() -> None:
    weight = "weight=float32[2,2,1,1]{1.0,-1.0,-1.0,-1.0}"
    assert_becomes(
        binary_conv,
        f"{HEAD}\n%y: real[2,4,4] = conv(%s) {AROUND} {weight}  // layer\nreturn %y",
        f"{HEAD}\n%y: real[2,4,4] = bconv(%s) {AROUND} pad_value=0 zero_point=0 weight=int8[2,2,1,1]{{1,-1,-1,-1}}"
        "  // layer\nreturn %y",
    )


def test_magnitudes_are_multiplied_on_afterwards() -> None:
    """Zero, of either sign, counts as +1 and is scaled by 0."""
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%real: real[2,2,2] = affine(%s) scale=float64[2]{{-3.0}} shift=float64[2]{{0.0}}
%y: real[3,2,2] = conv(%real) {ONE} weight=float32[3,2,1,1]{{0.5,-0.5,0.0,-0.0,2.0,2.0}}
return %y""",
        f"""
{HEAD}
%y_count: real[3,2,2] = bconv(%s) {ONE} pad_value=0 zero_point=0 weight=int8[3,2,1,1]{{1,-1,1,1,1,1}}
%y: real[3,2,2] = affine(%y_count) scale=float64[3]{{-1.5,-0.0,-6.0}} shift=float64[3]{{0.0}}
return %y""",
    )


@pytest.mark.parametrize(
    ("levels", "weight", "why"),
    [
        ("scale=float64[2]{1.0} shift=float64[2]{0.0}", "{1.0,-1.0,1.0,2.0}", "two magnitudes in a filter"),
        ("scale=float64[2]{1.0,2.0} shift=float64[2]{0.0}", "{1.0}", "levels that differ between channels"),
        ("scale=float64[2]{1.0} shift=float64[2]{0.0,1.0}", "{1.0}", "levels that differ between channels"),
    ],
)
def test_other_convolutions_stay(levels: str, weight: str, why: str) -> None:
    assert_stays(
        binary_conv,
        f"""
{HEAD}
%real: real[2,2,2] = affine(%s) {levels}
%y: real[2,2,2] = conv(%real) {ONE} weight=float32[2,2,1,1]{weight}
return %y""",
    )


def test_a_real_input_stays() -> None:
    assert_stays(
        binary_conv,
        f"input %x: real[2,2,2]\n%y: real[1,2,2] = conv(%x) {ONE} weight=float32[1,2,1,1]{{1.0}}\nreturn %y",
    )


def test_levels_from_zero_are_counted_from_zero() -> None:
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%real: real[2,2,2] = affine(%s) scale=float64[2]{{0.5}} shift=float64[2]{{0.5}}
%y: real[1,4,4] = conv(%real) {AROUND} weight=float32[1,2,1,1]{{-1.0}}
return %y""",
        f"""
{HEAD}
%y_count: real[1,4,4] = bconv(%s) {AROUND} pad_value=0 zero_point=1 weight=int8[1,2,1,1]{{-1}}
%y: real[1,4,4] = affine(%y_count) scale=float64[1]{{0.5}} shift=float64[1]{{0.0}}
return %y""",
    )


def test_other_levels_without_padding_are_a_shift() -> None:
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%real: real[2,2,2] = affine(%s) scale=float64[2]{{1.0}} shift=float64[2]{{3.0}}
%y: real[2,2,2] = conv(%real) {ONE} weight=float32[2,2,1,1]{{0.5,0.5,-1.0,-1.0}}
return %y""",
        f"""
{HEAD}
%y_count: real[2,2,2] = bconv(%s) {ONE} pad_value=0 zero_point=0 weight=int8[2,2,1,1]{{1,1,-1,-1}}
%y: real[2,2,2] = affine(%y_count) scale=float64[2]{{0.5,1.0}} shift=float64[2]{{3.0,-6.0}}
return %y""",
    )


def test_other_levels_with_padding_are_a_map() -> None:
    border = "0.0,0.0,0.0,0.0,0.0,6.0,6.0,0.0,0.0,6.0,6.0,0.0,0.0,0.0,0.0,0.0"
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%real: real[2,2,2] = affine(%s) scale=float64[2]{{1.0}} shift=float64[2]{{3.0}}
%y: real[1,4,4] = conv(%real) {AROUND} weight=float32[1,2,1,1]{{1.0}}
return %y""",
        f"""
{HEAD}
%y_count: real[1,4,4] = bconv(%s) {AROUND} pad_value=0 zero_point=0 weight=int8[1,2,1,1]{{1}}
%y_border: real[1,4,4] = constant() value=float32[1,4,4]{{{border}}}
%y: real[1,4,4] = add(%y_count, %y_border)
return %y""",
    )


@pytest.mark.parametrize("value", [-1, 1])
def test_padding_with_signs(value: int) -> None:
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%p: sign[2,4,5] = pad(%s) padding=(1,2,1,1) value={value}.0
%y: real[1,4,5] = conv(%p) {ONE} weight=float32[1,2,1,1]{{1.0}}
return %y""",
        f"""
{HEAD}
%y: real[1,4,5] = bconv(%s) {ONE.replace("(0,0,0,0)", "(1,2,1,1)")} pad_value={value} zero_point=0 \
weight=int8[1,2,1,1]{{1}}
return %y""",
    )


def test_padding_with_the_level_zero_is_padding_with_zeros() -> None:
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%p: sign[2,4,4] = pad(%s) padding=(1,1,1,1) value=-1.0
%real: real[2,4,4] = affine(%p) scale=float64[2]{{1.0}} shift=float64[2]{{1.0}}
%y: real[1,6,6] = conv(%real) {AROUND} weight=float32[1,2,1,1]{{1.0}}
return %y""",
        f"""
{HEAD}
%y: real[1,6,6] = bconv(%s) {AROUND.replace("(1,1,1,1)", "(2,2,2,2)")} pad_value=0 zero_point=1 \
weight=int8[1,2,1,1]{{1}}
return %y""",
    )


@pytest.mark.parametrize(
    ("value", "levels", "around"),
    [(1.0, (1, 0), AROUND), (-1.0, (1, 0), AROUND), (1.0, (0.5, 0.5), ONE), (1.0, (1, -1), AROUND)],
)
def test_other_padding_stays(value: float, levels: tuple[float, float], around: str) -> None:
    """Zeros around signs around signs; +1 around levels that are counted from 0."""
    size = 6 if around == AROUND else 4
    graph = graph_of(f"""
{HEAD}
%p: sign[2,4,4] = pad(%s) padding=(1,1,1,1) value={value}
%real: real[2,4,4] = affine(%p) scale=float64[2]{{{levels[0]}}} shift=float64[2]{{{levels[1]}}}
%y: real[1,{size},{size}] = conv(%real) {around} weight=float32[1,2,1,1]{{-1.0}}
return %y""")
    found = binary_conv(graph)
    assert [node.op for node in found.nodes if node.op in ("conv", "bconv", "pad")] == ["pad", "bconv"]
    assert_same(graph, found)


def test_bits_are_moved_instead_of_reals() -> None:
    assert_becomes(
        binary_conv,
        f"""
{HEAD}
%real: real[2,2,2] = affine(%s) scale=float64[2]{{2.0}} shift=float64[2]{{1.0}}
%part: real[2,1,2] = slice(%real) start=(0,1,0) step=(1,1,1) size=(2,1,2)
%flat: real[4,1,1] = flatten(%part)
return %flat""",
        f"""
{HEAD}
%part_sign: sign[2,1,2] = slice(%s) start=(0,1,0) step=(1,1,1) size=(2,1,2)
%flat_sign: sign[4,1,1] = flatten(%part_sign)
%flat: real[4,1,1] = affine(%flat_sign) scale=float64[4]{{2.0}} shift=float64[4]{{1.0}}
return %flat""",
    )


@pytest.mark.parametrize("levels", [(0.7, 0.0), (0.3, 0.3), (0.3, 0.1), (-0.3, 0.3)])
@pytest.mark.parametrize("groups", [1, 3])
def test_any_levels_and_magnitudes(levels: tuple[float, float], groups: int) -> None:
    """Up to rounding: these are not whole numbers. Odd channels, strides, dilation, one-sided padding."""
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (6, 3 // groups, 3, 2)) * rng.random((6, 1, 1, 1))
    weight = ",".join(map(str, signs.astype(np.float32).ravel()))
    graph = graph_of(f"""
input %x: real[3,7,5]
%s: sign[3,7,5] = sign(%x)
%real: real[3,7,5] = affine(%s) scale=float64[3]{{{levels[0]}}} shift=float64[3]{{{levels[1]}}}
%y: real[6,3,6] = conv(%real) stride=(2,1) padding=(2,1,0,2) dilation=(2,2) groups={groups} \
weight=float32[6,{3 // groups},3,2]{{{weight}}}
return %y""")
    found = binary_conv(graph)
    assert "conv" not in [node.op for node in found.nodes]
    assert_same(graph, found, tolerance=1e-6)
