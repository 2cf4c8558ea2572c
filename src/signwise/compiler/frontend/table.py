"""Which function lowers which ATen operation. Those that are here are kept whole in the program."""

from collections.abc import Callable
from typing import Any

Lowering = Callable[..., Any]
LOWERINGS: dict[Any, Lowering] = {}
MOVING: set[Any] = set()  # those whose inputs may still be on the move


def lowers(*operations: Any, moving: bool = False) -> Callable[[Lowering], Lowering]:
    """Decorator: enter a function ``lowering(builder, *args, **kwargs)`` for these operations.

    Its arguments are those of the operation, named and ordered alike: a ``Wire`` where the input is involved, a tensor
    or a number where not. Wires lie as they are (``moves.settle``), unless ``moving``.
    """

    def enter(lowering: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(operations, lowering))
        MOVING.update(operations if moving else ())
        return lowering

    return enter
