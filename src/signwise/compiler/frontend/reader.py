"""Goes through an exported program once, operation by operation, and writes its graph."""

import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from signwise.compiler.frontend.builder import Builder, Wire
from signwise.compiler.frontend.levels import function_of_sign
from signwise.compiler.frontend.moves import MOVES, move, settle
from signwise.compiler.frontend.shaping import constant
from signwise.compiler.frontend.table import LOWERINGS, MOVING
from signwise.compiler.ir import Graph, Node, Value
from signwise.core.errors import LoweringError

aten = torch.ops.aten
SHAPED_LIKE = frozenset({aten.empty_like.default, aten.full_like.default})  # constants, whatever their input holds
_OUTSIDE = "Leave it out of the network and apply it to the results."
REMEDIES = {
    "_log_softmax": _OUTSIDE,
    "_native_batch_norm_legit": "Give the norm running statistics: track_running_stats=True.",
    "_softmax": _OUTSIDE,
    "argmax": _OUTSIDE,
    "convolution": "In place of a transposed convolution, enlarge with torch.nn.Upsample and convolve then.",
    "eq": "Compare with >= or <=.",
    "max_pool2d_with_indices": "Call the pool without return_indices.",
    "ne": "Compare with >= or <=.",
    "topk": _OUTSIDE,
}


def results_of(program: ExportedProgram) -> dict[str, fx.Node]:
    """The tensors that a program returns, by name. Errors: LoweringError where it changes its own state."""
    (returned,) = next(reversed(program.graph.nodes)).args
    kept = []
    for node, spec in zip(returned, program.graph_signature.output_specs, strict=True):
        if spec.kind in (OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION):
            raise LoweringError(
                f"the network changes its buffer {spec.target!r} in evaluation; allowed: a forward pass that "
                "changes nothing. Change it in training only."
            )
        kept += [node] if spec.kind is OutputKind.USER_OUTPUT else []
    results: dict[str, fx.Node] = {}
    for path, leaf in pytree.tree_leaves_with_path(pytree.tree_unflatten(kept, program.call_spec.out_spec)):
        if isinstance(leaf, fx.Node):
            results[_output_name(path, results)] = leaf
    return results


class Reader:
    """``found`` holds what each node of the program became: a Wire, a constant, or several of them."""

    def __init__(self, program: ExportedProgram):
        self.program = program
        self.found: dict[fx.Node, Any] = {}
        self.nodes = list(program.graph.nodes)

    def graph(self, results: Mapping[str, fx.Node]) -> Graph:
        """The graph that gives these results under their names. Errors: LoweringError."""
        self.builder = g = Builder(results)
        inputs = [node for node in self.nodes if node.op == "placeholder"]
        stored = self.program.state_dict | self.program.constants
        for node, spec in zip(inputs, self.program.graph_signature.input_specs, strict=True):
            if spec.kind is InputKind.USER_INPUT:
                self.found[node] = image = g.input(_shape(node))
            else:
                self.found[node] = stored[spec.target]
        for node in _needed(self.nodes, results.values()):
            if node not in self.found:
                self._locate(node)
                self.found[node] = self._read(node)
        names: dict[str, str] = {}
        for name, node in results.items():
            self._locate(node)
            names[self._output(node, names).name] = name
        return Graph(image.value, tuple(_finished(g.nodes, names)), tuple(results))

    def _locate(self, node: fx.Node) -> None:
        stack = node.meta.get("nn_module_stack") or {"": ("", "")}
        path, kind = list(stack.values())[-1]
        shapes = [wire.shape[1:] for wire in self._wires(node)]
        target: Any = node.target
        operation = str(getattr(target, "_opname", getattr(target, "__name__", target)))
        self.builder.locate(path.partition("@")[0], str(kind).rpartition(".")[2], operation, *shapes[:1])
        self.builder.shape = _shape(node)

    def _wires(self, node: fx.Node) -> list[Wire]:
        found = pytree.tree_leaves([self.found[source] for source in node.all_input_nodes])
        return [leaf for leaf in found if isinstance(leaf, Wire)]

    def _read(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(self.program.graph_module)
        found: Any = fx.map_arg((node.args, node.kwargs), self.found.__getitem__)
        args, kwargs = found
        target: Any = node.target
        if target is operator.getitem:
            return self._item(*args)
        if torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()):
            raise self.builder.fail("it draws random numbers; allowed: a fixed result. Leave it out in evaluation.")
        if not self._wires(node):
            with torch.no_grad():
                return target(*args, **kwargs)
        if target in SHAPED_LIKE:
            return target(torch.empty(args[0].shape, dtype=args[0].dtype), *args[1:], **kwargs)
        if target in MOVES:
            result = move(self.builder, args[0], lambda places: target(places, *args[1:], **kwargs))
        else:
            args, kwargs = (args, kwargs) if target in MOVING else pytree.tree_map(self._settled, (args, kwargs))
            result = function_of_sign(target, args, kwargs) or self._lowered(target, args, kwargs)
        return self._typed(node, result)

    def _item(self, results: Any, index: int) -> Any:
        if index >= len(results):
            raise self.builder.fail(f"its result {index} has no operation; allowed: result 0. Leave it out.")
        return results[index]

    def _settled(self, leaf: Any) -> Any:
        return settle(self.builder, leaf) if isinstance(leaf, Wire) else leaf

    def _lowered(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target not in LOWERINGS:
            remedy = REMEDIES.get(self.builder.operation, "Write it with operations that docs/compiler.md lists.")
            raise self.builder.fail(f"there is no such operation in the graph. {remedy}")
        return LOWERINGS[target](self.builder, *args, **kwargs)

    def _typed(self, node: fx.Node, result: Any) -> Any:
        """The result with its dtype. Only float32 is computed with; a sign may have levels of any dtype."""
        if isinstance(result, tuple):
            return tuple(self._checked(*pair) for pair in zip(result, node.meta["val"], strict=False))
        return self._checked(result, node.meta["val"])

    def _checked(self, wire: Wire, like: Tensor) -> Wire:
        if wire.levels is None and like.dtype != torch.float32:
            raise self.builder.fail(f"it computes in {like.dtype}; allowed: torch.float32. Leave the cast out.")
        return replace(wire, dtype=like.dtype)

    def _output(self, node: fx.Node, taken: Mapping[str, str]) -> Value:
        """The value of a result, one that is no other result."""
        g, found = self.builder, self.found[node]
        wire = g.real(settle(g, found)) if isinstance(found, Wire) else constant(g, found)
        while wire.value.name in {"input", *taken}:
            type = wire.value.type
            wire = g.emit("reshape", [wire], wire.shape, kind=type.kind, attrs={"shape": type.shape})
        return wire.value


def _shape(node: fx.Node) -> tuple[int, ...]:
    """The shape of the (first) tensor that a node gives."""
    value = node.meta.get("val")
    first = value[0] if isinstance(value, (tuple, list)) else value
    return tuple(first.shape) if isinstance(first, Tensor) else ()


def _needed(nodes: Sequence[fx.Node], results: Iterable[fx.Node]) -> Iterator[fx.Node]:
    """The nodes that the results depend on, in order."""
    needed = set(results)
    for node in reversed(nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    return (node for node in nodes if node in needed)


def _output_name(path: tuple[Any, ...], taken: Iterable[str]) -> str:
    """The keys on the way to a result; with "output" before an index, and where there is no key."""
    name = re.sub(r"\W+", "_", pytree.keystr(path), flags=re.ASCII).strip("_")
    if not name or name[0].isdigit() or name == "input":
        name = f"output_{name}".rstrip("_")
    return next(free for free in (name + "_" * more for more in count()) if free not in taken)


def _finished(nodes: Sequence[Node], names: Mapping[str, str]) -> Iterator[Node]:
    """The nodes that the outputs depend on; ``names`` are the outputs' values with their new names."""
    needed = set(names)
    for node in reversed(nodes):
        if node.output.name in needed:
            needed.update(node.inputs)
    for node in nodes:
        if node.output.name not in needed:
            continue
        outputs = tuple(replace(value, name=names.get(value.name, value.name)) for value in node.outputs)
        yield node.with_(inputs=tuple(names.get(name, name) for name in node.inputs), outputs=outputs)
