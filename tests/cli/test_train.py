"""signwise train: a run from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.train.recipe import load_recipe

Call = Callable[..., tuple[int, str, str]]


def test_says_what_it_does_and_resumes_nothing_when_finished(tmp_path: Path, tiny: list[str], call: Call) -> None:
    command = ("train", "digits/resnet8_irnet", *tiny, "--out", tmp_path / "run")
    code, out, err = call(*command)
    assert code == 0
    assert "method      irnet" in out
    assert "objectives  none" in out
    assert f"folder      {tmp_path / 'run'}\n" in out
    assert "% in the last epoch" in out
    assert err.startswith("epoch 1: ")
    before = (tmp_path / "run" / "metrics.jsonl").read_text()
    code, out, err = call(*command)
    assert (code, err) == (0, "")
    assert "(holds a finished run)" in out
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == before


def test_json_is_the_result(trained: Path, tiny: list[str], call_json: Callable[..., tuple[int, Any]]) -> None:
    code, result = call_json("train", "digits/resnet8_irnet", *tiny, "--out", trained)
    assert code == 0
    assert set(result) == {"folder", "accuracy", "best_accuracy", "epochs", "seconds"}
    assert (result["folder"], result["epochs"]) == (str(trained), 1)


def test_dotted_options_reach_the_recipe(tmp_path: Path, tiny: list[str], call: Call) -> None:
    extra = ["--optimizer.lr=0.05", "--objectives.contrastive_mi.weight", "0.3", "--seed", "4", "--threads", "1"]
    code, out, _ = call("train", "digits/resnet8_irnet", *tiny, *extra, "--out", tmp_path / "run")
    recipe = load_recipe(str(tmp_path / "run" / "recipe.yaml"))
    assert code == 0
    assert "objectives  contrastive_mi" in out
    assert (recipe.optimizer.lr, recipe.seed, recipe.epochs) == (0.05, 4, 1)
    assert recipe.objectives == {"contrastive_mi": {"weight": 0.3}}


def test_float_twin_and_default_folder(
    tmp_path: Path, tiny: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("train", "digits/resnet8_irnet", *tiny, "--binary", "false", "--seed", "2")
    assert code == 0
    assert "method      none: the float twin, wired as for irnet" in out
    assert (tmp_path / "runs" / "digits_resnet8_irnet-seed2" / "model.json").exists()


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--method=irnett", "SW101: unknown method 'irnett'; did you mean 'irnet'"),
        ("--model=resnet9", "SW101: unknown model 'resnet9'; did you mean 'resnet"),
        ("--data.name=digit", "SW101: unknown data set 'digit'"),
        ("--epochs=2", "SW302: run folder"),
    ],
)
def test_errors(option: str, text: str, trained: Path, tmp_path: Path, tiny: list[str], call: Call) -> None:
    out = trained if option == "--epochs=2" else tmp_path / "run"
    code, _, err = call("train", "digits/resnet8_irnet", *tiny, option, "--out", out)
    assert code == 2
    assert err.startswith(text)
