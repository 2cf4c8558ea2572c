"""The picture of a run: one panel a work, one bar a contender."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

COLORS = {"fp32": "#9aa0a6", "int8": "#5b8db8", "BinaryConvolution": "#d08c3f", "signwise": "#c0392b"}


def draw(results: dict[str, Any], path: Path) -> None:
    works = results["works"]
    columns = min(3, len(works))
    lines = -(-len(works) // columns)
    figure = Figure(figsize=(4.6 * columns, 2.3 * lines + 0.5), layout="constrained")
    for axis, (work, rows) in zip(figure.subplots(lines, columns, squeeze=False).flat, works.items(), strict=False):
        names = sorted(rows, key=lambda name: rows[name]["median_ms"], reverse=True)
        times = [rows[name]["median_ms"] for name in names]
        colors = [next(color for word, color in COLORS.items() if word in name) for name in names]
        bars = axis.barh(names, times, color=colors)
        axis.bar_label(bars, [f"{time:.2f}" for time in times], padding=3, fontsize=8)
        axis.set(title=work, xlim=(0, 1.2 * max(times)))
        axis.tick_params(labelsize=8)
    for axis in figure.axes[len(works) :]:
        axis.remove()
    figure.suptitle(
        f"Milliseconds an image, median; {results['processor']}, threads: {results['threads']}", fontsize=10
    )
    figure.savefig(path, dpi=120)
