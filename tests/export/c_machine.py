"""Exported networks compiled and run: on this machine, under an emulator, on a bare Cortex-M."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from signwise.compiler.interpreter import run
from signwise.compiler.ir import Graph
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.export.c import export_c

FIXTURES = Path(__file__).parent / "cortex_m"
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off")
HOSTED = (FIXTURES / "main.c", FIXTURES / "put.c")


def seen_inside(graph: Graph) -> Graph:
    """The same network, with every value that a step makes among its results."""
    return plan_memory(replace(graph, outputs=tuple(value.name for node in graph.nodes for value in node.outputs)))


def write_sources(graph: Graph, images: np.ndarray, folder: Path) -> list[Path]:
    """What is to be compiled: the network, its runtime, and the images as bits."""
    export_c(graph, folder)
    rows = ("{" + ", ".join(map(str, image.reshape(-1).view(np.uint32))) + "}" for image in images)
    table = f"static const uint32_t images[{len(images)}][{images[0].size}] = {{{', '.join(rows)}}};\n"
    (folder / "images.h").write_text(f"#include <stdint.h>\n{table}")
    return [folder / "model.c", folder / "signwise_runtime.c"]


def compiled(compiler: list[str], sources: list[Path], folder: Path) -> Path:
    """The program of ``sources``."""
    output = folder / "program"
    subprocess.run([*compiler, f"-I{folder}", *map(str, sources), "-o", str(output)], check=True)
    return output


def results(command: list[str], graph: Graph, count: int) -> dict[str, np.ndarray]:
    """What the program put, in the interpreter's shapes."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, (done.returncode, done.stderr)
    values = graph.values()
    shapes = [values[name].type.shape for name in graph.outputs]
    numbers = np.array([int(line, 16) for line in done.stdout.split()], np.uint32).view(np.float32).reshape(count, -1)
    parts = np.split(numbers, np.cumsum([np.prod(shape) for shape in shapes])[:-1], axis=1)
    return {name: part.reshape(count, *shape) for name, part, shape in zip(graph.outputs, parts, shapes, strict=True)}


def assert_same(found: dict[str, np.ndarray], graph: Graph, images: np.ndarray) -> None:
    """To the last bit, but NaNs are all alike; behind a real convolution of any numbers, give ``near`` instead."""
    for name, array in run(graph, images).items():
        expected = array.astype(np.float32)
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(found[name])[zeros], np.signbit(expected)[zeros], err_msg=name)
