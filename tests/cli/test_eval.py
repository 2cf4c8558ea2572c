"""signwise eval: the accuracy a run reported, and errors for what does not fit."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.train.folder import read_metrics

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def test_gives_the_accuracy_of_the_last_epoch(trained: Path, call: Call, call_json: Callable[..., Any]) -> None:
    code, facts = call_json("eval", trained)
    assert code == 0
    assert facts["accuracy"] == pytest.approx(read_metrics(trained)[-1]["accuracy"], abs=1e-6)
    assert (facts["n"], facts["data"]) == (360, "digits")
    code, out, _ = call("eval", trained / "model.safetensors", "--accelerator", "cpu")
    assert code == 0
    assert out.startswith("accuracy ")
    assert f"{facts['right']} of 360 images" in out


def test_needs_only_the_two_model_files(copy: Path, call_json: Callable[..., Any]) -> None:
    (copy / "recipe.yaml").unlink()
    assert call_json("eval", copy)[1]["n"] == 360


def test_holdout_of_the_run_does_not_count(copy: Path, call_json: Callable[..., Any]) -> None:
    recipe = copy / "recipe.yaml"
    text = recipe.read_text()
    assert "holdout: 0" in text
    recipe.write_text(text.replace("holdout: 0", "holdout: 100"))
    assert call_json("eval", copy)[1]["n"] == 360


def test_mismatched_classes(copy: Path, call: Call) -> None:
    config = json.loads((copy / "model.json").read_text())
    config["classes"] = ["yes", "no"]
    (copy / "model.json").write_text(json.dumps(config))
    code, _, err = call("eval", copy)
    assert code == 2
    assert err.startswith(
        f"SW102: the model in {copy} has 2 classes, data set 'digits' has 10; allowed: equal numbers. "
        "Give the data set it was trained on with --data.name."
    )


def test_truncated_weights(copy: Path, call_json: Callable[..., Any]) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    code, error = call_json("eval", copy)
    assert (code, error["error"]) == (2, "SW301")
    assert "is truncated or not a safetensors file" in error["message"]
