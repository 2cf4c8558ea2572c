"""How passes change a graph: rules that look at one node and say what takes whose place."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count

from signwise.compiler.ir import Graph, Node

# Which nodes take the place of a node, which is named by its first output.
Change = Mapping[str, Sequence[Node]]


class View:
    """A graph as rules see it: who makes a value, who reads it."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.types = {name: value.type for name, value in graph.values().items()}
        self.producers, self.readers = graph.producers(), graph.consumers()

    def private(self, name: str) -> Node | None:
        """The node behind a value that one node reads, once, and that the graph does not return."""
        readers = self.readers[name]
        seen_once = len(readers) == 1 and readers[0].inputs.count(name) == 1 and name not in self.graph.outputs
        return self.producers.get(name) if seen_once else None

    def fresh(self, name: str) -> str:
        """A name that no value has yet."""
        return next(free for free in chain([name], (f"{name}{n}" for n in count(2))) if free not in self.types)


Rule = Callable[[Node, View], Change | None]


def rewrite(graph: Graph, *rules: Rule) -> Graph:
    """Apply rules, one change at a time, until none of them finds any; then the same graph comes back."""
    graph, changed = without_dead_nodes(graph), True
    while changed:
        view, changed = View(graph), False
        found = (change for node in graph.nodes for rule in rules if (change := rule(node, view)) is not None)
        for change in found:
            nodes = chain.from_iterable(change.get(node.outputs[0].name, (node,)) for node in graph.nodes)
            graph, changed = without_dead_nodes(graph.with_nodes(tuple(nodes))), True
            break
    return graph


def without_dead_nodes(graph: Graph) -> Graph:
    """Only the nodes that an output depends on."""
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if needed.intersection(value.name for value in node.outputs):
            needed.update(node.inputs)
    nodes = tuple(node for node in graph.nodes if needed.intersection(value.name for value in node.outputs))
    return graph if len(nodes) == len(graph.nodes) else graph.with_nodes(nodes)
