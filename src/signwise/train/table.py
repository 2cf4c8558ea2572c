"""Tables of results as data: entries that name recipes, expanded into the cells that fill the table."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from signwise.core.errors import ConfigError
from signwise.train.compare import FLOAT, NONE, Cell, cells
from signwise.train.recipe import from_dict, load_recipe, load_yaml, override_recipe, shipped

TABLES = Path(str(files("signwise") / "tables"))


@dataclass(frozen=True)
class Entry:
    """Rows of a table that share a recipe: what ``signwise compare`` would be asked.

    ``methods`` (the recipe's own, where none are given), ``objectives`` (likewise) and ``seeds`` are crossed, again for
    every value of the recipe keys in ``vary``; ``options`` are further keys, dotted. ``teacher`` names the recipe of an
    earlier entry: its first run teaches where an objective wants a teacher.
    """

    recipe: str
    methods: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    options: dict[str, Any] = field(default_factory=dict)
    vary: dict[str, list[Any]] = field(default_factory=dict)
    teacher: str | None = None


def list_tables() -> list[str]:
    """Names of the tables that ship with the package."""
    return shipped(TABLES)


def load_table(name: str) -> tuple[Entry, ...]:
    """A shipped table by name, or a table file by its path (ending in .yaml). Errors: UnknownName, ConfigError."""
    data = load_yaml("table", name, TABLES, list, "a list of entries")
    return tuple(from_dict(Entry, entry, f"table {name}, entry {number}") for number, entry in enumerate(data, 1))


def table_cells(
    entries: Sequence[Entry], out: Path, overrides: Sequence[str] = (), seeds: Sequence[int] = ()
) -> tuple[Cell, ...]:
    """The runs that fill a table, to be kept in ``out``: all of the first seed first, teachers before their students.

    ``overrides`` are recipe options for every entry, as on the command line; ``seeds`` replace those of every entry but
    the teachers'. Errors: ConfigError for a teacher that no earlier entry trains, and those of :func:`cells`.

    >>> made = table_cells([Entry("digits/resnet8_irnet", seeds=(0, 1), vary={"epochs": [2, 3]})], Path("runs/t"))
    >>> [cell.name for cell in made][:3]
    ['digits/resnet8_irnet-epochs=2/irnet-none-s0', 'digits/resnet8_irnet-epochs=3/irnet-none-s0', \
'digits/resnet8_irnet-epochs=2/irnet-none-s1']
    """
    teachers = {entry.teacher for entry in entries}
    made: list[Cell] = []
    for entry in entries:
        if seeds and entry.recipe not in teachers:
            entry = replace(entry, seeds=tuple(seeds))
        teacher = entry.teacher and _folder(entry.teacher, made, out)
        made += [cell.taught(teacher) if teacher else cell for cell in _cells(entry, overrides)]
    return tuple(sorted(made, key=lambda cell: cell.seed))


def _cells(entry: Entry, overrides: Sequence[str]) -> Iterator[Cell]:
    shared = load_recipe(entry.recipe)
    usual = shared.method if shared.binary else FLOAT, "+".join(shared.objectives) or NONE
    for varied in [{key: value} for key, values in entry.vary.items() for value in values] or [{}]:
        options = entry.options | varied
        words = [f"--{key}={yaml.safe_dump(value, default_flow_style=True)}" for key, value in options.items()]
        recipe = override_recipe(shared, [*words, *overrides])
        plain = replace(recipe.data, path=None) == shared.data and recipe.replace(data=shared.data) == shared
        group = "-".join([entry.recipe, *(_word(key, value) for key, value in varied.items())])
        for cell in cells(recipe, entry.methods or usual[:1], entry.objectives or usual[1:], entry.seeds):
            published = shared.published if plain and (cell.method, cell.objective) == usual else ""
            yield replace(cell, group=group, varied=varied, published=published)


def _word(key: str, value: Any) -> str:
    """A varied option as a part of a folder's name."""
    return f"{key.rpartition('.')[2]}={re.sub(r'[^A-Za-z0-9.+-]', '', str(value))}"


def _folder(recipe: str, made: Sequence[Cell], out: Path) -> str:
    """The run folder of the teacher that a recipe trains."""
    for cell in made:
        if cell.group == recipe:
            return str(out / cell.name)
    raise ConfigError(f"table: no entry before its students trains the teacher {recipe!r}; put one there")
