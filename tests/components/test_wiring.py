"""Wiring options and their changes for one model."""

import pytest

from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError


def test_resolve_changes_only_the_named_model() -> None:
    wiring = Wiring(residual="bireal", on=(("resnet20", (("shortcut", "pad"), ("norm_init", 1e-8))),))
    assert wiring.resolve("resnet18") == Wiring(residual="bireal")
    assert wiring.resolve("resnet20") == Wiring(residual="bireal", shortcut="pad", norm_init=1e-8)


@pytest.mark.parametrize(
    "field, value, text",
    [
        ("residual", "birael", "did you mean 'bireal'"),
        ("activation", "hardtan", "did you mean 'hardtanh'"),
        ("shortcut", "avgpool", "known: binary_conv, conv, pad, pool_conv, pool_duplicate, pool_pad|did you mean"),
        ("norm", "befor", "did you mean 'before'"),
    ],
)
def test_words_are_checked(field: str, value: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"Wiring\({field}='{value}'\); .*({text})"):
        Wiring(**{field: value})


@pytest.mark.parametrize("field", ["shortcuts", "on"])
def test_fields_of_on_are_checked(field: str) -> None:
    with pytest.raises(ConfigError, match=rf"Wiring.on names the field '{field}'"):
        Wiring(on=(("resnet20", ((field, "pad"),)),))


def test_values_of_on_are_checked_when_resolved() -> None:
    wiring = Wiring(on=(("resnet20", (("shortcut", "padding"),)),))
    with pytest.raises(ConfigError, match=r"Wiring\(shortcut='padding'\)"):
        wiring.resolve("resnet20")
