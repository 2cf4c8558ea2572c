"""signwise compare: table, picture, JSON; a second call trains nothing."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.cli.comparison import markdown
from signwise.core.errors import LoweringError
from signwise.train import compare

Call = Callable[..., tuple[int, str, str]]


def test_compares_and_resumes(tmp_path: Path, tiny: list[str], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = shlex.split(
        "--methods float irnet --objectives none contrastive_mi --seeds 0 1 --objectives.contrastive_mi.dim 8"
    )
    command = ("compare", "digits/resnet8_irnet", *kinds, *tiny, "--out", tmp_path)
    code, out, err = call(*command)
    assert code == 0
    assert "irnet + contrastive_mi" in out
    assert f"pictures are in {tmp_path}" in "".join(out.splitlines())
    assert "6 runs of 1 epochs on digits" in err
    assert "[6/6] irnet-contrastive_mi-s1: accuracy " in err
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")
    data = json.loads((tmp_path / "compare.json").read_text())
    assert [row["n"] for row in data["rows"]] == [2, 2, 2]
    assert data["recipe"]["objectives"] == {"contrastive_mi": {"dim": 8}}
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*-s*/*")}
    assert len({path.parent for path in stamps}) == 6

    monkeypatch.setattr("signwise.train.run.open_data", None)  # training again would need it
    code, again, _ = call(*command, "--json")
    assert code == 0
    assert json.loads(again)["rows"] == data["rows"]
    assert str(tmp_path) not in again
    assert call(*command, "--markdown")[1] == markdown(data) + "\n"
    written = {path for path in stamps if path.name != ".lock"}
    assert all(path.stat().st_mtime_ns == stamps[path] for path in written)


def test_deploys_what_was_trained(tmp_path: Path, tiny: list[str], call: Call) -> None:
    words = shlex.split("--methods float bnn dorefa --seeds 0 1 --deploy")
    code, out, _ = call("compare", "digits/resnet8_irnet", *words, *tiny, "--out", tmp_path)
    assert code == 0
    data = json.loads((tmp_path / "compare.json").read_text())
    assert list(data["deployed"]) == ["float", "bnn", "dorefa"]
    for label, file in (("float", "float.onnx"), ("bnn", "bnn-none-s0/net.swn"), ("dorefa", "dorefa-none-s0/net.swn")):
        told = data["deployed"][label]
        assert (told["file"], told["bytes"]) == (file, (tmp_path / file).stat().st_size)
        assert told["median_ms"] > 0
        assert f"{told['bytes']:,}" in out
    assert (tmp_path / "tradeoff.png").read_bytes().startswith(b"\x89PNG")


def test_what_does_not_compile_is_said(
    tmp_path: Path, tiny: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: str) -> None:
        raise LoweringError(f"no lowering for {Path(folder).name}")

    monkeypatch.setattr("signwise.cli.tradeoff.compile_folder", refuse)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    words = shlex.split("--methods float bnn --seeds 0 --deploy")
    code, _, said = call("compare", "digits/resnet8_irnet", *words, *tiny, "--out", tmp_path)
    assert code == 0
    assert "the float twin is not timed (import of onnxruntime halted" in said
    assert "bnn is not timed (SW401: no lowering for bnn-none-s0)" in said
    assert json.loads((tmp_path / "compare.json").read_text())["deployed"] == {}


def test_failed_cells_give_exit_code_1(
    tmp_path: Path, tiny: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise compare.TrainingError("the loss is not finite [here]")

    monkeypatch.setattr(compare, "fit", fit)
    code, out, err = call("compare", "digits/resnet8_irnet", "--seeds", "0", *tiny, "--out", tmp_path)
    assert code == 1
    assert "SW303: the loss is not finite [here]" in out
    assert "[1/1] irnet-none-s0: failed: SW303: the loss is not finite [here]" in err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--methods", "irnett"], "SW101: unknown method 'irnett'; did you mean 'irnet'"),
        (["--objectives", "cmim"], "SW101: unknown objective 'cmim'; known: contrastive_mi"),
        (["--seed", "3"], "SW102: signwise compare: found --seed; give all seeds as --seeds 0 1 2"),
        (["--seeds", "x"], "SW102: signwise compare: argument --seeds: invalid int value: 'x'"),
    ],
)
def test_errors(options: list[str], text: str, tmp_path: Path, call: Call) -> None:
    code, _, err = call("compare", "digits/resnet8_irnet", *options, "--out", tmp_path)
    assert code == 2
    assert err.startswith(text)
