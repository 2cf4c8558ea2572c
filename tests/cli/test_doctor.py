"""signwise doctor: what is found, and what counts as broken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.core.errors import TargetError

CallJson = Callable[..., tuple[int, Any]]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SIGNWISE_DATA", raising=False)


def test_sound_machine(call_json: CallJson, call: Callable[..., Any]) -> None:
    code, facts = call_json("doctor")
    assert (code, facts["ok"]) == (0, True)
    names = [check["name"] for check in facts["checks"]]
    assert {"signwise", "torch", "lightning", "processor", "GPUs", "C compiler", "cache", "data digits"} <= set(names)
    assert "BROKEN" not in call("doctor")[1]


def test_cache_that_cannot_be_written(
    call_json: CallJson, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "file"))
    code, facts = call_json("doctor")
    assert (code, facts["ok"]) == (1, False)
    broken = [check for check in facts["checks"] if check["broken"]]
    assert [check["name"] for check in broken] == ["cache"]
    assert broken[0]["advice"] == "; set SIGNWISE_CACHE to a folder that can be written"
    assert "BROKEN" in call("doctor")[1]


def test_data_sets_in_the_data_folder(call_json: CallJson, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "photos" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "train-00000-of-00002.parquet").write_bytes(b"")
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path))
    code, facts = call_json("doctor")
    checks = {check["name"]: check for check in facts["checks"]}
    assert code == 1
    assert checks["data photos"]["found"] == str(tmp_path / "photos")
    assert "data notes" not in checks
    assert "complete the set" in checks["data torn"]["found"]


def test_data_folder_that_is_not_there(call_json: CallJson, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path / "none"))
    code, facts = call_json("doctor")
    assert code == 1
    assert any(check["found"].endswith("none is not a folder") for check in facts["checks"])


def test_lists_the_targets_of_the_runtime(call_json: CallJson) -> None:
    checks = {check["name"]: check["found"] for check in call_json("doctor")[1]["checks"]}
    assert "scalar" in checks["runtime targets, best first"].split(", ")


def test_no_compiler_for_the_runtime_is_broken(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[str]:
        raise TargetError("no C compiler")

    monkeypatch.setattr("signwise.runtime.library.targets", missing)
    code, out, _ = call("doctor")
    assert code == 1 and "SW403: no C compiler" in out
