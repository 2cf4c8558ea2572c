"""signwise status: the matrix of all methods, and the documentation's copy of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.cli.status import COLUMNS, markdown, run, status
from signwise.core.errors import UnknownName
from signwise.methods import list_methods

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return status()


def test_every_method_has_a_row(rows: list[dict[str, Any]]) -> None:
    assert [row["name"] for row in rows] == list_methods()
    for row in rows:
        assert row["paper"] and row["source"] and row["class"] and row["recipes"] and row["bytes"] > 10_000, row["name"]


def test_costs_are_those_of_the_method(rows: list[dict[str, Any]]) -> None:
    found = {row["name"]: row for row in rows}
    assert (found["abcnet"]["weight_bits"], found["abcnet"]["activation_bits"]) == (3, 3)
    assert found["abcnet"]["ops"] - found["bnn"]["ops"] == 8 * 40_108_032 / 64  # nine for every one
    assert 0.66 < found["subbit"]["weight_bits"] < 0.7
    assert found["bcnn"]["bytes"] < 0.6 * found["bnn"]["bytes"] < found["bnn"]["bytes"] < found["dybnn"]["bytes"]


def test_the_page_is_in_step(rows: list[dict[str, Any]]) -> None:
    table = markdown(rows)
    assert table in PAGE.read_text(encoding="utf-8"), (
        "put what `signwise status --markdown` prints into docs/methods.md"
    )


def test_forms(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(UnknownName, match="no method matches 'irnt'; did you mean 'irnet'"):
        run(["irnt"])
    monkeypatch.setattr("signwise.cli.status.status", lambda pattern: rows[:1])
    assert call("status", "--markdown")[1].splitlines() == markdown(rows[:1]).splitlines()
    code, out, _ = call("status")
    assert code == 0 and all(column in out for column in COLUMNS) and rows[0]["name"] in out


def test_reproduced_recipes_are_counted(rows: list[dict[str, Any]]) -> None:
    recipes = {
        "a": {"published": "1 % [README].", "reproduced": "1.1 %"},
        "b": {"published": "2 % [README].", "reproduced": ""},
        "c": {"published": "None.", "reproduced": ""},
    }
    assert "| 1 of 2 |" in markdown([{**rows[0], "recipes": recipes}])
