"""The quickstart's binary network as a file and as a web page, beside its float twin in ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from signwise.cli.compile import Compiled, compile_folder
from signwise.cli.findings import Findings
from signwise.cli.output import note
from signwise.cli.timed import Timed, binary_contender, float_contender, take_turns
from signwise.core.errors import PlanError, TargetError

SECONDS = 0.5  # of timing, each network


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
    folder, float_folder = _folder(findings, "irnet"), _folder(findings, "float")
    if folder is None:
        return None
    compiled = compile_folder(str(folder), findings.out / "digits.swn")
    twin = float_folder and float_contender("float", float_folder, findings.out)
    binary, *others = take_turns([binary_contender("irnet", compiled), *([twin] if twin else [])], SECONDS)
    return Deployed(compiled, binary, others[0] if others else None, _page(compiled, findings.out / "demo.html"))


def _folder(findings: Findings, method: str) -> Path | None:
    """The first completed run of a method without an objective."""
    done = (
        item.result.folder
        for item in findings.outcomes
        if item.result and (item.cell.method, item.cell.objective) == (method, "none")
    )
    return next(done, None)


def _page(compiled: Compiled, path: Path) -> Path | None:
    """The web page, or None with a word on why there is none."""
    from signwise.export.wasm import export_wasm

    try:
        return export_wasm(compiled.program.to_bytes(), path)
    except (PlanError, TargetError) as error:
        note(f"no web page ({error})")
        return None
