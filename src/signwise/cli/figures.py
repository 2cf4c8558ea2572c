"""The pictures of a comparison."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from signwise.core.errors import RunFolderError
from signwise.core.files import write_result

if TYPE_CHECKING:
    from signwise.cli.timed import Timed
    from signwise.train.compare import Row


def save_accuracies(rows: "Sequence[Row]", path: Path) -> None:
    """Draw every run's last-epoch accuracy as a point, and each row's mean with its spread (sample std).

    Errors: RunFolderError where it cannot be written.
    """
    done = [row for row in rows if row.n]
    figure = Figure(figsize=(7, 1.2 + 0.5 * max(len(done), 1)), layout="constrained")
    axis = figure.subplots()
    for place, row in enumerate(done):
        color = f"C{place % 10}"
        values = [100 * accuracy for accuracy in row.accuracies]
        axis.plot(values, [place] * row.n, "o", color=color, alpha=0.5)
        axis.errorbar(
            sum(values) / row.n, place, xerr=100 * (row.std or 0), fmt="|", color=color, markersize=18, capsize=4
        )
    axis.set(xlabel="accuracy in the last epoch, % (points: runs; bar: mean and standard deviation)")
    axis.set_yticks(range(len(done)), [f"{row.label}, n={row.n}" for row in done])
    axis.set_ylim(len(done) - 0.4, -0.6)
    axis.grid(axis="x", alpha=0.3)
    _save(figure, path)


def save_tradeoff(rows: "Sequence[Row]", timed: "Mapping[str, Timed]", path: Path) -> None:
    """Draw every compiled row's accuracy against its latency; a disc's area is its file's size.

    Errors: RunFolderError where it cannot be written.
    """
    done = [(row, timed[row.label]) for row in rows if row.mean is not None and row.label in timed]
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axis = figure.subplots()
    handles = []
    for place, (row, one) in enumerate(done):
        accuracy, microseconds, kilobytes = 100 * (row.mean or 0), 1e3 * one.median_ms, one.path.stat().st_size / 1e3
        color, marker = f"C{place % 10}", "os^"[place // 10 % 3]
        axis.errorbar(microseconds, accuracy, yerr=100 * (row.std or 0), fmt="none", color=color, alpha=0.5, capsize=3)
        label = f"{row.label}, {kilobytes:.0f} kB"
        handles.append(
            axis.scatter(microseconds, accuracy, s=4 * kilobytes, color=color, marker=marker, alpha=0.6, label=label)
        )
        axis.annotate(row.method, (microseconds, accuracy), (5, 5), textcoords="offset points", fontsize=8)
    axis.set(
        xscale="log",
        xlabel="microseconds an image, one thread (area: bytes of the file)",
        ylabel="accuracy in the last epoch, % (mean and standard deviation)",
    )
    axis.grid(alpha=0.3)
    figure.legend(handles=handles, loc="outside right upper", fontsize=8, markerscale=0.7)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120)
    write_result(path, picture.getvalue(), RunFolderError)
