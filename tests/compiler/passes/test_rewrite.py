"""Rules are applied until none finds anything, and what nobody needs goes."""

from signwise.compiler.ir import Node
from signwise.compiler.passes.rewrite import Change, View, rewrite, without_dead_nodes
from signwise.compiler.text import to_text
from tests.compiler.passes.lowered import graph_of

SIGNS = """
input %x: real[1,1,2]
%a: sign[1,1,2] = sign(%x)
%b: sign[1,1,2] = sign(%a)
%c: sign[1,1,2] = sign(%b)
%dead: real[2,1,1] = flatten(%c)
return %c"""


def read_the_input(node: Node, view: View) -> Change | None:
    return {node.output.name: (node.with_(inputs=("x",)),)} if node.inputs != ("x",) else None


def test_rules_apply_until_nothing_changes() -> None:
    graph = rewrite(graph_of(SIGNS.replace("real[2,1,1]", "sign[2,1,1]")), read_the_input)
    assert to_text(graph) == "input %x: real[1,1,2]\n%c: sign[1,1,2] = sign(%x)\nreturn %c"
    assert rewrite(graph, read_the_input) is graph


def test_a_node_stays_while_one_of_its_outputs_is_needed() -> None:
    graph = graph_of("""
input %x: real[1,1,2]
%r: real[1,1,2], %s: sign[1,1,2] = map(%x)
return %s""")
    assert without_dead_nodes(graph) is graph


def test_a_view_knows_who_reads_a_value_alone() -> None:
    view = View(
        graph_of("""
input %x: real[1,1,2]
%once: sign[1,1,2] = sign(%x)
%twice: sign[1,1,2] = sign(%once)
%joined: sign[2,1,2] = concat(%twice, %twice)
%two: sign[2,1,2] = sign(%joined)
%other: sign[2,1,2] = sign(%joined)
return %two, %other""")
    )
    alone = [name for name in view.types if view.private(name)]
    assert alone == ["once"]  # not x, which no node makes; not an output; not what is read twice
    assert [view.fresh(name) for name in ("new", "x")] == ["new", "x2"]
