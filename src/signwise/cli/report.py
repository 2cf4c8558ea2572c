"""The quickstart's report as one HTML page."""

import math
import shlex
from collections.abc import Sequence
from html import escape
from typing import Any

from signwise.analysis.summary import LayerCost, Summary
from signwise.cli.chart import Line, line_chart
from signwise.cli.deploy import Deployed
from signwise.cli.findings import METHODS, OBJECTIVES, RECIPE, Findings
from signwise.cli.output import percent
from signwise.cli.report_page import PAGE, STYLE
from signwise.cli.timed import Timed
from signwise.data import open_data
from signwise.train.compare import Row, curve
from signwise.train.folder import versions


def render(findings: Findings, deployed: Deployed | None) -> str:
    """The page: headline, explanation, table, curves, layers, commands, versions. Loads nothing from elsewhere."""
    recipe = findings.recipe
    images = open_data(recipe.data).eval_size
    return PAGE.substitute(
        style=STYLE,
        data=escape(f"the 8x8 {recipe.data.name}" if recipe.data.name == "digits" else recipe.data.name),
        runs=len(findings.outcomes),
        epochs=recipe.epochs,
        seeds=", ".join(map(str, findings.seeds)),
        cards=_cards(findings, deployed),
        page=_page(deployed),
        results=_results(findings),
        deployed=_deployed(deployed),
        images=images,
        point=f"{100 / images:.2g}",
        curves=_curves(findings),
        information=_information(findings.information),
        ceiling=f"{math.log(recipe.data.batch_size):.2f} here",
        model=escape(recipe.model),
        size="x".join(map(str, findings.binary_summary.input_size)),
        layers=_layers(findings.binary_summary),
        commands=escape(_commands(findings)),
        versions=escape(", ".join(f"{name} {value}" for name, value in versions().items() if value not in ([], ""))),
    )


def _cards(findings: Findings, deployed: Deployed | None) -> str:
    small, large = findings.binary_summary, findings.float_summary
    facts = [(f"{percent(row.mean)} %", f"{row.label}: accuracy, mean of {row.n}") for row in findings.rows]
    facts.append(
        (
            f"{large.packed_bytes / small.packed_bytes:.1f}x",
            f"smaller: {small.packed_bytes:,} bytes for {large.packed_bytes:,}",
        )
    )
    facts.append((f"{large.ops / small.ops:.0f}x", f"fewer operations: {small.ops:,.0f} for {large.ops:,.0f} an image"))
    if deployed:
        facts.append((_microseconds(deployed.binary), "an image, compiled, on one thread of this machine"))
    return "".join(f'<div class="card"><b>{escape(big)}</b><span>{escape(text)}</span></div>' for big, text in facts)


def _results(findings: Findings) -> str:
    def cells(row: Row) -> list[str]:
        summary = findings.summary(row)
        each = ", ".join(percent(accuracy) for accuracy in row.accuracies)
        seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
        counts = [f"{summary.packed_bytes:,}", f"{summary.ops:,.0f}", seconds]
        return [row.label, percent(row.mean, row.std), each, percent(row.best_mean), *counts]

    heads = ("network", "accuracy, %", "each seed", "best epoch", "bytes", "OPs", "seconds a run")
    return _table(heads, [cells(row) for row in findings.rows], left=1)


def _page(deployed: Deployed | None) -> str:
    if deployed is None or deployed.page is None:
        return "<p>The page to draw on was not written; the command says why.</p>"
    return f'<p class="try"><a href="{escape(deployed.page.name)}">Try it by hand</a>It runs in your browser.</p>'


def _deployed(deployed: Deployed | None) -> str:
    if deployed is None:
        return "<p>No one-bit run was completed, so there is nothing to compile.</p>"
    heads = ("network", "file, bytes", "an image", "carried out by")
    rows = [
        [row.label, f"{row.path.stat().st_size:,}", _microseconds(row), row.engine]
        for row in (deployed.twin, deployed.binary)
        if row
    ]
    file = deployed.compiled.path.name
    return (
        f'<div class="scroll">{_table(heads, rows, left=1)}</div><p>The first IR-Net run as one file, '
        f'<a href="{escape(file)}">{escape(file)}</a>: median time of single images on one thread.</p>'
    )


def _microseconds(timed: Timed) -> str:
    return f"{1e3 * timed.median_ms:.1f} µs"


def _curves(findings: Findings) -> str:
    lines = []
    for row in findings.rows:
        done = [
            item.result
            for item in findings.outcomes
            if item.result and (item.cell.method, item.cell.objective) == (row.method, row.objective)
        ]
        points = tuple((100 * mean, 100 * spread) for mean, spread in curve(done, "accuracy"))
        lines.append(Line(row.label, points))
    lines = [line for line in lines if line.points]
    if not lines:
        return "<p>No run was completed.</p>"
    worst = min(line.points[-1][0] for line in lines)
    low = max(0.0, min(90.0, 10 * math.floor((100 - 3 * (100 - worst)) / 10)))
    return line_chart(lines, low, 100.0, 2.0 if low >= 80 else 10.0, "accuracy in percent")


def _information(lines: Sequence[Line]) -> str:
    if not lines:
        return "<p>No run with the objective was completed.</p>"
    means = [mean for line in lines for mean, _ in line.points]
    low, high = math.floor(min(0.0, *means)), math.ceil(max(0.5, *means))
    return line_chart(lines, low, high, 0.5 if high - low <= 5 else 1.0, "mutual information in nats")


def _layers(summary: Summary) -> str:
    def cells(layer: LayerCost) -> list[str]:
        counts = (layer.parameters, layer.packed_bytes, layer.binary_macs, layer.float_macs)
        shape = "x".join(map(str, layer.output_shape))
        return [layer.name, layer.type, _pill(layer), shape, *(f"{count:,}" for count in counts)]

    heads = ("layer", "type", "weights, values", "output", "parameters", "bytes", "binary multiply-adds", "real ones")
    return _table(heads, [cells(layer) for layer in summary.rows], left=4)


class _Html(str):
    """Text that is markup already."""


def _pill(layer: LayerCost) -> _Html:
    kind = "pill one" if layer.weight_bits == 1 else "pill"
    return _Html(f'<span class="{kind}">{layer.weight_bits:.3g}, {layer.activation_bits} bit</span>')


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """An HTML table whose first ``left`` columns are words, the others numbers."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = ["" if number < left else ' class="n"' for number in range(len(cells))]
        texts = (cell if isinstance(cell, _Html) else escape(cell) for cell in cells)
        return (
            "<tr>" + "".join(f"<{tag}{kind}>{text}</{tag}>" for kind, text in zip(kinds, texts, strict=True)) + "</tr>"
        )

    return f"<table>{line('th', heads)}{''.join(line('td', row) for row in rows)}</table>"


def _commands(findings: Findings) -> str:
    """What was run, the same as a comparison, and one look at the network."""
    keys = list(findings.overrides)
    seeds = [str(seed) for seed in findings.seeds]
    where = ["--seeds", *seeds, "--out", str(findings.out)]
    lines: list[list[Any]] = [
        ["signwise", "quickstart", *where, *keys],
        ["signwise", "compare", RECIPE, "--methods", *METHODS, "--objectives", *OBJECTIVES, *where, *keys],
        ["signwise", "describe", str(findings.out / f"irnet-none-s{seeds[0]}")],
    ]
    return "\n".join(shlex.join(line) for line in lines)
