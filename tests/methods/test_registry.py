"""Looking up methods, and their options."""

import inspect
import pkgutil

import pytest

import signwise.methods
from signwise.components.method import Method
from signwise.core.errors import ConfigError, UnknownName
from signwise.methods import get_method, list_methods
from signwise.methods.registry import METHODS


def test_every_file_but_the_registry_holds_one_method_of_its_name() -> None:
    files = {file.name for file in pkgutil.iter_modules(signwise.methods.__path__)}
    assert set(list_methods()) == files - {"registry"} and list_methods() == sorted(list_methods())
    assert list_methods("reac*") == ["reactnet"]


@pytest.mark.parametrize("name", list_methods())
def test_a_method_carries_its_own_name_and_says_what_it_is(name: str) -> None:
    assert get_method(name).name == name
    text = inspect.getdoc(METHODS[name]) or ""
    for heading in ("Forward:", "Backward:", "Deploys as:", "Source:", "We differ:"):
        assert heading in text


@pytest.mark.parametrize("name", list_methods())
def test_every_option_has_a_default_and_changes_the_value(name: str) -> None:
    others = {"t_min": 0.5, "t_max": 20.0, "activation_scale": True, "gradient": "released"}
    others |= {"standardize_activation": False, "signed": True, "imagenet": True, "tau_min": 0.9, "tau_max": 0.95}
    others |= {"select": "released", "weight_bases": 2, "activation_bases": 2, "float_share": 0.5, "reduction": 4}
    others |= {"index_bits": 5, "every": 9, "norm": "whiten"}
    for option, parameter in inspect.signature(METHODS[name]).parameters.items():
        assert parameter.default is not inspect.Parameter.empty
        changed = get_method(name, **{option: others[option]})
        assert changed != get_method(name)
        assert Method.from_dict(changed.to_dict()) == changed


def test_unknown_names_and_options() -> None:
    with pytest.raises(UnknownName, match="unknown method 'irnett'; did you mean 'irnet'"):
        get_method("irnett")
    with pytest.raises(ConfigError, match="method 'rbnn' has no option 'tmin'; did you mean 't_min'"):
        get_method("rbnn", tmin=1.0)
    with pytest.raises(ConfigError, match="method 'bnn' has no option 't_min'; known: "):
        get_method("bnn", t_min=1.0)
    with pytest.raises(ConfigError, match=r"bcnn\(norm='whitn'\); did you mean 'whiten'"):
        get_method("bcnn", norm="whitn")
    with pytest.raises(ConfigError, match=r"Rotate\(gradient='dropped'\)"):
        get_method("rbnn", gradient="dropped")
