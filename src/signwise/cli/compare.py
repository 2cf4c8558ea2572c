"""signwise compare: methods and objectives against each other at the same budget, over seeds."""

from pathlib import Path

from signwise.cli.comparison import add_result_options, carry_out
from signwise.cli.options import RECIPE_KEYS, VerbParser, read_recipe
from signwise.core.errors import ConfigError

EXAMPLES = (
    "digits/resnet8_irnet --methods float irnet rbnn --epochs 10",
    "digits/resnet8_irnet --objectives none contrastive_mi --seeds 0 1 2 --out runs/cmp",
    "digits/resnet8_irnet --objectives none contrastive_mi --objectives.contrastive_mi.weight 0.3",
    "fashion_mnist/resnet8_irnet_10k --methods float bnn irnet subbit --deploy",
    "cifar10/resnet8_irnet_10k_cmim --methods float irnet --objectives none contrastive_mi --json",
)
ABOUT = f"""Train every method with every objective and seed at the budget of one recipe, and tabulate them.
An objective has the options that the recipe, or --objectives.NAME.OPTION VALUE, gives it; `a+b` is two at once, `own`
those that a method's paper adds to the loss, mostly none. Where a teacher is wanted and none is named, the float twin
teaches, if `float` stands before.
Each run has its own folder in --out; the same command continues what is unfinished and reads what is done.
{RECIPE_KEYS}"""


def run(arguments: list[str]) -> int:
    """Compare; 1 if a cell failed."""
    parser = VerbParser("compare", ABOUT, EXAMPLES)
    parser.add_argument("recipe", help="the recipe that all runs share")
    parser.add_argument("--methods", nargs="+", help="names, all, or float for the float twin (default: the recipe's)")
    parser.add_argument("--objectives", nargs="+", help="names, none, or own (default: the recipe's)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default 0 1 2")
    parser.add_argument("--out", help="folder of the runs (default runs/compare-<recipe>)")
    add_result_options(parser)
    options, overrides = parser.parse_with_recipe(arguments)
    if any(option.split("=")[0] == "--seed" for option in overrides):
        raise ConfigError("signwise compare: found --seed; give all seeds as --seeds 0 1 2")
    recipe = read_recipe(options.recipe, overrides)
    from signwise.train import compare

    objectives = options.objectives or ["+".join(recipe.objectives) or compare.NONE]
    cells = compare.cells(recipe, options.methods or [recipe.method], objectives, options.seeds)
    out = Path(options.out or f"runs/compare-{options.recipe.removesuffix('.yaml').replace('/', '_')}")
    cells = compare.taught(cells, out)
    return carry_out(cells, out, options, {"recipe": recipe.to_dict()})
