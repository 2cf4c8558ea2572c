"""signwise describe: recipes, models and run folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]
CallJson = Callable[..., tuple[int, Any]]


def test_recipe(call: Call, call_json: CallJson) -> None:
    code, out, _ = call("describe", "digits/resnet8_irnet")
    assert code == 0
    assert "first layer" in out
    assert "last layer" in out
    code, facts = call_json("describe", "digits/resnet8_irnet")
    layers = facts["conversion"]["layers"]
    assert [layer["reason"] for layer in layers if layer["method"] is None] == ["first layer", "last layer"]
    assert {layer["method"] for layer in layers} == {None, "irnet"}
    assert facts["input_size"] == facts["summary"]["input_size"] == [1, 8, 8]
    assert facts["summary"]["total"]["binary_macs"] > 0


def test_float_twin(call: Call) -> None:
    code, out, _ = call("describe", "digits/resnet8_irnet", "--binary", "false")
    assert code == 0
    assert "reason" not in out


def test_model_by_name(call_json: CallJson) -> None:
    options = ["--method", "rbnn", "--classes", "7", "--input-size", "2", "16", "16"]
    code, facts = call_json("describe", "resnet20_tiny", *options)
    assert code == 0
    layers = facts["conversion"]["layers"]
    assert {layer["method"] for layer in layers} == {None, "rbnn"}
    assert (layers[0]["shape"][1], layers[-1]["shape"][0]) == (2, 7)


def test_models_of_a_fixed_size_follow_the_input(call_json: CallJson) -> None:
    code, facts = call_json("describe", "vgg_small_tiny", "--input-size", "1", "16", "16")
    assert (code, facts["input_size"]) == (0, [1, 16, 16])


def test_run_folder_gives_the_same_as_its_recipe(trained: Path, tiny: list[str], call_json: CallJson) -> None:
    code, saved = call_json("describe", trained)
    assert code == 0
    model = [option for option in tiny[: tiny.index("--accelerator")] if option not in ("--epochs", "1")]
    assert saved["summary"] == call_json("describe", "digits/resnet8_irnet", *model)[1]["summary"]
    assert saved["input_size"] == [1, 8, 8]


def test_overrides_show_in_the_saved_model(tmp_path: Path, tiny: list[str], call: Call, call_json: CallJson) -> None:
    out = tmp_path / "run"
    name = "body.stage1.0.unit1.branch.conv"
    assert call("train", "digits/resnet8_irnet", *tiny, f"--overrides={{{name}: null}}", "--out", out)[0] == 0
    bits = {layer["name"]: layer["weight_bits"] for layer in call_json("describe", out)[1]["summary"]["layers"]}
    assert bits[name] == 32
    assert bits["body.stage3.0.unit2.branch.conv"] == 1


def test_data_of_unknown_shape(call: Call, tmp_path: Path) -> None:
    code, _, err = call("describe", "digits/resnet8_irnet", "--data.name", "photos", "--data.path", tmp_path)
    assert code == 2
    assert err.startswith(
        "SW102: describe: the shape of data set 'photos' is not known here; give --classes and --input-size"
    )


@pytest.mark.parametrize("name", ["digits", "fashion_mnist", "cifar10", "cifar100", "imagenet"])
def test_shapes_cover_the_catalogue(name: str) -> None:
    from signwise.cli.describe import SHAPES
    from signwise.data import CATALOGUE

    assert set(SHAPES) == set(CATALOGUE)
    assert CATALOGUE[name].channels == SHAPES[name][1][0]
