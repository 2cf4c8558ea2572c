"""signwise quickstart: float against one bit against one bit with ContrastiveMI, in minutes, with a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from signwise.cli.chart import Line, sparkline
from signwise.cli.compare import run_cells
from signwise.cli.options import VerbParser, machine, read_recipe
from signwise.cli.output import note, percent, show, show_json

if TYPE_CHECKING:
    from signwise.analysis.summary import Summary
    from signwise.train import Recipe
    from signwise.train.compare import Outcome, Row

RECIPE, OBJECTIVE = "digits/resnet8_irnet_cmim", "contrastive_mi"
METHODS, OBJECTIVES = ("float", "irnet"), ("none", OBJECTIVE)
EXAMPLES = ("", "--out runs/first --seeds 0 1", "--epochs 10", "--objectives.contrastive_mi.weight 0.3", "--json")


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


def run(arguments: list[str]) -> int:
    """Train nine small networks on 8x8 digits, print what came out, and write report.html."""
    about = (
        "Train a small network on 8x8 digits as floats, with one bit (IR-Net), and with one bit and ContrastiveMI;\n"
        "print the comparison and write report.html. Keys of the recipe are options: --epochs 10"
    )
    parser = VerbParser("quickstart", about, EXAMPLES)
    parser.add_argument("--out", default="runs/quickstart", help="folder (default runs/quickstart)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default 0 1 2")
    parser.add_machine_options()
    parser.set_defaults(threads=1)  # layers this small gain nothing from a second thread
    options, overrides = parser.parse_known_args(arguments)
    findings = investigate(tuple(overrides), tuple(options.seeds), Path(options.out), machine(options))
    from signwise.cli.report import render
    from signwise.train.compare import save, to_dict

    data = to_dict(findings.recipe, findings.outcomes)
    save(data, findings.out / "compare.json")
    report = findings.out / "report.html"
    report.write_text(render(findings), encoding="utf-8")
    if options.json:
        show_json(data | facts(findings) | {"report": str(report)})
    else:
        show(table(findings))
        show(information(findings))
        show(f"report: {report}")
    return int(any(row.failed for row in findings.rows))


def investigate(overrides: tuple[str, ...], seeds: tuple[int, ...], out: Path, where: dict[str, Any]) -> Findings:
    """Run the cells and gather what they show."""
    from signwise.analysis.summary import summarize
    from signwise.data import open_data
    from signwise.train import compare
    from signwise.train.build import build_model

    recipe = read_recipe(RECIPE, list(overrides))
    cells = compare.cells(recipe, METHODS, OBJECTIVES, seeds)
    note(f"{len(cells)} runs of {recipe.epochs} epochs on {recipe.data.name}, in {out}; --help tells more")
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


def table(findings: Findings) -> Table:
    """Accuracy with spread, size and operations of each kind of network."""
    drawn = Table("network", "runs", "accuracy, last epoch", "best epoch", "bytes", "OPs an image", "seconds a run")
    for row in findings.rows:
        summary = findings.summary(row)
        seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
        accuracy, best = percent(row.mean, row.std), percent(row.best_mean)
        drawn.add_row(
            row.label, str(row.n), accuracy, best, f"{summary.packed_bytes:,}", f"{summary.ops:,.0f}", seconds
        )
    return drawn


def information(findings: Findings) -> Table:
    """Each binary layer's mutual-information bound over the epochs, as a sparkline."""
    drawn = Table("binary layer", "mutual information over the epochs", "first", "last", title="lower bounds in nats")
    top = max((mean for line in findings.information for mean, _ in line.points), default=0.0)
    for line in findings.information:
        means = [mean for mean, _ in line.points]
        drawn.add_row(line.label, sparkline(means, 0.0, max(top, 1e-9)), f"{means[0]:.2f}", f"{means[-1]:.2f}")
    return drawn
