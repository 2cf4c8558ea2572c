"""The batch norm of a wiring: of real channels or of complex ones."""

from torch import nn

from signwise.components.wiring import Wiring
from signwise.nn.complex import ComplexNorm


def batch_norm(channels: int, wiring: Wiring, spatial: int = 2, weight: float = 1.0) -> nn.Module:
    """A batch norm for (N, channels, *) with ``spatial`` trailing dims, 0 or 2; ``weight`` is its first factor.

    Errors: ConfigError for an odd number of complex channels.

    >>> [type(batch_norm(4, Wiring(numbers=numbers))).__name__ for numbers in ("real", "complex")]
    ['BatchNorm2d', 'ComplexNorm']
    """
    if wiring.numbers != "real":
        return ComplexNorm(channels, whiten=wiring.numbers == "whitened", weight=weight)
    norm = nn.BatchNorm2d(channels) if spatial else nn.BatchNorm1d(channels)
    nn.init.constant_(norm.weight, weight)
    return norm
