"""signwise reproduce: the runs behind a table of results, carried out and tabulated."""

from pathlib import Path

from signwise.cli.comparison import add_result_options, carry_out
from signwise.cli.options import RECIPE_KEYS, VerbParser

EXAMPLES = (
    "cifar10",
    "cifar100 --seeds 0 --out runs/cmim",
    "cifar10 --epochs 2 --data.train_samples 256",
    "ablations --epochs 60 --data.holdout 5000",
    "cifar10 --markdown",
)
ABOUT = f"""Train all runs of a table (`signwise list tables`) at their full budgets, and print it.
The same command continues what is unfinished and reads what is done; the runs of the first seed come first.
One process per GPU: torchrun --standalone --nproc-per-node GPUS -m signwise reproduce TABLE.
{RECIPE_KEYS}"""


def run(arguments: list[str]) -> int:
    """Reproduce a table; 1 if a run failed."""
    parser = VerbParser("reproduce", ABOUT, EXAMPLES)
    parser.add_argument("table", help="its name, or a path that ends in .yaml")
    parser.add_argument("--seeds", nargs="+", type=int, default=[], help="for all runs but teachers (default: theirs)")
    parser.add_argument("--out", help="folder of the runs (default runs/<table>)")
    add_result_options(parser)
    options, overrides = parser.parse_with_recipe(arguments)
    from signwise.train.table import load_table, table_cells

    out = Path(options.out or f"runs/{Path(options.table).stem}")
    cells = table_cells(load_table(options.table), out, overrides, options.seeds)
    return carry_out(cells, out, options, {"table": options.table, "options": overrides})
