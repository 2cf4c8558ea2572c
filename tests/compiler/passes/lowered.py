"""Graphs as texts, before and after a pass."""

from collections.abc import Callable

from signwise.compiler.ir import Graph
from signwise.compiler.spec import check
from signwise.compiler.text import parse, to_text
from tests.compiler.passes.primitive_graphs import assert_same


def graph_of(text: str) -> Graph:
    graph = parse(text.strip())
    check(graph)
    return graph


def assert_becomes(run: Callable[[Graph], Graph], before: str, after: str) -> None:
    """The pass makes one text of the other, and both compute the same on whole numbers; nothing is left to do."""
    graph = graph_of(before)
    found = run(graph)
    assert to_text(found, constants=True).split("\n") == after.strip().split("\n")
    assert_same(graph, found)
    assert run(found) is found


def assert_stays(run: Callable[[Graph], Graph], text: str) -> None:
    graph = graph_of(text)
    assert run(graph) is graph
