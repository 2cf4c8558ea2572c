"""The quickstart's binary network as a file and as a web page, beside its float twin in ONNX Runtime."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from signwise.cli.bench import latency
from signwise.cli.compile import Compiled, compile_folder
from signwise.cli.findings import Findings
from signwise.cli.output import note
from signwise.core.errors import PlanError, TargetError

SECONDS = 0.5  # of timing, each network


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


@dataclass(frozen=True)
class Deployed:
    """What became of the first binary network; ``twin`` and ``page`` are None where a package is missing."""

    compiled: Compiled
    binary: Timed
    twin: Timed | None
    page: Path | None

    def to_dict(self) -> dict[str, Any]:
        facts = self.compiled.to_dict() | self.binary.to_dict()
        return facts | {"twin": self.twin and self.twin.to_dict(), "page": self.page and str(self.page)}

    def table(self) -> Table:
        """Size and latency of both."""
        drawn = Table("compiled", "bytes", "us an image", "carried out by", title="one image at a time, one thread")
        for row in filter(None, (self.twin, self.binary)):
            drawn.add_row(row.label, f"{row.path.stat().st_size:,}", f"{1e3 * row.median_ms:.1f}", row.engine)
        return drawn


def deploy(findings: Findings) -> Deployed | None:
    """The first binary network that was completed, compiled, verified, timed and made a page."""
    folder = _folder(findings, "irnet")
    if folder is None:
        return None
    compiled = compile_folder(str(folder), findings.out / "digits.swn")
    session = compiled.program.session()
    image = np.zeros((1, *session.input_shape), np.float32)
    median = latency(lambda: session(image), SECONDS)["median_ms"]
    binary = Timed("irnet", compiled.path, f"signwise, target {session.target}", median)
    return Deployed(compiled, binary, _twin(findings, image), _page(compiled, findings.out / "demo.html"))


def _folder(findings: Findings, method: str) -> Path | None:
    """The first completed run of a method without an objective."""
    done = (
        item.result.folder
        for item in findings.outcomes
        if item.result and (item.cell.method, item.cell.objective) == (method, "none")
    )
    return next(done, None)


def _twin(findings: Findings, image: np.ndarray) -> Timed | None:
    """The float network as standard ONNX, timed in ONNX Runtime."""
    folder = _folder(findings, "float")
    if folder is None:
        return None
    try:
        path = _float_file(folder, findings.out)
        run, engine = _onnxruntime(path, image)
    except (ImportError, TargetError) as error:
        note(f"the float twin is not timed ({error}): pip install onnx onnxruntime")
        return None
    return Timed("float", path, engine, latency(run, SECONDS)["median_ms"])


def _float_file(folder: Path, out: Path) -> Path:
    from signwise.export.onnx import export_onnx

    program = compile_folder(str(folder), out / "float.swn", samples=0).program
    return export_onnx(program.graph, out / "float.onnx")


def _onnxruntime(path: Path, image: np.ndarray) -> tuple[Callable[[], Any], str]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: image}
    return lambda: session.run(None, feed), f"ONNX Runtime {onnxruntime.__version__}"


def _page(compiled: Compiled, path: Path) -> Path | None:
    """The web page, or None with a word on why there is none."""
    from signwise.export.wasm import export_wasm

    try:
        return export_wasm(compiled.program.to_bytes(), path)
    except (PlanError, TargetError) as error:
        note(f"no web page ({error})")
        return None
