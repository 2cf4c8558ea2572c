"""The table that every method file enters itself into."""

from collections.abc import Callable

from signwise.components.method import Method
from signwise.core.registry import Registry

METHODS: Registry[Callable[..., Method]] = Registry("method")
