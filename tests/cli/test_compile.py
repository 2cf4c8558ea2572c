"""signwise compile, bench and export: from a run folder to files that run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import signwise

Call = Callable[..., tuple[int, str, str]]
CallJson = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def compiled(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from signwise.cli.compile import compile_folder

    return compile_folder(str(trained), tmp_path_factory.mktemp("compiled") / "net.swn", samples=0).path


def test_compiles_and_verifies_on_the_test_images(trained: Path, tmp_path: Path, call_json: CallJson) -> None:
    code, facts = call_json("compile", trained, "--out", tmp_path / "net.swn", "--samples", 20)
    assert code == 0
    assert facts["verification"]["ok"] and facts["verification"]["images"] == 20
    assert all(layer["wrong"] == 0 < layer["accumulators"] for layer in facts["verification"]["layers"])
    assert facts["bytes"] == (tmp_path / "net.swn").stat().st_size
    session = signwise.load(tmp_path / "net.swn")
    assert session.meta["classes"].split() == list("0123456789")


def test_int8_real_layers_say_what_they_change(trained: Path, tmp_path: Path, call: Call, call_json: CallJson) -> None:
    arguments = "compile", trained, "--out", tmp_path / "net.swn", "--samples", 20, "--real", "int8"
    code, facts = call_json(*arguments)
    rounding = facts["rounding"]
    assert code == 0 and facts["verification"]["ok"]
    assert rounding["images"] == 20 and 15 <= rounding["same_largest"] <= 20
    assert abs(rounding["accuracy_float32"] - rounding["accuracy_int8"]) <= 0.25
    assert signwise.load(tmp_path / "net.swn").takes_bytes
    code, out, _ = call(*arguments)
    assert code == 0 and re.search(r"same largest result as float32 on \d+ of 20 images; accuracy [\d.]+% with", out)


def test_prints_operations_and_sizes(trained: Path, tmp_path: Path, call: Call) -> None:
    code, out, _ = call("compile", trained, "--out", tmp_path / "net.swn", "--samples", 0, "--text")
    assert code == 0
    assert " = bconv(" in out and "bytes, float parameters" in out and "not verified" in out


def test_bench_times_the_forced_target(compiled: Path, call: Call, call_json: CallJson) -> None:
    code, facts = call_json("bench", compiled, "--seconds", 0.01, "--target", "scalar", "--profile")
    assert (code, facts["target"], facts["input"]) == (0, "scalar", [1, 8, 8])
    assert facts["fastest_ms"] <= facts["median_ms"] and {"conv", "bconv"} <= {row["op"] for row in facts["operations"]}
    code, out, _ = call("bench", compiled, "--seconds", 0.01, "--threads", 2)
    assert code == 0 and "ms an image of float32 (median of" in out and "threads 2" in out
    assert facts["median_ms"] > 0 and facts["first_result_ms"] > 0


def test_bench_gives_bytes_to_a_network_of_bytes(trained: Path, tmp_path: Path, call_json: CallJson) -> None:
    call_json("compile", trained, "--out", tmp_path / "net.swn", "--samples", 0, "--real", "int8")
    code, facts = call_json("bench", tmp_path / "net.swn", "--seconds", 0.01)
    assert (code, facts["dtype"]) == (0, "uint8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bench", "absent.swn"], "SW402: cannot read absent.swn: No such file"),
        (["bench", "FILE", "--seconds", "0"], "SW102: --seconds 0.0; allowed: above 0"),
        (["bench", "FILE", "--target", "avx9"], "SW403: .*avx9"),
        (["export", "onnx", "absent.swn", "out"], "SW402: cannot read absent.swn: No such file"),
        (["compile", "absent"], "SW301: no model.json in absent"),
        (["compile", "RUN", "--real", "int4"], "SW102: real='int4'; .*float32"),
        (["compile", "FILE", "--samples", "-1"], "SW102: --samples -1; allowed: 0 or more"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, compiled: Path, trained: Path, call: Call) -> None:
    code, _, error = call(*[{"FILE": str(compiled), "RUN": str(trained)}.get(item, item) for item in arguments])
    assert code == 2
    assert re.search(said, error), error


def test_exports_onnx(compiled: Path, tmp_path: Path, call_json: CallJson) -> None:
    pytest.importorskip("onnx")
    code, facts = call_json("export", "onnx", compiled, tmp_path / "net.onnx")
    assert (code, facts["bytes"]) == (0, (tmp_path / "net.onnx").stat().st_size)
