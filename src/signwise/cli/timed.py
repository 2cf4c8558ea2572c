"""Networks as files that run, timed beside each other: binary ones here, float twins in ONNX Runtime."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signwise.cli.bench import latency, random_image
from signwise.cli.compile import Compiled, compile_folder
from signwise.cli.output import note
from signwise.core.errors import TargetError

ROUNDS = 5


@dataclass(frozen=True)
class Contender:
    """A file, what carries it out, and a call that takes one image through it on one thread."""

    label: str
    path: Path
    engine: str
    call: Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """A file and how fast it is here, one image at a time on one thread."""

    label: str
    path: Path
    engine: str
    median_ms: float

    def to_dict(self) -> dict[str, Any]:
        size = self.path.stat().st_size
        return {"file": str(self.path), "bytes": size, "engine": self.engine, "median_ms": self.median_ms}


def take_turns(contenders: Sequence[Contender], seconds: float) -> tuple[Timed, ...]:
    """Time every contender for ``seconds``, in rounds, so that a slow moment of the machine meets all of them."""
    rounds = [[latency(one.call, seconds / ROUNDS)["median_ms"] for one in contenders] for _ in range(ROUNDS)]
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    return tuple(
        Timed(one.label, one.path, one.engine, median) for one, median in zip(contenders, medians, strict=True)
    )


def binary_contender(label: str, compiled: Compiled) -> Contender:
    """A compiled network in this package's runtime."""
    session = compiled.program.session()
    image = random_image(session)
    return Contender(label, compiled.path, f"signwise, target {session.target}", lambda: session(image))


def float_contender(label: str, folder: Path, out: Path) -> Contender | None:
    """A run's float network as standard ONNX in ONNX Runtime, or None with a word on what is missing."""
    from signwise.export.onnx import export_onnx

    program = compile_folder(str(folder), out / "float.swn", samples=0).program
    try:
        path = export_onnx(program.graph, out / "float.onnx")
        return _onnxruntime(label, path, (1, *program.session().input_shape))
    except (ImportError, TargetError) as error:
        note(f"the float twin is not timed ({error}): pip install onnx onnxruntime")
        return None


def _onnxruntime(label: str, path: Path, shape: tuple[int, ...]) -> Contender:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.zeros(shape, np.float32)}
    return Contender(label, path, f"ONNX Runtime {onnxruntime.__version__}", lambda: session.run(None, feed))
