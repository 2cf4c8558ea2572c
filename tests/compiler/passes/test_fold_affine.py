"""Affine functions meet, in float64."""

import pytest

from signwise.compiler.passes.fold_affine import fold_affine
from tests.compiler.passes.lowered import assert_becomes, assert_stays, graph_of

CONV = "stride=(1,1) padding={} dilation=(1,1) groups={}"


def test_of_an_affine() -> None:
    """-2 (x + 3) + 1, and what is nothing in the end goes."""
    assert_becomes(
        fold_affine,
        """
input %x: real[1,2,2]
%a: real[1,2,2] = affine(%x) scale=float64[1]{0.5} shift=float64[1]{3.0}  // first
%b: real[1,2,2] = affine(%a) scale=float64[1]{-2.0} shift=float64[1]{1.0}  // second
%c: real[1,2,2] = unary(%b) function=abs
%d: real[1,2,2] = affine(%c) scale=float64[1]{2.0} shift=float64[1]{-1.0}
%e: real[1,2,2] = affine(%d) scale=float64[1]{0.5} shift=float64[1]{0.5}
%f: real[1,2,2] = unary(%e) function=square
return %f""",
        """
input %x: real[1,2,2]
%b: real[1,2,2] = affine(%x) scale=float64[1]{-1.0} shift=float64[1]{-5.0}  // first
%c: real[1,2,2] = unary(%b) function=abs
%f: real[1,2,2] = unary(%c) function=square
return %f""",
    )


def test_in_float64() -> None:
    """0.1 x 10 - 1 is 0; with 0.1 rounded to float32 in between it is not."""
    graph = graph_of("""
input %x: real[1,1,1]
%a: real[1,1,1] = affine(%x) scale=float64[1]{0.0} shift=float64[1]{0.1}
%b: real[1,1,1] = affine(%a) scale=float64[1]{10.0} shift=float64[1]{-1.0}
return %b""")
    (node,) = fold_affine(graph).nodes
    assert node.consts["shift"] == 0


def test_what_others_read_stays() -> None:
    assert_stays(
        fold_affine,
        """
input %x: real[1,2,2]
%a: real[1,2,2] = affine(%x) scale=float64[1]{0.5} shift=float64[1]{3.0}
%b: real[1,2,2] = affine(%a) scale=float64[1]{-2.0} shift=float64[1]{1.0}
return %a, %b""",
    )


@pytest.mark.parametrize("order", ["%x, %c", "%c, %x"])
def test_of_a_sum_with_a_constant(order: str) -> None:
    assert_becomes(
        fold_affine,
        f"""
input %x: real[2,1,2]
%c: real[2,1,2] = constant() value=float32[2,1,2]{{1.0,2.0,3.0,4.0}}
%a: real[2,1,2] = add({order})
%b: real[2,1,2] = affine(%a) scale=float64[2]{{2.0,-1.0}} shift=float64[2]{{0.0,10.0}}
return %b""",
        """
input %x: real[2,1,2]
%b_scaled: real[2,1,2] = affine(%x) scale=float64[2]{2.0,-1.0} shift=float64[2]{0.0}
%b_border: real[2,1,2] = constant() value=float32[2,1,2]{2.0,4.0,7.0,6.0}
%b: real[2,1,2] = add(%b_scaled, %b_border)
return %b""",
    )


@pytest.mark.parametrize("other", ["%x, %x", "%c, %m"])
def test_other_sums_stay(other: str) -> None:
    """A sum of two reals; a constant that is larger than the other operand."""
    assert_stays(
        fold_affine,
        f"""
input %x: real[2,1,2]
%c: real[2,1,2] = constant() value=float32[2,1,2]{{1.0}}
%m: real[2,1,1] = mean(%x) axes=(w)
%a: real[2,1,2] = add({other})
%b: real[2,1,2] = affine(%a) scale=float64[2]{{2.0}} shift=float64[2]{{1.0}}
return %b, %c, %m""",
    )


def test_into_a_convolution() -> None:
    assert_becomes(
        fold_affine,
        f"""
input %x: real[2,2,2]
%a: real[2,2,2] = affine(%x) scale=float64[2]{{2.0,-1.0}} shift=float64[2]{{1.0,3.0}}
%y: real[2,1,2] = conv(%a) {CONV.format("(0,0,0,0)", 1)} weight=float32[2,2,2,1]{{1.0,2.0,3.0,4.0,0.0,0.0,1.0,1.0}}
return %y""",
        f"""
input %x: real[2,2,2]
%y_scaled: real[2,1,2] = conv(%x) {CONV.format("(0,0,0,0)", 1)} \
weight=float32[2,2,2,1]{{2.0,4.0,-3.0,-4.0,0.0,0.0,-1.0,-1.0}}
%y: real[2,1,2] = affine(%y_scaled) scale=float64[2]{{1.0}} shift=float64[2]{{24.0,6.0}}
return %y""",
    )


def test_a_scale_into_a_convolution_with_padding_and_groups() -> None:
    assert_becomes(
        fold_affine,
        f"""
input %x: real[2,2,2]
%a: real[2,2,2] = affine(%x) scale=float64[2]{{2.0,-1.0}} shift=float64[2]{{0.0}}
%y: real[4,4,4] = conv(%a) {CONV.format("(1,1,1,1)", 2)} weight=float32[4,1,1,1]{{1.0,2.0,3.0,4.0}}
return %y""",
        f"""
input %x: real[2,2,2]
%y: real[4,4,4] = conv(%x) {CONV.format("(1,1,1,1)", 2)} weight=float32[4,1,1,1]{{2.0,4.0,-3.0,-4.0}}
return %y""",
    )


@pytest.mark.parametrize(
    ("made", "shift"), [("affine(%x)", "1.0"), ("affine(%s)", "0.0")], ids=["shift under padding", "levels of a sign"]
)
def test_other_convolutions_stay(made: str, shift: str) -> None:
    assert_stays(
        fold_affine,
        f"""
input %x: real[1,2,2]
%s: sign[1,2,2] = sign(%x)
%a: real[1,2,2] = {made} scale=float64[1]{{2.0}} shift=float64[1]{{{shift}}}
%y: real[1,4,4] = conv(%a) {CONV.format("(1,1,1,1)", 1)} weight=float32[1,1,1,1]{{3.0}}
return %y, %s""",
    )
