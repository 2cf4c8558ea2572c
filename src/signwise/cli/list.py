"""signwise list: everything that has a name."""

import inspect
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from rich.table import Table

from signwise.cli.options import VerbParser
from signwise.cli.output import show, show_json
from signwise.core.errors import UnknownName
from signwise.core.registry import suggestion

EXAMPLES = ("recipes", "recipes 'cifar10/*'", "methods", "models 'resnet*'", "data --json")


def run(arguments: list[str]) -> int:
    """List the names of one kind that match a pattern, with a line on each."""
    parser = VerbParser("list", "Names, with a line on each.", EXAMPLES)
    parser.add_argument("kind", help=", ".join(KINDS))
    parser.add_argument("pattern", nargs="?", default="*", help="a shell pattern (default *)")
    options = parser.parse_args(arguments)
    if options.kind not in KINDS:
        raise UnknownName(f"list: unknown kind {options.kind!r}; {suggestion(options.kind, KINDS)}")
    every = KINDS[options.kind]()
    found = {name: about for name, about in every.items() if fnmatchcase(name, options.pattern)}
    if not found:
        raise UnknownName(f"no {options.kind} match {options.pattern!r}; {suggestion(options.pattern, every)}")
    if options.json:
        show_json([{"name": name, "about": about} for name, about in found.items()])
        return 0
    table = Table(options.kind, "")
    for name, about in found.items():
        table.add_row(name, about)
    show(table)
    return 0


def _methods() -> dict[str, str]:
    from signwise.methods import METHODS

    return {name: f"{_module_line(METHODS[name])} {_first_line(METHODS[name])}" for name in METHODS}


def _models() -> dict[str, str]:
    from signwise.models import MODELS

    return {name: f"{_first_line(MODELS[name].build)} {_options(MODELS[name].defaults)}" for name in MODELS}


def _objectives() -> dict[str, str]:
    from signwise.objectives import OBJECTIVES

    return {name: _first_line(OBJECTIVES[name]) for name in OBJECTIVES}


def _recipes() -> dict[str, str]:
    from signwise.train import list_recipes, load_recipe

    return {name: load_recipe(name).published for name in list_recipes()}


def _tables() -> dict[str, str]:
    from signwise.train.table import TABLES, list_tables

    lines = {name: (TABLES / f"{name}.yaml").read_text(encoding="utf-8").partition("\n")[0] for name in list_tables()}
    return {name: line.removeprefix("# ") for name, line in lines.items()}


def _data() -> dict[str, str]:
    from signwise.data import CATALOGUE

    places = {name: f"Hugging Face hub {entry.hub}" if entry.hub else "built in" for name, entry in CATALOGUE.items()}
    return {
        name: f"{places[name]}; augmented by {', '.join(entry.augment) or 'nothing'}"
        for name, entry in CATALOGUE.items()
    }


KINDS: dict[str, Callable[[], dict[str, str]]] = {
    "methods": _methods,
    "models": _models,
    "objectives": _objectives,
    "recipes": _recipes,
    "tables": _tables,
    "data": _data,
}


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _module_line(thing: Any) -> str:
    return _first_line(inspect.getmodule(thing))


def _options(defaults: Any) -> str:
    return f"({', '.join(f'{key}={value!r}' for key, value in defaults.items())})"
