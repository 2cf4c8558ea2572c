"""The steps of an exported network: what sw_prepare makes of a file for the portable kernels, made ahead of time.

Member by member this is ``sw_step`` of runtime/csrc/net.h; the C compiler checks the names.
"""

import numpy as np

from signwise.compiler.frame import shrink
from signwise.compiler.interpreter import ACCUMULATORS
from signwise.compiler.ir import BYTE, SIGN, Graph, Node, Type
from signwise.compiler.ops import OPS
from signwise.compiler.plan import stored_weight
from signwise.compiler.plan_tables import to_words
from signwise.export.c_memory import words
from signwise.export.c_source import Tables, number, structure

RUN = {
    **dict.fromkeys(("add", "sub", "mul", "div"), "elementwise"),
    **dict.fromkeys(("max_pool", "avg_pool"), "pool"),
    "flatten": "reshape",
}
EPILOGUE = ("scale", "shift", "slope", "before", "after", "threshold", "count_threshold")
ACTIVATIONS = {None: "0", "clamp": "SW_ACT_CLAMP", "prelu": "SW_ACT_PRELU"}


def step(node: Node, graph: Graph, tables: Tables) -> str:
    """The initialiser of a node's step; its constants go into ``tables``."""
    values = graph.values()
    at = {name: index for index, name in enumerate(values)}
    inputs = [values[name].type for name in node.inputs]
    members = {
        "run": f"sw_run_{RUN.get(node.op, node.op)}",
        "inputs": tables.add(np.array([at[name] for name in node.inputs], np.uint32)) if inputs else "0",
        "op": f"SW_{node.op.upper()}",
        "input_count": str(len(inputs)),
        "output": str(at[node.outputs[0].name]),
        "output_count": str(len(node.outputs)),
    }
    if OPS[node.op].epilogue:
        members["epilogue"] = _epilogue(node, tables)
        members["plain"] = str(int(_is_plain(node, inputs[0])))
    if "weight" in node.consts:
        members[f"as.{node.op}"] = _convolution(node, inputs[0], tables)
        members["bytes"] = str(int(inputs[0].kind == BYTE))
    elif "kernel" in node.attrs:
        members["as.window"] = _geometry(node, inputs[0])
        members["divisor"] = str(node.attrs.get("divisor", "window")).replace("window", "0")
    elif node.op == "pad":
        members["as.numbers"] = _numbers(node.attrs["padding"])
        members["fill"] = number(node.attrs["value"])
    elif not OPS[node.op].epilogue:
        members["as.numbers"] = _numbers(to_words(node.op, node.attrs))
    if "index" in node.consts:
        members["data"] = tables.add(node.consts["index"])
    if "value" in node.consts:
        stored = shrink(node.consts["value"])
        members["data"] = tables.add(stored)
        members["as.numbers"] = _numbers(stored.shape[1:])
    return structure(members)


def _numbers(numbers: tuple[int, ...] | list[int]) -> str:
    return "{" + ", ".join(map(str, numbers)) + "}" if numbers else "0"


def _is_plain(node: Node, x: Type) -> bool:
    """Whether the epilogue does nothing."""
    kinds = [value.type.kind for value in node.outputs]
    return not node.consts and not {"residual", "activation"} & {*node.attrs} and kinds == [x.kind]


def _epilogue(node: Node, tables: Tables) -> str:
    attrs, consts, channels = node.attrs, dict(node.consts), node.outputs[0].type.shape[0]
    members = {"activation": ACTIVATIONS[attrs.get("activation")]}
    if attrs.get("activation") == "clamp":
        members |= {name: number(float(np.float32(attrs[name]))) for name in ("low", "high")}
    if node.outputs[-1].type.kind == SIGN:
        consts.setdefault("threshold", np.zeros(channels, np.float32))
        below = np.zeros(64 * words(channels), bool)
        below[:channels] = consts.get("direction", np.ones(channels)) == -1
        members["flip"] = tables.add(np.packbits(below, bitorder="little").view("<u8"))
    return structure(members | {name: tables.add(consts[name]) for name in EPILOGUE if name in consts})


def _geometry(node: Node, x: Type) -> str:
    attrs = node.attrs
    kernel = node.consts["weight"].shape[2:] if "weight" in node.consts else attrs["kernel"]
    sides = {"in": x.shape, "out": node.outputs[0].type.shape}
    members = {f"{side}_{axis}": size for side, shape in sides.items() for axis, size in zip("chw", shape, strict=True)}
    for name, pair in (("kernel", kernel), ("stride", attrs["stride"]), ("dilation", attrs["dilation"])):
        members |= {f"{name}_h": pair[0], f"{name}_w": pair[1]}
    members |= {"pad_top": attrs["padding"][0], "pad_left": attrs["padding"][1], "groups": attrs.get("groups", 1)}
    return structure({name: str(size) for name, size in members.items()})


def _convolution(node: Node, x: Type, tables: Tables) -> str:
    weight = stored_weight(node)
    if node.op == "conv" and x.kind != BYTE:
        weight = weight.astype(np.float32)
    members = {"geometry": _geometry(node, x), "weights": tables.add(weight)}
    if x.kind == BYTE:
        members["outside"] = tables.add(node.consts.get("outside", np.zeros(x.shape[0])).astype(np.uint8))
    if node.op == "bconv":
        base, rows, columns = _bases(node, x)
        members |= {"base": tables.add(base), "column_classes": str(columns.max() + 1)}
        members |= {"row_class": _classes(rows, tables), "column_class": _classes(columns, tables)}
    return structure(members)


def _classes(numbers: np.ndarray, tables: Tables) -> str:
    return tables.add(numbers.reshape(-1).astype(np.int32))


def _bases(node: Node, x: Type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What counting starts from: by class and channel, the class of each row, the class of each column.

    It is what comes out for an input of +1, whose bits are 0 as those of padding, without what the filters' -1 took
    away. The channels of a filter see the same there, so that their sum stands for them.
    """
    weight = node.consts["weight"]
    filters = node.with_(consts={"weight": weight.sum(1, keepdims=True, dtype=np.int32)})
    (counts,) = ACCUMULATORS["bconv"](filters, np.ones((1, node.attrs["groups"], *x.shape[1:]), np.float32))
    _, row, row_class = np.unique(counts, return_index=True, return_inverse=True, axis=1)
    _, column, column_class = np.unique(counts, return_index=True, return_inverse=True, axis=2)
    bases = counts[:, row][:, :, column] + 2 * (weight < 0).sum((1, 2, 3), dtype=np.int32).reshape(-1, 1, 1)
    channels = len(bases)
    table = np.zeros((len(row) * len(column), 64 * words(channels)), np.int32)
    table[:, :channels] = bases.reshape(channels, -1).T
    return table.reshape(-1)[: table.size - table.shape[1] + channels], row_class, column_class
