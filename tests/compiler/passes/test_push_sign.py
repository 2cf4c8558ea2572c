"""Signs before pools and moves."""

import pytest

from signwise.compiler.passes.push_sign import push_sign
from tests.compiler.passes.lowered import assert_becomes, assert_stays

POOL = "kernel=(2,2) stride=(2,2) padding=(1,1,1,1) dilation=(1,1)"


def test_max_pool() -> None:
    """Where the comparison goes down, the pool takes the largest of the complement, which begins above."""
    assert_becomes(
        push_sign,
        f"""
input %x: real[3,4,4]
%p: real[3,3,3] = max_pool(%x) {POOL}
%s: sign[3,3,3] = map(%p) threshold=float32[3]{{0.0,2.0,-1.0}} direction=int8[3]{{1,-1,-1}}
return %s""",
        f"""
input %x: real[3,4,4]
%x_sign: sign[3,4,4] = map(%x) threshold=float32[3]{{0.0,2.0000002,-0.99999994}}
%s: sign[3,3,3] = max_pool(%x_sign) {POOL} direction=int8[3]{{1,-1,-1}}
return %s""",
    )


def test_max_pool_upwards() -> None:
    assert_becomes(
        push_sign,
        f"input %x: real[1,4,4]\n%p: real[1,3,3] = max_pool(%x) {POOL}\n%s: sign[1,3,3] = map(%p)\nreturn %s",
        f"input %x: real[1,4,4]\n%x_sign: sign[1,4,4] = map(%x)\n%s: sign[1,3,3] = max_pool(%x_sign) {POOL}\nreturn %s",
    )


@pytest.mark.parametrize("move", ["flatten(%x)", "reshape(%x) shape=(4,1,1)"])
def test_flatten(move: str) -> None:
    assert_becomes(
        push_sign,
        f"""
input %x: real[2,1,2]
%f: real[4,1,1] = {move}
%s: sign[4,1,1] = map(%f) threshold=float32[4]{{1.0,1.0,2.0,2.0}} direction=int8[4]{{1,1,-1,-1}}
return %s""",
        f"""
input %x: real[2,1,2]
%x_sign: sign[2,1,2] = map(%x) threshold=float32[2]{{1.0,2.0}} direction=int8[2]{{1,-1}}
%s: sign[4,1,1] = {move.replace("%x", "%x_sign")}
return %s""",
    )


def test_a_flattened_channel_with_two_thresholds_stays() -> None:
    assert_stays(
        push_sign,
        """
input %x: real[2,1,2]
%f: real[4,1,1] = flatten(%x)
%s: sign[4,1,1] = map(%f) threshold=float32[4]{1.0,1.5,2.0,2.0}
return %s""",
    )


SLICED = """
input %x: real[5,4,4]
%a: real[5,4,4] = unary(%x) function=abs
%p: real[2,2,2] = slice(%a) start=(1,0,0) step=(2,2,2) size=(2,2,2)
%s: sign[2,2,2] = map(%p) threshold=float32[2]{1.0,2.0} direction=int8[2]{1,-1}
return %s"""


def test_slice() -> None:
    assert_becomes(
        push_sign,
        SLICED,
        """
input %x: real[5,4,4]
%a: real[5,4,4] = unary(%x) function=abs
%a_sign: sign[5,4,4] = map(%a) threshold=float32[5]{0.0,1.0,0.0,2.0,0.0} direction=int8[5]{1,1,1,-1,1}
%s: sign[2,2,2] = slice(%a_sign) start=(1,0,0) step=(2,2,2) size=(2,2,2)
return %s""",
    )


def test_a_slice_of_what_others_read_stays() -> None:
    assert_stays(push_sign, SLICED.replace("return %s", "return %s, %a"))


@pytest.mark.parametrize(("threshold", "sign"), [("{0.0}", "1.0"), ("{0.5,3.0}", "-1.0")])
def test_pad(threshold: str, sign: str) -> None:
    text = """
input %x: real[2,2,2]
%p: real[2,4,4] = pad(%x) padding=(1,1,1,1) value=0.0
%s: sign[2,4,4] = map(%p) threshold=float32[2]{0.0}
return %s""".replace("{0.0}", threshold)
    compared = "" if threshold == "{0.0}" else f" threshold=float32[2]{threshold}"
    assert_becomes(
        push_sign,
        text,
        f"""
input %x: real[2,2,2]
%x_sign: sign[2,2,2] = map(%x){compared}
%s: sign[2,4,4] = pad(%x_sign) padding=(1,1,1,1) value={sign}
return %s""",
    )


def test_a_border_of_both_signs_stays() -> None:
    assert_stays(
        push_sign,
        """
input %x: real[2,2,2]
%p: real[2,4,4] = pad(%x) padding=(1,1,1,1) value=0.0
%s: sign[2,4,4] = map(%p) threshold=float32[2]{-1.0,1.0}
return %s""",
    )


def test_concat() -> None:
    assert_becomes(
        push_sign,
        """
input %x: real[2,1,1]
%y: real[1,1,1] = mean(%x) axes=(c)
%c: real[5,1,1] = concat(%x, %y, %x)
%s: sign[5,1,1] = map(%c) threshold=float32[5]{1.0,2.0,3.0,4.0,5.0} direction=int8[5]{1,1,-1,1,-1}
return %s""",
        """
input %x: real[2,1,1]
%y: real[1,1,1] = mean(%x) axes=(c)
%x_sign: sign[2,1,1] = map(%x) threshold=float32[2]{1.0,2.0}
%y_sign1: sign[1,1,1] = map(%y) threshold=float32[1]{3.0} direction=int8[1]{-1}
%x_sign2: sign[2,1,1] = map(%x) threshold=float32[2]{4.0,5.0} direction=int8[2]{1,-1}
%s: sign[5,1,1] = concat(%x_sign, %y_sign1, %x_sign2)
return %s""",
    )


def test_what_others_read_stays() -> None:
    assert_stays(
        push_sign,
        f"input %x: real[1,4,4]\n%p: real[1,3,3] = max_pool(%x) {POOL}\n%s: sign[1,3,3] = map(%p)\nreturn %s, %p",
    )


def test_a_pool_that_already_ends_in_a_comparison_stays() -> None:
    assert_stays(
        push_sign,
        f"""
input %x: real[1,4,4]
%s: sign[1,4,4] = map(%x)
%p: sign[1,3,3] = max_pool(%s) {POOL} direction=int8[1]{{-1}}
%t: sign[1,3,3] = map(%p) threshold=float32[1]{{-3.0}}
return %t""",
    )
