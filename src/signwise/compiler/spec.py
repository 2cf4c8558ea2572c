"""Whether a graph says what docs/compiler.md allows; run on every graph, before and after each pass."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from signwise.compiler.ir import BYTE, REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.ops import ABSORBED, EPILOGUE_ATTRS, EPILOGUE_CONSTS, OPS, infer, lookup
from signwise.compiler.shapes import wrong
from signwise.core.errors import LoweringError
from signwise.core.registry import suggestion

MOST_BYTE_TAPS = 2**16  # so that sums of bytes times int8 have 32 bits
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def check(graph: Graph) -> None:
    """Raise LoweringError, naming node and rule, unless every node is complete and of the types it declares.

    >>> from signwise.compiler.text import parse
    >>> check(parse("input %x: real[1,1,3]\\n%s: sign[1,1,4] = sign(%x)\\nreturn %s"))
    Traceback (most recent call last):
    signwise.core.errors.LoweringError: SW401: sign %s: declares sign[1,1,4]; its inputs, attributes and constants give
    sign[1,1,3]
    """
    if graph.input.type.kind == SIGN or min(graph.input.type.shape) < 1:
        raise LoweringError(
            f"input %{graph.input.name} is {graph.input.type}; expected real or byte, every size at least 1"
        )
    types: dict[str, Type] = {}
    _define(types, graph.input, "input")
    for node in graph.nodes:
        _check_node(node, types)
        for value in node.outputs:
            _define(types, value, node.op)
    for name in graph.outputs:
        if name not in types or types[name].kind == BYTE:
            raise LoweringError(f"the graph returns %{name}, which no node defines")
    if len(set(graph.outputs)) != len(graph.outputs) or not graph.outputs:
        raise LoweringError(f"the graph returns {graph.outputs}; expected one value or more, each once")
    _check_slots(graph)


def check_fused(graph: Graph) -> None:
    """:func:`check`, and that the passes are done: every operation is one that a kernel carries out, on its kind."""
    check(graph)
    types = {name: value.type for name, value in graph.values().items()}
    for node in graph.nodes:
        if node.op in ABSORBED:
            raise wrong(node, "is left over; expected: fused into the epilogue before it, or made a map")
        for name in node.inputs[: OPS[node.op].inputs]:
            if OPS[node.op].reads not in (None, types[name].kind) and types[name].kind != BYTE:
                raise wrong(node, f"reads %{name}, {types[name]}; its kernel reads real only, put a map between")


def _define(types: dict[str, Type], value: Value, op: str) -> None:
    if not NAME.fullmatch(value.name) or value.name.endswith(".count"):
        raise LoweringError(
            f"{op} defines a value named {value.name!r}; expected letters, digits, _ and . after a letter or _, and "
            "another ending than '.count', which is a trace's name for what a bconv counts"
        )
    if value.name in types:
        raise LoweringError(f"{op} defines %{value.name} a second time; every value needs a name of its own")
    types[value.name] = value.type


def _check_node(node: Node, types: Mapping[str, Type]) -> None:
    op = lookup(node)
    if "\n" in node.source:
        raise wrong(node, "source has a line break; a module's name has none")
    for name in node.inputs:
        if name not in types:
            raise wrong(node, f"reads %{name}, which no earlier node defines")
    inputs = [types[name] for name in node.inputs]
    wanted = None if op.inputs is None else op.inputs + int(node.attrs.get("residual") == 1)
    if len(inputs) != wanted and (wanted is not None or not inputs):
        raise wrong(node, f"has {len(inputs)} inputs; expected {'one or more' if wanted is None else wanted}")
    _check_attrs(node)
    _check_consts(node)
    _check_rules(node, inputs)
    declared, inferred = [value.type for value in node.outputs], infer(node, inputs)
    if declared != [*inferred]:
        found, expected = (", ".join(map(str, some)) for some in (declared, inferred))
        raise wrong(node, f"declares {found or 'no outputs'}; its inputs, attributes and constants give {expected}")
    _check_channels(node, inputs, declared[0].shape)


def _check_channels(node: Node, inputs: Sequence[Type], shape: tuple[int, int, int]) -> None:
    """What must fit the output: constants of one element a channel, and the residual."""
    for name, array in node.consts.items():
        channels = inputs[0].shape[0] if name == "outside" else shape[0]
        if array.ndim == 1 and len(array) != channels:
            raise wrong(node, f"constant {name!r} has {len(array)} elements; expected {channels}, one for each channel")
    if node.attrs.get("residual") and inputs[-1] != Type(REAL, shape):
        raise wrong(node, f"the residual %{node.inputs[-1]} is {inputs[-1]}; expected {Type(REAL, shape)}")


def _check_complete(node: Node, kind: str, found: Mapping[str, object], allowed: Mapping[str, bool]) -> None:
    """``allowed`` maps names to whether they may be missing."""
    for name in found:
        if name not in allowed:
            raise wrong(node, f"unknown {kind} {name!r}; {suggestion(name, allowed)}")
    for name, optional in allowed.items():
        if name not in found and not optional:
            raise wrong(node, f"{kind} {name!r} is missing; expected: {', '.join(allowed)}")


def _check_attrs(node: Node) -> None:
    allowed = lookup(node).attrs
    _check_complete(node, "attribute", node.attrs, {name: attr.optional for name, attr in allowed.items()})
    for name, value in node.attrs.items():
        if not allowed[name].fits(value):
            raise wrong(node, f"attribute {name!r} is {value!r}; expected {allowed[name].expected}")
    if "low" in node.attrs and "high" in node.attrs and not node.attrs["low"] <= node.attrs["high"]:
        raise wrong(node, f"low={node.attrs['low']} is above high={node.attrs['high']}")


def _check_consts(node: Node) -> None:
    allowed = lookup(node).consts
    _check_complete(node, "constant", node.consts, {name: const.optional for name, const in allowed.items()})
    for name, array in node.consts.items():
        const = allowed[name]
        if str(array.dtype) not in const.dtypes.split() or array.ndim != const.rank:
            found, expected = f"{array.dtype} of {array.ndim} dimensions", const.dtypes.replace(" ", " or ")
            raise wrong(node, f"constant {name!r} is {found}; expected {expected} of {const.rank}")
        if const.dtypes == "int8" and not (np.abs(array) == 1).all():
            raise wrong(node, f"constant {name!r} holds {np.unique(array)}; expected -1 and 1 only")


def _check_rules(node: Node, inputs: Sequence[Type]) -> None:
    for name, type in zip(node.inputs, inputs, strict=True):
        if type.kind == BYTE and not OPS[node.op].bytes:
            raise wrong(node, f"reads %{name}, {type}; bytes are read by conv and map alone, put a map between")
    if node.op == "conv":
        _check_conv(node, inputs[0])
    if node.op == "bconv":
        if inputs[0].kind != SIGN:
            raise wrong(node, f"reads %{node.inputs[0]}, {inputs[0]}; expected a sign value")
        if node.attrs["pad_value"] and node.attrs["zero_point"]:
            raise wrong(node, f"pad_value={node.attrs['pad_value']} and zero_point=1; with zero_point 1 it must be 0")
    if OPS[node.op].epilogue:
        steps = {*node.consts, *(name for name, value in node.attrs.items() if (name, value) != ("residual", 0))}
        steps &= {*EPILOGUE_ATTRS, *EPILOGUE_CONSTS}
        for kept, rule in _epilogue_rules(node, steps):
            if not kept:
                raise wrong(node, f"its epilogue has {', '.join(sorted(steps)) or 'no steps'}, but {rule}")


def _check_conv(node: Node, x: Type) -> None:
    weight, outside = node.consts["weight"], node.consts.get("outside")
    if weight.dtype == np.int8 and weight.size and weight.min() == -128:
        raise wrong(node, "constant 'weight' holds -128; expected -127 to 127")
    if x.kind == BYTE and (weight.dtype != np.int8 or node.attrs["groups"] != 1 or weight[0].size > MOST_BYTE_TAPS):
        raise wrong(
            node,
            f"reads bytes with a weight {weight.dtype}{weight.shape} and groups={node.attrs['groups']}; expected int8, "
            f"one group and at most {MOST_BYTE_TAPS} weights in a filter",
        )
    if outside is not None and (x.kind != BYTE or ((outside < 0) | (outside > 255)).any()):
        raise wrong(node, f"constant 'outside' is {outside} for {x}; expected 0 to 255, for a byte value")


def _epilogue_rules(node: Node, steps: set[str]) -> Iterator[tuple[bool, str]]:
    """Whether each rule is kept, and the rule."""
    kinds = [value.type.kind for value in node.outputs]
    clamp, prelu = (node.attrs.get("activation") == name for name in ("clamp", "prelu"))
    compared, integer = {"threshold", "direction", "count_threshold"}, {"direction", "count_threshold"}
    yield kinds in ([REAL], [SIGN], [REAL, SIGN]), f"outputs are real, sign, or real then sign; found: {kinds}"
    yield ("scale" in steps) == ("shift" in steps), "scale and shift come together"
    yield steps & {"low", "high"} == ({"low", "high"} if clamp else set()), "low and high are those of activation clamp"
    yield ("slope" in steps) == prelu, "slope is that of activation prelu"
    yield ("before" in steps) == ("after" in steps), "before and after come together"
    yield prelu or "before" not in steps, "before and after are those of activation prelu"
    yield SIGN in kinds or not steps & compared, f"{', '.join(sorted(compared))} are for a sign output"
    yield (
        "count_threshold" not in steps or (node.op == "bconv" and kinds == [SIGN] and steps <= integer),
        "count_threshold is for a bconv with a sign output only, and goes with nothing but direction",
    )


def _check_slots(graph: Graph) -> None:
    """A value is alive from the node that makes it to the last one that reads it, both included; only a residual may be
    overwritten by the node that reads it.
    """
    last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    held: dict[int, tuple[str, int]] = {}
    made = [(-1, graph.input), *((index, value) for index, node in enumerate(graph.nodes) for value in node.outputs)]
    replaced = {(node.outputs[0].name, node.replaceable) for node in graph.nodes}
    for index, value in made:
        if value.slot is None:
            continue
        holder, until = held.get(value.slot, ("", -2))
        if index < until or (index == until and (value.name, holder) not in replaced):
            raise LoweringError(f"%{value.name} is put into slot {value.slot} while %{holder} is still needed there")
        held[value.slot] = value.name, last.get(value.name, index)
