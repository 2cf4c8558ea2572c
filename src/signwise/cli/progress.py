"""Progress of a comparison: two live bars on a terminal, else one line a cell, on stderr."""

from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from signwise.cli.output import note, percent

if TYPE_CHECKING:
    from signwise.train.compare import Cell, Outcome


class CellProgress:
    """Shows the cells done and the epochs of the one that runs; its methods are the callbacks of ``compare.run``."""

    def __init__(self, total: int):
        console = Console(stderr=True, markup=False)
        self._live = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[shown]}"),
            console=console,
            disable=not self._live,
        )
        self._cells = self._bars.add_task("runs", total=total, shown="")
        self._epochs = self._bars.add_task("", total=None, shown="")
        self._done, self._total = 0, total

    def __enter__(self) -> "CellProgress":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, cell: "Cell") -> None:
        """A cell begins."""
        self._bars.reset(self._epochs, total=cell.recipe.epochs, description=cell.name, shown="")

    def epoch(self, cell: "Cell", row: dict[str, Any]) -> None:
        """An epoch of it is over."""
        self._bars.update(self._epochs, completed=row["epoch"] + 1, shown=f"accuracy {percent(row['accuracy'])} %")

    def end(self, outcome: "Outcome") -> None:
        """A cell is over."""
        self._done += 1
        self._bars.advance(self._cells)
        result = outcome.result
        said = (
            f"accuracy {percent(result.accuracy)} %, {result.seconds:.0f} s" if result else f"failed: {outcome.error}"
        )
        if self._live:
            self._bars.console.print(f"{outcome.cell.name}: {said}", highlight=False)
        else:
            note(f"[{self._done}/{self._total}] {outcome.cell.name}: {said}")
