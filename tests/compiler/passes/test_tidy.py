"""What computes nothing goes; zeros around a convolution's input are its padding."""

import pytest

from signwise.compiler.passes.tidy import tidy
from tests.compiler.passes.lowered import assert_becomes, assert_stays

CONV = "stride=(1,1) padding={} dilation=(1,1) groups=1 weight=float32[1,2,2,2]{{1.0}}"


@pytest.mark.parametrize(
    "identity",
    [
        "affine(%a) scale=float64[2]{1.0} shift=float64[2]{-0.0}",
        "reshape(%a) shape=(2,1,1)",
        "flatten(%a)",
        "slice(%a) start=(0,0,0) step=(1,2,3) size=(2,1,1)",
        "pad(%a) padding=(0,0,0,0) value=3.0",
        "resize(%a) mode=bilinear align_corners=true size=(1,1)",
        "concat(%a)",
        "mean(%a) axes=(h,w)",
        "channels(%a) index=int32[2]{0,1}",
    ],
)
def test_identities_go(identity: str) -> None:
    assert_becomes(
        tidy,
        f"""
input %x: real[2,1,1]
%a: real[2,1,1] = unary(%x) function=abs
%dead: real[2,1,1] = unary(%x) function=exp
%same: real[2,1,1] = {identity}
%y: real[2,1,1] = unary(%same) function=square
return %y""",
        """
input %x: real[2,1,1]
%a: real[2,1,1] = unary(%x) function=abs
%y: real[2,1,1] = unary(%a) function=square
return %y""",
    )


@pytest.mark.parametrize(
    "step",
    [
        "%y: real[2,1,1] = affine(%s) scale=float64[2]{1.0} shift=float64[2]{0.0}",  # a sign becomes real
        "%y: real[2,1,1] = affine(%x) scale=float64[2]{1.0} shift=float64[2]{0.0,0.5}",
        "%y: real[2,1,1] = affine(%x) scale=float64[2]{1.0,-1.0} shift=float64[2]{0.0}",
        "%y: real[2,1,1] = channels(%x) index=int32[2]{1,0}",
        "%y: real[1,2,1] = reshape(%x) shape=(1,2,1)",
        "%y: real[2,1,1] = add(%x, %x)",
        "%y: real[2,1,1] = clamp(%x) low=-1.0 high=1.0",
        "%y: real[2,1,1] = resize(%s) mode=nearest align_corners=false size=(1,1)",
    ],
)
def test_what_computes_something_stays(step: str) -> None:
    assert_stays(tidy, f"input %x: real[2,1,1]\n%s: sign[2,1,1] = sign(%x)\n{step}\nreturn %s, %y")


def test_the_sign_of_a_sign_goes() -> None:
    assert_becomes(
        tidy,
        "input %x: real[2,1,1]\n%s: sign[2,1,1] = sign(%x)\n%y: sign[2,1,1] = sign(%s)\nreturn %y",
        "input %x: real[2,1,1]\n%y: sign[2,1,1] = sign(%x)\nreturn %y",
    )


def test_an_output_keeps_its_name() -> None:
    assert_becomes(
        tidy,
        """
input %x: real[2,1,1]
%a: real[2,1,1] = unary(%x) function=abs
%y: real[2,1,1] = flatten(%a)
%other: real[2,1,1] = unary(%a) function=sqrt
return %other, %y""",
        """
input %x: real[2,1,1]
%y: real[2,1,1] = unary(%x) function=abs
%other: real[2,1,1] = unary(%y) function=sqrt
return %other, %y""",
    )


@pytest.mark.parametrize("of", ["x", "a"])
def test_an_output_that_equals_the_input_or_another_output_stays(of: str) -> None:
    assert_stays(
        tidy,
        f"""
input %x: real[2,1,1]
%a: real[2,1,1] = unary(%x) function=abs
%y: real[2,1,1] = flatten(%{of})
return %a, %y""",
    )


def test_zeros_around_the_input_become_padding() -> None:
    assert_becomes(
        tidy,
        f"""
input %x: real[2,3,3]
%p: real[2,6,7] = pad(%x) padding=(1,2,2,2) value=-0.0
%q: real[2,6,8] = pad(%p) padding=(0,0,0,1) value=0.0
%y: real[1,7,7] = conv(%q) {CONV.format("(1,0,1,0)")}
return %y""",
        f"""
input %x: real[2,3,3]
%y: real[1,7,7] = conv(%x) {CONV.format("(2,2,3,3)")}
return %y""",
    )


def test_other_padding_stays() -> None:
    assert_stays(
        tidy,
        f"""
input %x: real[2,3,3]
%p: real[2,5,5] = pad(%x) padding=(1,1,1,1) value=1.0
%y: real[1,4,4] = conv(%p) {CONV.format("(0,0,0,0)")}
return %y""",
    )
