"""Slots: never shared by values that are alive together, shared where they can be."""

import re

from hypothesis import given, settings

from signwise.compiler.ir import Graph
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.compiler.spec import check
from signwise.compiler.text import to_text
from tests.compiler.passes.lowered import graph_of
from tests.compiler.passes.primitive_graphs import graphs


def test_a_chain_takes_two_slots_and_a_shortcut_a_third() -> None:
    graph = graph_of("""
input %x: real[8,2,2]
%a: real[8,2,2] = unary(%x) function=abs
%b: real[8,2,2] = unary(%a) function=abs
%c: real[8,2,2] = unary(%b) function=abs
%d: real[8,2,2] = add(%c, %a)
%e: real[8,2,2] = unary(%d) function=abs
return %e""")
    assert (
        "\n".join(line.partition(" =")[0] for line in to_text(plan_memory(graph)).split("\n"))
        == """\
input %x: real[8,2,2]@0
%a: real[8,2,2]@1
%b: real[8,2,2]@0
%c: real[8,2,2]@2
%d: real[8,2,2]@0
%e: real[8,2,2]@1
return %e"""
    )


def test_small_values_take_the_room_of_large_ones() -> None:
    graph = graph_of("""
input %x: real[64,2,2]
%r: real[64,2,2], %s: sign[64,2,2] = map(%x)
%m: real[64,1,1] = mean(%r) axes=(h,w)
%t: sign[64,2,2] = pad(%s) padding=(0,0,0,0) value=1.0
return %m, %t""")
    slots = {name: value.slot for name, value in plan_memory(graph).values().items()}
    assert slots == {"x": 0, "r": 1, "s": 2, "m": 0, "t": 1}


def test_a_residual_is_overwritten_where_it_is_needed_no_more() -> None:
    graph = graph_of("""
input %x: real[8,2,2]
%s: sign[8,2,2] = map(%x)
%a: real[8,2,2], %t: sign[8,2,2] = map(%s, %x) residual=1
%b: real[8,2,2] = map(%t, %a) residual=1
%c: real[8,2,2] = map(%a, %b) residual=1
%d: real[8,2,2] = map(%c, %c) residual=1
return %d""")
    slots = {name: value.slot for name, value in plan_memory(graph).values().items()}
    assert slots == {"x": 0, "s": 1, "a": 0, "t": 2, "b": 1, "c": 1, "d": 0}


def test_what_nobody_reads_and_what_is_returned() -> None:
    graph = graph_of("""
input %x: real[1,1,1]
%r: real[1,1,1], %s: sign[1,1,1] = map(%x)
%u: real[1,1,1], %v: sign[1,1,1] = map(%r)
%w: sign[1,1,1] = map(%u)
return %v, %w""")
    check(plan_memory(graph))


@settings(max_examples=100, deadline=None)
@given(graph=graphs())
def test_values_that_are_alive_together_have_slots_of_their_own(graph: Graph) -> None:
    """Simulated: each slot holds the value written last, and whoever reads must find theirs."""
    planned = plan_memory(graph)
    check(planned)
    values = planned.values()
    held = {planned.input.slot: planned.input.name}
    for node in planned.nodes:
        assert all(held[values[name].slot] == name for name in node.inputs)
        held |= {value.slot: value.name for value in node.outputs}
        assert all(held[values[name].slot] == name for name in node.inputs)  # also while it writes
        assert all(held[value.slot] == value.name for value in node.outputs)
    assert all(held[values[name].slot] == name for name in planned.outputs)
    assert re.sub(r"@\d+", "", to_text(planned)) == to_text(graph)


def test_what_a_convolution_reads_lives_through_the_pool_behind_it() -> None:
    graph = graph_of(
        "input %x: real[1,4,4]\n"
        "%c: real[1,4,4] = conv(%x) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 weight=float32[1,1,1,1]{1}\n"
        "%y: real[1,4,4] = max_pool(%c) kernel=(1,1) stride=(1,1) padding=(0,0,0,0) dilation=(1,1)\nreturn %y"
    )
    slots = [value.slot for value in plan_memory(graph).values().values()]
    assert len(set(slots)) == 3
