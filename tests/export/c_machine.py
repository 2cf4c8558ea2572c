"""Exported networks compiled and run: on this machine, under an emulator, on a bare Cortex-M."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import signwise
from signwise.compiler.interpreter import run
from signwise.compiler.ir import REAL, Graph
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.export.c import export_c
from signwise.nn.pixels import Pixels

PROGRAM = Path(__file__).parent / "c_program"
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off")
HOSTED = (PROGRAM / "main.c", PROGRAM / "put.c")


def small_numbers(graph: Graph, batch: int) -> np.ndarray:
    """Multiples of 1/2, many of them 0 and -0.0."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (batch, *graph.input.type.shape)).astype(np.float32) / 2
    return np.where(rng.random(x.shape) < 0.2, np.float32(-0.0), x)


def network(model: str, method: str, real: str = "float32") -> tuple[Graph, np.ndarray]:
    """A network for grey images of 8x8 pixels, every value that its steps make among the results, and four images.

    With ``real`` int8 the network takes bytes.
    """
    torch.manual_seed(0)
    how = signwise.get_method(method)
    binary = signwise.create_model(model, 10, 1, how.wiring)
    signwise.binarize_(binary, how)
    binary.train()(torch.randn(64, 1, 8, 8))  # statistics for the norms
    whole = nn.Sequential(Pixels([0.3], [0.4]), binary).eval()
    graph = signwise.lower(whole, torch.zeros(1, 1, 8, 8), pixels=real == "int8", real=real).graph
    made = tuple(value.name for node in graph.nodes for value in node.outputs)
    images = np.random.default_rng(1).integers(0, 256, (4, 1, 8, 8)).astype(np.float32)
    return plan_memory(replace(graph, outputs=made)), images


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


def assert_same(found: dict[str, np.ndarray], graph: Graph, images: np.ndarray, near: bool = False) -> None:
    """To the last bit, but NaNs are all alike; with ``near`` real values to rounding, as real convolutions are."""
    for name, array in run(graph, images).items():
        expected = array.astype(np.float32)
        if near and graph.values()[name].type.kind == REAL:
            np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-4, err_msg=name)
            continue
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(found[name])[zeros], np.signbit(expected)[zeros], err_msg=name)
