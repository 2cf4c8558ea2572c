"""Checks on the option values of models."""

from collections.abc import Sequence

from signwise.core.errors import ConfigError


def positive(option: str, value: object) -> int:
    """``value`` if it is an integer of at least 1, else a ConfigError that names ``option``.

    >>> positive("width", 16)
    16
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ConfigError(f"{option}={value!r}; allowed: an integer of at least 1")


def positives(option: str, values: object) -> tuple[int, ...]:
    """``values`` as a tuple if it is a non-empty sequence of integers of at least 1, else a ConfigError.

    >>> positives("blocks", [3, 3, 3])
    (3, 3, 3)
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ConfigError(f"{option}={values!r}; allowed: one or more integers of at least 1, as [3, 3, 3]")
    return tuple(positive(f"{option}[{index}]", value) for index, value in enumerate(values))
