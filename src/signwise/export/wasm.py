"""A compiled classifier as one HTML page that runs it on what the visitor draws: no server, no network.

The page's parts lie in ``page/``; the runtime and the network are embedded as base64.
"""

import base64
import json
from dataclasses import replace
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from signwise.compiler.ir import SIGN, Graph
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.compiler.plan import read, write
from signwise.core.errors import PlanError
from signwise.core.files import write_result
from signwise.export.wasm_module import wasm_module

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("network.js", "drawing.js", "board.js", "answer.js", "inside.js", "page.js")
LARGEST = 64  # height and width that a finger can fill
SHOWN = 3  # sign maps


def export_wasm(plan_bytes: bytes, path: Path) -> Path:
    """Write the page of a compiled classifier whose input is a small image, pixel values 0 to 255.

    Errors: PlanError for a damaged file, a network that a drawing does not fit, or a path that cannot be written;
    TargetError without a compiler for WebAssembly.
    """
    graph = read(plan_bytes)
    require_drawable(graph)
    return write_result(path, page(graph, plan_bytes, wasm_module()), PlanError)


def require_drawable(graph: Graph) -> None:
    """Errors: PlanError unless the network takes a small grey or colour image and gives one score a class."""
    channels, height, width = shape = graph.input.type.shape
    if channels not in (1, 3) or not (1 < height <= LARGEST and 1 < width <= LARGEST):
        raise PlanError(
            f"the network's input has shape {shape}; a page to draw on needs (1, H, W) or (3, H, W) with H and W from "
            f"2 to {LARGEST}. Export this network as C or ONNX instead."
        )
    results = [graph.values()[name].type for name in graph.outputs]
    if len(results) != 1 or results[0].shape[1:] != (1, 1) or results[0].shape[0] < 2:
        raise PlanError(
            f"the network's results are {', '.join(map(str, results))}; a page needs one, real[classes,1,1]. "
            "Export this network as C or ONNX instead."
        )


def page(graph: Graph, plan: bytes, module: bytes) -> str:
    """The HTML."""
    data = facts(graph, plan) | {"module": _base64(module), "plan": _base64(plan)}
    if view := inner_view(graph):
        data["view"] = _base64(write(view))
    return Template(_part("index.html")).substitute(
        title=escape(graph.meta.get("name", "A network made of signs")),
        style=_part("style.css"),
        data=json.dumps(data).replace("</", "<\\/"),
        script="\n".join(map(_part, SCRIPTS)),
    )


def facts(graph: Graph, plan: bytes) -> dict[str, Any]:
    """What the page says of the network: shapes, classes, and what its weights take as bits and as float32."""
    classes = graph.values()[graph.outputs[0]].type.shape[0]
    names = graph.meta.get("classes", "").split("\n")
    binary = [node for node in graph.nodes if node.op == "bconv"]
    bits = sum(node.consts["weight"].size for node in binary)
    numbers = sum(array.size for node in graph.nodes for array in node.consts.values())
    return {
        "input": graph.input.type.shape,
        "classes": names if len(names) == classes else [str(index) for index in range(classes)],
        "bytes": len(plan),
        "floatBytes": 4 * numbers,
        "binaryLayers": len(binary),
        "binaryWeights": bits,
        "otherNumbers": numbers - bits,
    }


def inner_view(graph: Graph) -> Graph | None:
    """The same network up to a few of its sign maps, early to late, which are its results."""
    values = graph.values()
    read_by_counts = dict.fromkeys(node.inputs[0] for node in graph.nodes if node.op == "bconv")
    maps = [
        name
        for name in read_by_counts
        if values[name].type.kind == SIGN and name != graph.input.name and min(values[name].type.shape[1:]) > 1
    ]
    if not maps:
        return None
    picked = list(dict.fromkeys(maps[index * (len(maps) - 1) // (SHOWN - 1)] for index in range(SHOWN)))
    end = max(index for index, node in enumerate(graph.nodes) if {value.name for value in node.outputs} & {*picked})
    return plan_memory(replace(graph, nodes=graph.nodes[: end + 1], outputs=tuple(picked)))


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
