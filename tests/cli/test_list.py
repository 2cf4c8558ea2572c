"""signwise list: every kind has names, and a line on each."""

from collections.abc import Callable
from typing import Any

import pytest

from signwise.cli.list import KINDS
from signwise.methods import list_methods
from signwise.models import list_models
from signwise.train import list_recipes


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_has_a_line(kind: str, call_json: Callable[..., Any], call: Callable[..., Any]) -> None:
    code, rows = call_json("list", kind)
    assert code == 0
    assert rows
    assert all(row["name"] and row["about"] for row in rows)
    code, out, _ = call("list", kind)
    assert code == 0
    assert all(row["name"] in out for row in rows)


def test_names_are_those_of_the_registries(call_json: Callable[..., Any]) -> None:
    for kind, names in (("methods", list_methods()), ("models", list_models()), ("recipes", list_recipes())):
        assert [row["name"] for row in call_json("list", kind)[1]] == names


def test_pattern(call_json: Callable[..., Any]) -> None:
    names = [row["name"] for row in call_json("list", "recipes", "digits/*")[1]]
    assert names == ["digits/resnet8_irnet", "digits/resnet8_irnet_cmim"]
