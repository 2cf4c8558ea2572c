"""Maps from signs to reals, one for all who read reals."""

from signwise.compiler.passes.read_reals import read_reals
from signwise.compiler.spec import check_fused
from tests.compiler.passes.lowered import assert_becomes, assert_stays, graph_of

CONV = "stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 weight=float32[1,2,1,1]{0.5,2.0}"


def test_one_map_for_all_who_read_reals() -> None:
    assert_becomes(
        read_reals,
        f"""
input %x: real[2,1,1]
%r: real[2,1,1], %s: sign[2,1,1] = map(%x)  // layer
%y: real[1,1,1] = conv(%s) {CONV}
%z: real[2,1,1] = mul(%s, %s)
%p: sign[2,1,1] = pad(%s) padding=(0,0,0,0) value=1.0
return %r, %y, %z, %p""",
        f"""
input %x: real[2,1,1]
%r: real[2,1,1], %s: sign[2,1,1] = map(%x)  // layer
%s_real: real[2,1,1] = map(%s)  // layer
%y: real[1,1,1] = conv(%s_real) {CONV}
%z: real[2,1,1] = mul(%s_real, %s_real)
%p: sign[2,1,1] = pad(%s) padding=(0,0,0,0) value=1.0
return %r, %y, %z, %p""",
    )


def test_who_reads_either_kind_reads_the_bits() -> None:
    assert_stays(
        read_reals,
        """
input %x: real[2,1,1]
%s: sign[2,1,1] = map(%x)
%m: real[2,1,1] = map(%s, %x) residual=1
%c: sign[4,1,1] = concat(%s, %s)
return %m, %c""",
    )


def test_after_it_every_kernel_has_what_it_reads() -> None:
    graph = graph_of(f"input %x: real[2,1,1]\n%s: sign[2,1,1] = map(%x)\n%y: real[1,1,1] = conv(%s) {CONV}\nreturn %y")
    check_fused(read_reals(graph))
