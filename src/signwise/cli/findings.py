"""What the quickstart runs, and what it finds out: for the terminal and for the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signwise.cli.chart import Line
from signwise.cli.comparison import run_cells
from signwise.cli.options import read_recipe

if TYPE_CHECKING:
    from signwise.analysis.summary import Summary
    from signwise.train import Recipe
    from signwise.train.compare import Outcome, Row

RECIPE, OBJECTIVE = "digits/resnet8_irnet_cmim", "contrastive_mi"
METHODS, OBJECTIVES = ("float", "irnet"), ("none", OBJECTIVE)


@dataclass(frozen=True)
class Findings:
    """Everything the quickstart found out, for the terminal and for the report."""

    recipe: "Recipe"
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    out: Path
    outcomes: "tuple[Outcome, ...]"
    rows: "tuple[Row, ...]"
    float_summary: "Summary"
    binary_summary: "Summary"
    information: tuple[Line, ...]  #: each binary layer's bound in nats, with ContrastiveMI

    def summary(self, row: "Row") -> "Summary":
        return self.float_summary if row.method == "float" else self.binary_summary


def investigate(overrides: tuple[str, ...], seeds: tuple[int, ...], out: Path, where: dict[str, Any]) -> Findings:
    """Run the cells and gather what they show."""
    from signwise.analysis.summary import summarize
    from signwise.data import open_data
    from signwise.train import compare
    from signwise.train.build import build_model

    recipe = read_recipe(RECIPE, list(overrides))
    cells = compare.cells(recipe, METHODS, OBJECTIVES, seeds)
    outcomes = run_cells(cells, out, where)
    source = open_data(recipe.data)
    size = (source.channels, *source.size)
    return Findings(
        recipe=recipe,
        overrides=overrides,
        seeds=seeds,
        out=out,
        outcomes=outcomes,
        rows=compare.aggregate(outcomes),
        float_summary=summarize(build_model(recipe.replace(binary=False), source), size),
        binary_summary=summarize(build_model(recipe, source), size),
        information=_information(outcomes),
    )


def _information(outcomes: "Sequence[Outcome]") -> tuple[Line, ...]:
    from signwise.train.compare import curve

    results = [item.result for item in outcomes if item.result and item.cell.objective == OBJECTIVE]
    if not results:
        return ()
    prefix = f"{OBJECTIVE}/mi/"
    keys = [key for key in results[0].rows[0] if key.startswith(prefix)]
    return tuple(Line(key.removeprefix(prefix), curve(results, key)) for key in keys)


def facts(findings: Findings) -> dict[str, Any]:
    """Sizes, operations and information curves as plain data."""
    kinds = {"float": findings.float_summary, "binary": findings.binary_summary}
    costs = {
        name: {"bytes": summary.packed_bytes, "ops": summary.ops, "summary": summary.to_dict()}
        for name, summary in kinds.items()
    }
    return {
        "costs": costs,
        "information": {line.label: [mean for mean, _ in line.points] for line in findings.information},
    }
