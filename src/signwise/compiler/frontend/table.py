"""Which function lowers which ATen operation. Those that are here are kept whole in the program."""

from collections.abc import Callable
from typing import Any

Lowering = Callable[..., Any]
LOWERINGS: dict[Any, Lowering] = {}


def lowers(*operations: Any) -> Callable[[Lowering], Lowering]:
    """Decorator: enter a function ``lowering(builder, *args, **kwargs)`` for these operations.

    Its arguments are those of the operation, named and ordered alike: a ``Wire`` where the input is involved, a tensor
    or a number where not.
    """

    def enter(lowering: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(operations, lowering))
        return lowering

    return enter
