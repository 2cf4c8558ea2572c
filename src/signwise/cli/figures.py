"""The pictures of a comparison."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

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


def save_sweeps(rows: "Sequence[Row]", path: Path) -> None:
    """Draw a panel for each option that a table varies: accuracy over its values.

    Curves and points: means with their spreads (sample std), and the runs; lines across: the rows of the same recipe
    that vary nothing, with theirs.
    Nothing is drawn where nothing varies. Errors: RunFolderError where it cannot be written.
    """
    done = [row for row in rows if row.mean is not None]
    keys = list(dict.fromkeys(key for row in done for key in row.varied))
    if not keys:
        return
    across = [row for row in done if any(other.group.startswith(f"{row.group}-") for other in done if other.varied)]
    columns = min(len(keys), 3)
    lines = -(-len(keys) // columns)
    figure = Figure(figsize=(3.6 * columns, 0.6 + 2.6 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).flat
    for key, axis in zip(keys, panels, strict=False):
        _draw_sweep(axis, key, [row for row in done if key in row.varied])
        for place, row in enumerate(across):
            mean, std, color = 100 * (row.mean or 0), 100 * (row.std or 0), f"C{place + 1}"
            axis.axhline(mean, color=color, lw=1, ls="--", label=row.label)
            axis.axhspan(mean - std, mean + std, color=color, alpha=0.12, lw=0)
    for axis in list(panels):
        axis.set_axis_off()
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=8)
    figure.supylabel("accuracy in the last epoch, %", fontsize=9)
    _save(figure, path)


def _draw_sweep(axis: Axes, key: str, rows: "Sequence[Row]") -> None:
    """One option's values and what became of them; numbers stand on a logarithmic axis, words side by side."""
    values = [row.varied[key] for row in rows]
    numeric = all(isinstance(value, int | float) and value > 0 and not isinstance(value, bool) for value in values)
    at = values if numeric else range(len(values))
    for x, row in zip(at, rows, strict=True):
        axis.plot([x] * row.n, [100 * accuracy for accuracy in row.accuracies], ".", color="C0", alpha=0.35)
    means, spreads = [100 * (row.mean or 0) for row in rows], [100 * (row.std or 0) for row in rows]
    axis.errorbar(at, means, yerr=spreads, fmt="o-" if numeric else "o", ms=4, capsize=3, lw=1.2, color="C0")
    if numeric:
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter(NullFormatter())
    words = [" ".join(map(str, value)) if isinstance(value, list) else f"{value}" for value in values]
    axis.set_xticks(list(at), words)
    axis.margins(x=0.15)
    axis.set_xlabel(key.removeprefix("objectives."), fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)


def save_tradeoff(rows: "Sequence[Row]", timed: "Mapping[str, Timed]", path: Path) -> None:
    """Draw every compiled row's accuracy against its latency; a disc's area is its file's size.

    Errors: RunFolderError where it cannot be written.
    """
    done = [(row, timed[row.label]) for row in rows if row.mean is not None and row.label in timed]
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axis = figure.subplots()
    for place, (row, one) in enumerate(sorted(done, key=lambda pair: pair[0].mean or 0)):
        at, color = (1e3 * one.median_ms, 100 * (row.mean or 0)), f"C{place % 10}"
        axis.scatter(*at, s=4e-3 * one.path.stat().st_size, color=color, alpha=0.4, linewidths=0)
        axis.errorbar(*at, yerr=100 * (row.std or 0), fmt="o", ms=3, capsize=2, elinewidth=0.8, color=color, alpha=0.7)
        side: dict[str, Any] = {"xytext": (11, -3), "ha": "left"} if place % 2 else {"xytext": (-11, -3), "ha": "right"}
        axis.annotate(row.label, at, textcoords="offset points", fontsize=8, color=color, **side)
    axis.margins(0.25, 0.08)
    axis.set(
        xscale="log",
        xlabel="microseconds an image, one thread (area of the disc: bytes of the file)",
        ylabel="accuracy in the last epoch, % (mean and standard deviation)",
    )
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120)
    write_result(path, picture.getvalue(), RunFolderError)
