"""signwise compare: methods and objectives against each other at the same budget, over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rich.table import Table

from signwise.cli.options import RECIPE_KEYS, VerbParser, machine, read_recipe
from signwise.cli.output import note, percent, show, show_json
from signwise.cli.progress import CellProgress
from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    from signwise.cli.timed import Timed
    from signwise.train.compare import Cell, Outcome, Row

EXAMPLES = (
    "digits/resnet8_irnet --methods float irnet rbnn --epochs 10",
    "digits/resnet8_irnet --objectives none contrastive_mi --seeds 0 1 2 --out runs/cmp",
    "digits/resnet8_irnet --objectives none contrastive_mi --objectives.contrastive_mi.weight 0.3",
    "fashion_mnist/resnet8_irnet_10k --methods float bnn irnet subbit --deploy",
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
    parser.add_argument("--methods", nargs="+", help="names, all, or float for the float twin (default: the recipe's)")
    parser.add_argument("--objectives", nargs="+", help="names, none, or own (default: the recipe's)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default 0 1 2")
    parser.add_argument("--deploy", action="store_true", help="compile each row's first network, and time it here")
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
    timed: dict[str, Timed] = {}
    from signwise.cli.figures import save_accuracies, save_tradeoff

    save_accuracies(rows, out / "compare.png")
    if options.deploy:
        from signwise.cli.tradeoff import deploy_rows

        timed = deploy_rows(outcomes, out)
        data["deployed"] = {label: one.to_dict() for label, one in timed.items()}
        save_tradeoff(rows, timed, out / "tradeoff.png")
    compare.save(data, out / "compare.json")
    if options.json:
        show_json(data)
    else:
        show(table(rows, timed))
        show(f"runs, compare.json and pictures are in {out}")
    return int(any(row.failed for row in rows))


def run_cells(cells: "Sequence[Cell]", out: Path, where: dict[str, Any]) -> "tuple[Outcome, ...]":
    """Carry out cells with live progress."""
    from signwise.train import compare

    with CellProgress(len(cells)) as progress:
        return compare.run(cells, out, progress.start, progress.epoch, progress.end, **where)


def table(rows: "Sequence[Row]", timed: "Mapping[str, Timed]" = MappingProxyType({})) -> Table:
    """The comparison: last epoch with spread, best epoch apart, what failed; bytes and latency of what was compiled."""
    costs = ("bytes", "us an image") if timed else ()
    drawn = Table("method", "runs", "accuracy, last epoch", "best epoch", *costs, "seconds a run", "failed")
    for row in rows:
        seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
        one = timed.get(row.label)
        cost = (f"{one.path.stat().st_size:,}", f"{1e3 * one.median_ms:.1f}") if one else ("-",) * len(costs)
        accuracies = percent(row.mean, row.std), percent(row.best_mean)
        drawn.add_row(row.label, str(row.n), *accuracies, *cost, seconds, "\n".join(row.failed))
    return drawn
