"""From primitives to what the runtime carries out: nothing changes but the form, and the form is the wanted one."""

from hypothesis import given, settings

from signwise.compiler.ir import Graph
from signwise.compiler.pipeline import PASSES
from tests.compiler.passes.primitive_graphs import assert_same, graphs


@settings(max_examples=300, deadline=None)
@given(graph=graphs())
def test_no_pass_changes_a_bit(graph: Graph) -> None:
    for run in PASSES:
        before, graph = graph, run(graph)
        assert_same(before, graph, why=run.__name__)
