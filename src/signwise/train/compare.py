"""Methods and objectives against each other at the same budget: cells, their runs, and what they add up to."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from signwise.core.errors import ConfigError, RunFolderError, TrainingError
from signwise.core.files import write_result
from signwise.methods import METHODS
from signwise.objectives import OBJECTIVES
from signwise.train.build import objective_options
from signwise.train.folder import VERSIONS
from signwise.train.recipe import Recipe
from signwise.train.run import Result, fit

FLOAT, NONE, OWN, ALL = "float", "none", "own", "all"
EpochCall = Callable[["Cell", dict[str, Any]], None]
CellCall = Callable[["Outcome"], None]


@dataclass(frozen=True)
class Cell:
    """One run of a comparison; ``name`` is also its run folder's.

    ``group`` parts the runs of different recipes in one table, ``varied`` is the recipe key that a table gives several
    values, with this one; ``published`` is what the recipe says of exactly this.
    """

    method: str
    objective: str
    seed: int
    recipe: Recipe
    group: str = ""
    varied: dict[str, Any] = field(default_factory=dict)
    published: str = ""

    @property
    def name(self) -> str:
        name = f"{self.method}-{self.objective}-s{self.seed}"
        return f"{self.group}/{name}" if self.group else name

    @property
    def kind(self) -> tuple[str, str, str]:
        """What the runs of all seeds have in common."""
        return self.group, self.method, self.objective

    @property
    def label(self) -> str:
        """The same in words."""
        return _label(*self.kind)

    def taught(self, teacher: str) -> "Cell":
        """The cell with the run in folder ``teacher`` for every objective that wants one and names none."""
        objectives = {
            name: {"teacher": teacher} | given if "teacher" in objective_options(name) else given
            for name, given in self.recipe.objectives.items()
        }
        return replace(self, recipe=self.recipe.replace(objectives=objectives))


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: a result, or the error that ended it."""

    cell: Cell
    result: Result | None
    error: str = ""


@dataclass(frozen=True)
class Row:
    """The cells of one kind over the seeds.

    ``mean``, ``std`` (of the sample, None below two runs) and ``accuracies`` are of the last epoch; ``best_mean`` is of
    each run's best epoch on the evaluation set, which flatters. ``seconds`` is the mean training time of a run.
    """

    group: str
    varied: dict[str, Any]
    method: str
    objective: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    mean: float | None
    std: float | None
    best_mean: float | None
    seconds: float | None
    failed: tuple[str, ...]
    epochs: int
    published: str

    @property
    def n(self) -> int:
        return len(self.accuracies)

    @property
    def label(self) -> str:
        return _label(self.group, self.method, self.objective)

    def to_dict(self) -> dict[str, Any]:
        return {"label": self.label, "n": self.n} | vars(self)


def taught(cells: Sequence[Cell], out: Path) -> tuple[Cell, ...]:
    """The cells, to be kept in ``out``, with the first float twin as the teacher of those behind it that want one."""
    twin = next((place for place, cell in enumerate(cells) if cell.method == FLOAT), len(cells))
    return tuple(cell.taught(str(out / cells[twin].name)) if place > twin else cell for place, cell in enumerate(cells))


def _label(group: str, method: str, objective: str) -> str:
    label = method if objective == NONE else f"{method} + {objective}"
    return f"{group}: {label}" if group else label


def cells(recipe: Recipe, methods: Sequence[str], objectives: Sequence[str], seeds: Sequence[int]) -> tuple[Cell, ...]:
    """The cells of a comparison: every method with every objective and seed, seed by seed.

    ``float`` is the float twin of the recipe's own method, ``all`` every registered method; ``none`` is no objective,
    ``own`` those that a method's paper adds to the loss, mostly none, and ``a+b`` two at once. The float twin takes no
    objectives. An objective has the options that ``recipe.objectives`` gives it, a method those of
    ``recipe.method_options`` if it is the recipe's own. Errors: UnknownName; ConfigError for what is twice, and for
    options of a method left out.

    >>> [cell.name for cell in cells(Recipe(), ["float", "irnet", "rbonn"], ["own", "contrastive_mi"], [0])]
    ['float-none-s0', 'irnet-none-s0', 'irnet-contrastive_mi-s0', 'rbonn-reconstruction-s0', 'rbonn-contrastive_mi-s0']
    """
    methods = [name for word in methods for name in (METHODS if word == ALL else [word])]
    for kind, values in (("methods", methods), ("objectives", objectives), ("seeds", seeds)):
        if not values or len(set(values)) != len(values):
            found = " ".join(map(str, values)) or "missing"
            raise ConfigError(f"compare: --{kind} {found}; allowed: one or more, each once")
    if recipe.method_options and recipe.method not in methods:
        raise ConfigError(
            f"compare: method_options {recipe.method_options} belong to {recipe.method}, which --methods leaves out "
            f"({' '.join(methods)}); name it there, or give --method as well"
        )
    kinds = dict.fromkeys((method, _objective(method, words)) for method in methods for words in objectives)
    return tuple(
        Cell(method, objective, seed, _recipe(recipe, method, objective).replace(seed=seed))
        for seed in seeds
        for method, objective in kinds
    )


def _objective(method: str, words: str) -> str:
    """The objectives that ``words`` mean for a method, as one word."""
    if method == FLOAT:
        return NONE
    own = METHODS[method]().objectives
    names = [name for word in words.split("+") if word != NONE for name in (own if word == OWN else (word,))]
    return "+".join(dict.fromkeys(names)) or NONE


def _recipe(recipe: Recipe, method: str, objective: str) -> Recipe:
    if method == FLOAT:
        return recipe.replace(binary=False, objectives={})
    names = [] if objective == NONE else objective.split("+")
    for name in names:
        OBJECTIVES[name]
    options = recipe.method_options if method == recipe.method else {}
    chosen = {name: recipe.objectives.get(name, {}) for name in names}
    return recipe.replace(method=method, method_options=options, binary=True, objectives=chosen)


def run(
    cells: Sequence[Cell],
    out: str | Path,
    on_start: Callable[[Cell], None],
    on_epoch: EpochCall,
    on_end: CellCall,
    **options: Any,
) -> tuple[Outcome, ...]:
    """Carry out the cells one after the other, each in its own run folder in ``out``; finished ones are read.

    A TrainingError ends its cell only; every other error ends the comparison. ``options`` go to :func:`fit`.
    """
    outcomes = []
    for cell in cells:
        on_start(cell)
        outcome = _run(cell, Path(out) / cell.name, on_epoch, options)
        on_end(outcome)
        outcomes.append(outcome)
    return tuple(outcomes)


def _run(cell: Cell, folder: Path, on_epoch: EpochCall, options: dict[str, Any]) -> Outcome:
    try:
        return Outcome(cell, fit(cell.recipe, folder, on_epoch=lambda row: on_epoch(cell, row), **options))
    except TrainingError as error:
        return Outcome(cell, None, str(error))


def aggregate(outcomes: Sequence[Outcome]) -> tuple[Row, ...]:
    """One row for each group, method and objective, in order of appearance."""
    kinds = dict.fromkeys(outcome.cell.kind for outcome in outcomes)
    return tuple(_row([outcome for outcome in outcomes if outcome.cell.kind == kind]) for kind in kinds)


def _row(outcomes: Sequence[Outcome]) -> Row:
    cell = outcomes[0].cell
    done = [(outcome.cell.seed, outcome.result) for outcome in outcomes if outcome.result]
    accuracies = [result.accuracy for _, result in done]
    return Row(
        group=cell.group,
        varied=cell.varied,
        method=cell.method,
        objective=cell.objective,
        seeds=tuple(seed for seed, _ in done),
        accuracies=tuple(accuracies),
        mean=statistics.fmean(accuracies) if done else None,
        std=statistics.stdev(accuracies) if len(done) > 1 else None,
        best_mean=statistics.fmean(result.best_accuracy for _, result in done) if done else None,
        seconds=statistics.fmean(result.seconds for _, result in done) if done else None,
        failed=tuple(outcome.error for outcome in outcomes if not outcome.result),
        epochs=cell.recipe.epochs,
        published=cell.published,
    )


def curve(results: Sequence[Result], key: str) -> tuple[tuple[float, float], ...]:
    """A metric's mean over the runs, and sample standard deviation (0 for one run), at every epoch all runs have."""
    epochs = zip(*(result.rows for result in results), strict=False)
    values = ([row[key] for row in rows] for rows in epochs)
    return tuple((statistics.fmean(at), statistics.stdev(at) if len(at) > 1 else 0.0) for at in values)


def to_dict(outcomes: Sequence[Outcome], **about: Any) -> dict[str, Any]:
    """A comparison as plain data without this machine's paths: ``about``, rows, cells, the versions they were run with.

    ``versions`` holds one entry for each different machine or version among the runs.
    """
    runs = [
        {"name": outcome.cell.name, "seed": outcome.cell.seed}
        | (outcome.result.figures() if outcome.result else {"error": outcome.error})
        for outcome in outcomes
    ]
    rows = [row.to_dict() for row in aggregate(outcomes)]
    noted = dict.fromkeys((outcome.result.folder / VERSIONS).read_text() for outcome in outcomes if outcome.result)
    return about | {"rows": rows, "cells": runs, "versions": [json.loads(text) for text in noted]}


def save(data: dict[str, Any], path: Path) -> None:
    """Write a comparison's plain data as JSON. Errors: RunFolderError where it cannot be written."""
    write_result(path, json.dumps(data, indent=1), RunFolderError)
