"""The methods, one file per paper; importing this package fills the registry."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from signwise.components.method import Method
from signwise.core.errors import ConfigError
from signwise.core.registry import suggestion
from signwise.methods.registry import METHODS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def list_methods(pattern: str = "*") -> list[str]:
    """Names of the methods that match a shell pattern.

    >>> list_methods("reac*")
    ['reactnet']
    """
    return METHODS.names(pattern)


def get_method(name: str, **options: Any) -> Method:
    """The method registered under ``name``, with its options changed where given.

    >>> get_method("irnet", t_min=1e-1).weight_estimator
    TanhDecay(t_min=0.1, t_max=10.0, t_floor=0.0)
    """
    make: Callable[..., Method] = METHODS[name]
    known = list(inspect.signature(make).parameters)
    for option in options:
        if option not in known:
            raise ConfigError(f"method {name!r} has no option {option!r}; {suggestion(option, known)}")
    return make(**options)
