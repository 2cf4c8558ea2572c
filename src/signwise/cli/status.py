"""signwise status: every method, its class, what it costs, and how many published figures have been reproduced."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from signwise.cli.options import VerbParser
from signwise.cli.output import markdown_table, show, show_json
from signwise.core.errors import UnknownName
from signwise.core.registry import suggestion

EXAMPLES = ("", "'r*'", "adabin --json", "--markdown", "'*bnn' --markdown")
MODEL, INPUT = "resnet20", (3, 32, 32)
COLUMNS = ("name", "paper", "class", "W/A bits", "OPs", "bytes", "reproduced", "source")


def run(arguments: list[str]) -> int:
    """The status matrix, from the registry and the recipes."""
    parser = VerbParser("status", "Every method: class, cost, recipes, source.", EXAMPLES)
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern for the methods (default *)")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/methods.md")
    options = parser.parse_args(arguments)
    rows = status(options.pattern)
    if options.json:
        show_json(rows)
    elif options.markdown:
        print(markdown(rows))
    else:
        table = Table(*COLUMNS, title=f"bits, OPs and bytes of {MODEL} for {INPUT[1]}x{INPUT[2]} images")
        for row in rows:
            table.add_row(*_cells(row))
        show(table)
    return 0


def status(pattern: str = "*") -> list[dict[str, Any]]:
    """One row for each registered method that matches; costs are those of ``summarize`` on CIFAR-10's ResNet-20."""
    from signwise.methods import list_methods
    from signwise.train import list_recipes, load_recipe

    if not list_methods(pattern):
        raise UnknownName(f"no method matches {pattern!r}; {suggestion(pattern, list_methods())}")
    recipes = {name: load_recipe(name) for name in list_recipes()}
    return [
        _row(method, {name: recipe for name, recipe in recipes.items() if recipe.method == method})
        for method in list_methods(pattern)
    ]


def _row(name: str, recipes: Mapping[str, Any]) -> dict[str, Any]:
    from signwise.analysis.summary import summarize
    from signwise.methods import METHODS, get_method
    from signwise.train import Recipe
    from signwise.train.build import build_network

    cost = summarize(build_network(Recipe(model=MODEL, method=name), 10, INPUT[0], INPUT[1])[0], INPUT)
    binary = [row for row in cost.rows if row.binary_macs]
    about = " ".join((inspect.getdoc(METHODS[name]) or "").split())
    source = re.search(r"Source: (.*?)\.(?: |$)", about)
    return {
        "name": name,
        "paper": (inspect.getdoc(inspect.getmodule(METHODS[name])) or "").partition("\n")[0],
        "class": get_method(name).deploys_as,
        "weight_bits": min(row.weight_bits for row in binary),
        "activation_bits": binary[0].activation_bits,
        "ops": cost.ops,
        "bytes": cost.packed_bytes,
        "recipes": {recipe: {"published": r.published, "reproduced": r.reproduced} for recipe, r in recipes.items()},
        "source": source.group(1) if source else "",
    }


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as a table of Markdown."""
    body = ([f"`{name}`", *rest] for name, *rest in map(_cells, rows))
    return markdown_table([COLUMNS, *body])


def _cells(row: Mapping[str, Any]) -> list[str]:
    promised = [about for about in row["recipes"].values() if not about["published"].startswith("None")]
    reproduced = sum(bool(about["reproduced"]) for about in promised)
    return [
        row["name"],
        row["paper"].rstrip("."),
        row["class"],
        f"{row['weight_bits']:.2g}/{row['activation_bits']}",
        f"{row['ops'] / 1e6:.2f} M",
        f"{row['bytes']:,}",
        f"{reproduced} of {len(promised)}",
        row["source"],
    ]
