"""Comparisons: which cells there are, that they run apart and resume, and what they add up to."""

import json
from pathlib import Path
from typing import Any

import pytest

from signwise.core.errors import ConfigError, TrainingError, UnknownName
from signwise.methods import list_methods
from signwise.train import Recipe, Result, compare
from signwise.train.compare import Cell, Outcome, aggregate, cells, curve, taught


def result(folder: Path, *accuracies: float, seconds: float = 2.0) -> Result:
    return Result(folder, tuple({"epoch": i, "accuracy": a, "seconds": seconds} for i, a in enumerate(accuracies)))


def outcome(method: str, seed: int, made: Result | None, error: str = "") -> Outcome:
    return Outcome(Cell(method, "none", seed, Recipe()), made, error)


def test_cells_are_every_combination_seed_by_seed_and_float_once() -> None:
    recipe = Recipe(method="irnet", method_options={"t_min": 0.1}, objectives={"contrastive_mi": {"weight": 0.3}})
    made = cells(recipe, ["irnet", "float", "rbnn"], ["none", "contrastive_mi"], [3, 5])
    names = ["irnet-none", "irnet-contrastive_mi", "float-none", "rbnn-none", "rbnn-contrastive_mi"]
    assert [cell.name for cell in made] == [f"{name}-s{seed}" for seed in (3, 5) for name in names]
    by_name = {cell.name: cell.recipe for cell in made}
    assert by_name["float-none-s3"] == recipe.replace(binary=False, objectives={}, seed=3)
    assert by_name["irnet-none-s5"] == recipe.replace(objectives={}, seed=5)
    assert by_name["irnet-contrastive_mi-s5"] == recipe.replace(seed=5)
    assert by_name["rbnn-contrastive_mi-s3"] == recipe.replace(method="rbnn", method_options={}, seed=3)


def test_the_budget_is_the_same_in_all_cells() -> None:
    recipe = Recipe(epochs=7)
    for cell in cells(recipe, ["float", "irnet", "bnn"], ["none"], [0, 1]):
        assert (cell.recipe.epochs, cell.recipe.data, cell.recipe.optimizer) == (7, recipe.data, recipe.optimizer)


def test_two_objectives_at_once_keep_their_own_options() -> None:
    recipe = Recipe(objectives={"distillation": {"temperature": 4.0}})
    (cell,) = cells(recipe, ["irnet"], ["distillation+contrastive_mi"], [0])
    assert cell.recipe.objectives == {"distillation": {"temperature": 4.0}, "contrastive_mi": {}}


def test_own_is_what_the_paper_adds_to_the_loss_and_all_is_every_method() -> None:
    recipe = Recipe(objectives={"reconstruction": {"weight": 0.5}})
    made = {cell.name: cell.recipe.objectives for cell in cells(recipe, ["all", "float"], ["none", "own"], [0])}
    with_own = {"rbonn": "reconstruction", "xucheung": "scale_decay", "lcr": "lipschitz_retention"}
    pairs = {f"{name}-none-s0" for name in [*list_methods(), "float"]}
    assert set(made) == pairs | {f"{name}-{objective}-s0" for name, objective in with_own.items()}
    assert made["rbonn-reconstruction-s0"] == {"reconstruction": {"weight": 0.5}}
    (both,) = cells(recipe, ["rbonn"], ["own+contrastive_mi"], [0])
    assert list(both.recipe.objectives) == ["reconstruction", "contrastive_mi"]


def test_the_first_float_twin_teaches_who_comes_behind_it_and_wants_a_teacher() -> None:
    recipe = Recipe(objectives={"distillation": {"temperature": 4.0}})
    made = taught(cells(recipe, ["lcr", "float", "bnn"], ["own", "distillation"], [3, 5]), Path("out"))
    chosen = {
        cell.name: {name: given.get("teacher") for name, given in cell.recipe.objectives.items()} for cell in made
    }
    twin = str(Path("out/float-none-s3"))
    assert chosen["lcr-lipschitz_retention-s3"] == {"lipschitz_retention": None}
    assert chosen["lcr-lipschitz_retention-s5"] == {"lipschitz_retention": twin}
    assert chosen["bnn-none-s3"] == chosen["float-none-s5"] == {}
    assert chosen["bnn-distillation-s3"] == {"distillation": twin}
    assert made[-1].recipe.objectives["distillation"] == {"teacher": twin, "temperature": 4.0}
    own = recipe.replace(objectives={"distillation": {"teacher": "mine"}})
    assert (
        taught(cells(own, ["float", "bnn"], ["distillation"], [0]), Path("out"))[-1].recipe.objectives == own.objectives
    )


@pytest.mark.parametrize(
    ("methods", "objectives", "seeds", "error", "text"),
    [
        (["irnett"], ["none"], [0], UnknownName, "unknown method 'irnett'; did you mean 'irnet'"),
        (["irnet"], ["contrastive"], [0], UnknownName, "unknown objective 'contrastive'; did you mean 'contrastive_"),
        (
            ["irnet", "irnet"],
            ["none"],
            [0],
            ConfigError,
            "compare: --methods irnet irnet; allowed: one or more, each once",
        ),
        (["irnet"], [], [0], ConfigError, "compare: --objectives missing; allowed: one or more, each once"),
        (["irnet"], ["none"], [1, 1], ConfigError, "compare: --seeds 1 1; allowed: one or more, each once"),
    ],
)
def test_bad_cells(methods: list[str], objectives: list[str], seeds: list[int], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        cells(Recipe(), methods, objectives, seeds)


def test_rows_give_mean_sample_deviation_and_best_apart(tmp_path: Path) -> None:
    outcomes = [
        outcome("irnet", 0, result(tmp_path, 0.9, 0.5)),
        outcome("rbnn", 0, result(tmp_path, 0.25)),
        outcome("irnet", 1, result(tmp_path, 0.6, 0.7)),
        outcome("rbnn", 1, None, "SW303: bad"),
    ]
    first, second = aggregate(outcomes)
    assert (first.label, first.n, first.seeds, first.accuracies, first.failed) == ("irnet", 2, (0, 1), (0.5, 0.7), ())
    assert first.mean == pytest.approx(0.6)
    assert first.std == pytest.approx(0.02**0.5)
    assert first.best_mean == pytest.approx(0.8)
    assert first.seconds == pytest.approx(4.0)
    assert (second.n, second.mean, second.std, second.failed) == (1, 0.25, None, ("SW303: bad",))


def test_a_row_of_failures_only() -> None:
    (row,) = aggregate([outcome("irnet", 0, None, "SW303: bad")])
    assert (row.n, row.mean, row.std, row.best_mean, row.seconds) == (0, None, None, None, None)


def test_curve_covers_the_epochs_that_all_runs_have(tmp_path: Path) -> None:
    points = curve([result(tmp_path, 0.2, 0.4, 0.9), result(tmp_path, 0.4, 0.4)], "accuracy")
    assert [mean for mean, _ in points] == pytest.approx([0.3, 0.4])
    assert [spread for _, spread in points] == pytest.approx([0.02**0.5, 0.0])
    assert curve([result(tmp_path, 0.5)], "accuracy") == ((0.5, 0.0),)
    assert curve([], "accuracy") == ()


def test_a_failing_cell_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(recipe: Recipe, out: Path, on_epoch: Any, **options: Any) -> Result:
        assert options == {"devices": 1}
        if recipe.method == "bnn":
            raise TrainingError("the loss is not finite")
        made = result(out, 0.5, 0.75)
        out.mkdir()
        (out / "versions.json").write_text('{"torch": "2"}')
        for row in made.rows:
            on_epoch(row)
        return made

    monkeypatch.setattr(compare, "fit", fit)
    seen: list[Any] = []
    outcomes = compare.run(
        cells(Recipe(), ["bnn", "irnet"], ["none"], [0]),
        tmp_path,
        on_start=lambda cell: seen.append(cell.name),
        on_epoch=lambda cell, row: seen.append((cell.method, row["epoch"])),
        on_end=lambda done: seen.append(done.error),
        devices=1,
    )
    assert seen == ["bnn-none-s0", "SW303: the loss is not finite", "irnet-none-s0", ("irnet", 0), ("irnet", 1), ""]
    assert outcomes[1].result is not None
    assert outcomes[1].result.folder == tmp_path / "irnet-none-s0"
    data = compare.to_dict(outcomes, question="which?")
    assert (data["question"], data["versions"]) == ("which?", [{"torch": "2"}])
    assert str(tmp_path) not in json.dumps(data)
    assert data["cells"][0] == {"name": "bnn-none-s0", "seed": 0, "error": "SW303: the loss is not finite"}
    assert data["cells"][1]["accuracy"] == 0.75
    compare.save(data, tmp_path / "compare.json")
    assert json.loads((tmp_path / "compare.json").read_text())["rows"][1]["accuracies"] == [0.75]


def test_other_errors_stop_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> Result:
        raise ConfigError("wrong")

    monkeypatch.setattr(compare, "fit", fit)
    with pytest.raises(ConfigError, match="wrong"):
        compare.run(cells(Recipe(), ["bnn"], ["none"], [0]), tmp_path, *[lambda *_: None] * 3)


def test_options_of_a_method_left_out_are_refused() -> None:
    recipe = Recipe(method="irnet", method_options={"t_min": 0.1})
    assert len(cells(recipe, ["irnet", "rbnn"], ["none"], [0])) == 2
    with pytest.raises(
        ConfigError, match=r"^SW\d+: compare: method_options {'t_min': 0.1} belong to irnet, which .* \(rbnn\)"
    ):
        cells(recipe, ["rbnn"], ["none"], [0])
