"""A compiled network as C source: constants, static memory, one function; no allocation and no library.

docs/deploy.md has the way from here to a microcontroller.
"""

import re
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from pathlib import Path

import numpy as np

from signwise.compiler.ir import Graph, Node, Type
from signwise.compiler.spec import check_fused
from signwise.core.errors import ConfigError, PlanError
from signwise.core.files import write_result
from signwise.export.c_memory import memory, places, scratch
from signwise.export.c_runtime import HEADER, runtime_header, runtime_source
from signwise.export.c_source import Tables, wrapped
from signwise.export.c_steps import step
from signwise.export.c_templates import MODEL_C, MODEL_H

TAKEN = {"sw", "signwise_runtime"}  # the runtime's own


@dataclass(frozen=True)
class Exported:
    """What was written. ``constants`` are the bytes of all tables, which stay in flash; ``memory`` is static RAM."""

    files: tuple[Path, ...]
    constants: int
    memory: int


def export_c(graph: Graph, folder: Path, name: str = "model") -> Exported:
    """Write ``<name>.h``, ``<name>.c`` and the runtime into a folder, which is made if need be.

    ``graph``: fused and with slots, as ``Program.graph`` is. ``name``: what the network's function and macros begin
    with. Deploys on every little-endian machine of 32 or 64 bits with a C11 compiler, on one core.
    Errors: ConfigError for a name that C cannot take; PlanError for a folder that cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII) or name in TAKEN:
        raise ConfigError(
            f"the network's name in C is {name!r}; allowed: a letter, then letters, digits and underscores, but not "
            f"{' or '.join(sorted(TAKEN))}"
        )
    check_fused(graph)
    source, constants, ram = model_source(graph, name)
    texts = {
        f"{name}.h": model_header(graph, name),
        f"{name}.c": source,
        HEADER: runtime_header(),
        HEADER.replace(".h", ".c"): runtime_source(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlanError(f"cannot make the folder {folder}: {error.strerror}; give one that can be written") from None
    files = tuple(write_result(folder / file, text, PlanError) for file, text in texts.items())
    return Exported(files, constants, ram)


def model_header(graph: Graph, name: str) -> str:
    """The network's sizes and its function."""
    input, outputs = graph.input.type, _outputs(graph)
    sizes = [prod(type.shape) for type in outputs]
    ends = [*accumulate(sizes)]
    return MODEL_H.substitute(
        name=name,
        NAME=name.upper(),
        input=input.shape,
        outputs="\n".join(
            f" *     output  {type.shape}" + f", from output[{end - size}] on" * (len(sizes) > 1)
            for type, size, end in zip(outputs, sizes, ends, strict=True)
        ),
        input_size=prod(input.shape),
        output_size=ends[-1],
    )


def model_source(graph: Graph, name: str) -> tuple[str, int, int]:
    """The network, the bytes of its constants, and those of its static memory."""
    tables, (offsets, arena), room = Tables(), places(graph), scratch(graph)
    values = graph.values()
    numbers = {value: index for index, value in enumerate(values)}
    steps = [f"{_comment(node)}\n{wrapped(step(node, graph, tables), '    ')}," for node in graph.nodes]
    rows = [f"    {{{_row(value.type)}, {offsets[value.name]}}}," for value in values.values()]
    starts = [0, *accumulate(prod(type.shape) for type in _outputs(graph))][:-1]
    fields = {
        "places": "\n".join(rows),
        "steps": "\n".join(steps),
        "outputs": tables.add(np.array([numbers[value] for value in graph.outputs], np.uint32)),
        "results": ", ".join(f"output + {start}" for start in starts),
        "step_count": len(steps),
        "output_count": len(starts),
        "arena": arena,
        "scratch": room,
        "memory": memory(arena, room),
    }
    text = MODEL_C.substitute(fields, name=name, NAME=name.upper(), runtime=HEADER, tables=tables.source())
    return text, tables.bytes, memory(arena, room)


def _row(type: Type) -> str:
    return f"SW_{type.kind.upper()}, {', '.join(map(str, type.shape))}"


def _comment(node: Node) -> str:
    """The operation and its module, without what could end a comment."""
    words = f"{node.op} {node.source}".strip()
    return f"    /* {re.sub(r'[^A-Za-z0-9_. ]', '', words)} */"


def _outputs(graph: Graph) -> list[Type]:
    values = graph.values()
    return [values[name].type for name in graph.outputs]
