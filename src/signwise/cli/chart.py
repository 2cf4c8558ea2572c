"""Small line charts: as SVG that takes its colours from the page, and as one line of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 48, 16, 12, 40
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Line:
    """A named curve over the epochs 1, 2, ...: a mean and a spread at each."""

    label: str
    points: tuple[tuple[float, float], ...]


def line_chart(lines: Sequence[Line], low: float, high: float, step: float, unit: str) -> str:
    """An SVG of the lines with bands of one spread to each side; the value axis runs from ``low`` to ``high``.

    Line i has the CSS class ``s<i>``; what leaves the axis is cut off. The legend is part of the returned HTML.
    """
    epochs = max(len(line.points) for line in lines)

    def x(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * index / max(epochs - 1, 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    frame = f"frame-{unit.replace(' ', '-')}"
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(unit)} over the epochs">']
    parts.append(
        f'<clipPath id="{frame}"><rect x="{LEFT}" y="{TOP - 4}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{HEIGHT - TOP - BOTTOM + 4}"/></clipPath>'
    )
    for tick in _ticks(low, high, step):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for index in sorted({0, (epochs - 1) // 4, (epochs - 1) // 2, 3 * (epochs - 1) // 4, epochs - 1}):
        parts.append(f'<text x="{x(index):.1f}" y="{HEIGHT - 18}" text-anchor="middle">{index + 1}</text>')
    parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 2}" text-anchor="middle">epoch</text>')
    parts.append(f'<g clip-path="url(#{frame})">')
    for number, line in enumerate(lines):
        above = [f"{x(index):.1f},{y(mean + spread):.1f}" for index, (mean, spread) in enumerate(line.points)]
        below = [f"{x(index):.1f},{y(mean - spread):.1f}" for index, (mean, spread) in enumerate(line.points)]
        middle = [f"{x(index):.1f},{y(mean):.1f}" for index, (mean, _) in enumerate(line.points)]
        parts.append(f'<polygon class="band s{number}" points="{" ".join([*above, *reversed(below)])}"/>')
        parts.append(f'<polyline class="line s{number}" points="{" ".join(middle)}"/>')
    parts.append("</g></svg>")
    keys = "".join(f'<span><i class="s{number}"></i>{escape(line.label)}</span>' for number, line in enumerate(lines))
    return f'<div class="legend">{keys}</div>{"".join(parts)}'


def _ticks(low: float, high: float, step: float) -> list[float]:
    count = int((high - low) / step + 1e-9)
    return [low + step * number for number in range(count + 1)]


def sparkline(values: Sequence[float], low: float, high: float, width: int = 40) -> str:
    """The values as a row of at most ``width`` blocks, evenly picked, the last one included.

    >>> sparkline([0.0, 1.0, 2.0], 0.0, 2.0)
    '▁▅█'
    """
    count = min(width, len(values))
    picked = [values[round(index * (len(values) - 1) / max(count - 1, 1))] for index in range(count)]
    top = len(BLOCKS) - 1
    levels = (round(top * (value - low) / (high - low)) for value in picked)
    return "".join(BLOCKS[min(max(level, 0), top)] for level in levels)
