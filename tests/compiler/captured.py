"""Capturing a module, running the graph, and holding it against the module itself."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from signwise.compiler.frontend import capture
from signwise.compiler.interpreter import run
from signwise.compiler.ir import Graph, Node
from signwise.compiler.spec import check

Function = Callable[[Tensor], Any]


class Step(nn.Module):
    """A function as a module."""

    def __init__(self, function: Function):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Together(nn.Module):
    """Many functions of one input, each on a copy of it: one export for all."""

    def __init__(self, functions: Mapping[str, Function]):
        super().__init__()
        self.steps = nn.ModuleList(Step(function) for function in functions.values())
        self.labels = [label(name) for name in functions]

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {label: step(x.clone()) for label, step in zip(self.labels, self.steps, strict=True)}


def label(name: str) -> str:
    return re.sub(r"\W+", "_", name)


def seeded(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def captured(function: Function, x: Tensor) -> Graph:
    graph = capture((function if isinstance(function, nn.Module) else Step(function)).eval(), x[:1])
    check(graph)
    return graph


def results(function: Function, x: Tensor) -> tuple[Graph, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The graph, and for each of its outputs what it gives on the whole batch and what PyTorch gives."""
    graph = captured(function, x)
    found = run(graph, x.reshape(len(x), *graph.input.type.shape).numpy())
    with torch.no_grad():
        wanted = [y.float().numpy() for y in pytree.tree_leaves(function(x))]
    pairs = zip(graph.outputs, wanted, strict=True)
    return graph, {name: (found[name].astype(np.float32).reshape(y.shape), y) for name, y in pairs}


def assert_close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-5) -> None:
    """Equal up to ``tolerance`` times the largest element wanted."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.nanmax(np.abs(wanted), initial=0))


def compare(function: Function, x: Tensor, tolerance: float = 1e-5) -> Graph:
    """The graph, after all its outputs were found to be those of PyTorch."""
    graph, pairs = results(function, x)
    for found, wanted in pairs.values():
        assert_close(found, wanted, tolerance)
    return graph


def behind(graph: Graph, name: str) -> list[Node]:
    """The nodes that a value depends on, in order."""
    needed, nodes = {name}, []
    for node in reversed(graph.nodes):
        if node.output.name in needed:
            needed |= set(node.inputs)
            nodes.append(node)
    return nodes[::-1]


def operations(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def only(graph: Graph, op: str) -> Node:
    (node,) = (node for node in graph.nodes if node.op == op)
    return node
