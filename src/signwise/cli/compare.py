"""signwise compare: methods and objectives against each other at the same budget, over seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from signwise.cli.options import RECIPE_KEYS, VerbParser, machine, read_recipe
from signwise.cli.output import note, percent, show, show_json
from signwise.cli.progress import CellProgress
from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    from signwise.train.compare import Cell, Outcome, Row

EXAMPLES = (
    "digits/resnet8_irnet --methods float irnet rbnn --epochs 10",
    "digits/resnet8_irnet --objectives none contrastive_mi --seeds 0 1 2 --out runs/cmp",
    "digits/resnet8_irnet --objectives none contrastive_mi --objectives.contrastive_mi.weight 0.3",
    "cifar10/resnet20_irnet --methods irnet rbnn bireal --seeds 0 --epochs 60 --data.path data",
    "cifar10/resnet8_irnet_10k_cmim --methods float irnet --objectives none contrastive_mi --json",
)
ABOUT = f"""Train every method with every objective and seed at the budget of one recipe, and tabulate them.
An objective has the options that the recipe, or --objectives.NAME.OPTION VALUE, gives it; `a+b` is two at once, `own`
those that a method's paper adds to the loss, mostly none.
Each run has its own folder in --out; the same command continues what is unfinished and reads what is done.
{RECIPE_KEYS}"""


def run(arguments: list[str]) -> int:
    """Compare; 1 if a cell failed."""
    parser = VerbParser("compare", ABOUT, EXAMPLES)
    parser.add_argument("recipe", help="the recipe that all runs share")
    parser.add_argument(
        "--methods", nargs="+", help="names, all, or float for the float twin (default: the recipe's)"
    )
    parser.add_argument("--objectives", nargs="+", help="names, none, or own (default: the recipe's)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default 0 1 2")
    parser.add_argument("--out", help="folder of the runs (default runs/compare-<recipe>)")
    parser.add_machine_options()
    options, overrides = parser.parse_with_recipe(arguments)
    if any(option.split("=")[0] == "--seed" for option in overrides):
        raise ConfigError("signwise compare: found --seed; give all seeds as --seeds 0 1 2")
    recipe = read_recipe(options.recipe, overrides)
    where = machine(options)
    from signwise.train import compare

    objectives = options.objectives or ["+".join(recipe.objectives) or compare.NONE]
    cells = compare.cells(recipe, options.methods or [recipe.method], objectives, options.seeds)
    out = Path(options.out or f"runs/compare-{options.recipe.removesuffix('.yaml').replace('/', '_')}")
    note(f"{len(cells)} runs of {recipe.epochs} epochs on {recipe.data.name}, in {out}")
    outcomes = run_cells(cells, out, where)
    data = compare.to_dict(recipe, outcomes)
    rows = compare.aggregate(outcomes)
    compare.save(data, out / "compare.json")
    from signwise.cli.figures import save_accuracies

    save_accuracies(rows, out / "compare.png")
    if options.json:
        show_json(data)
    else:
        show(table(rows))
        show(f"runs, compare.json and compare.png are in {out}")
    return int(any(row.failed for row in rows))


def run_cells(cells: "Sequence[Cell]", out: Path, where: dict[str, Any]) -> "tuple[Outcome, ...]":
    """Carry out cells with live progress."""
    from signwise.train import compare

    with CellProgress(len(cells)) as progress:
        return compare.run(cells, out, progress.start, progress.epoch, progress.end, **where)


def table(rows: "Sequence[Row]") -> Table:
    """The comparison: last epoch with spread, best epoch apart, and what failed."""
    drawn = Table("method", "runs", "accuracy, last epoch", "best epoch", "seconds a run", "failed")
    for row in rows:
        seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
        failed = "\n".join(row.failed)
        drawn.add_row(row.label, str(row.n), percent(row.mean, row.std), percent(row.best_mean), seconds, failed)
    return drawn
