"""Block wiring: where convolution, normalisation, residual, non-linearity and shortcut projection go in a model."""

from dataclasses import dataclass, field, replace
from typing import Any

from signwise.components.part import Part, one_of
from signwise.core.errors import ConfigError
from signwise.core.registry import suggestion

RESIDUALS = ("normal", "bireal")
ACTIVATIONS = ("none", "relu", "clip", "hardtanh", "prelu", "rprelu", "dynamic_rprelu", "maxout")
NUMBERS = ("real", "complex", "whitened")
SHORTCUTS = ("pad", "conv", "binary_conv", "pool_conv", "pool_pad", "pool_duplicate")


@dataclass(frozen=True)
class Wiring(Part):
    """How a model family is wired for a method.

    residual     ``normal``: one shortcut around two convolutions; ``bireal``: one around every convolution
    activation   after the residual add (and between the two convolutions of a normal block):
                 ``none``, ``relu``, ``clip`` (to [0, 1]), ``hardtanh`` (to [-1, 1]), ``prelu`` (a slope per channel),
                 ``rprelu`` (ReActNet: PReLU between two learnt shifts), ``dynamic_rprelu`` (DyBNN: its shifts from a
                 small network on the sample), ``maxout`` (AdaBin: two learnt slopes)
    shortcut     where the shape changes: ``pad`` (option A: subsample, zero-pad the channels), ``conv`` (real 1x1,
                 stride 2, norm), ``binary_conv`` (the same, binarized), ``pool_conv`` (2x2 average pool, real 1x1,
                 norm), ``pool_pad`` (average pool, zero-pad the channels), ``pool_duplicate`` (average pool, channels
                 repeated)
    norm         ``after`` the convolution, or ``before`` it (XNOR-Net: norm, sign, conv, activation)
    stem_activation  whether the activation follows the (real) stem
    head_norm    whether a BatchNorm1d stands before the classifier
    norm_init    initial weight of the batch norms that close a residual branch (RBNN: 1e-8, branches start off)
    numbers      ``real``; ``complex``: channels in pairs are complex numbers, norms share one variance a pair, the stem
                 makes an imaginary part; ``whitened``: the same with norms that whiten each pair
    on           changes for particular models: ((model name, ((field, value), ...)), ...)

    >>> wiring = Wiring(residual="bireal", on=(("resnet18_cifar", (("residual", "normal"),)),))
    >>> wiring.residual, wiring.resolve("resnet18_cifar").residual
    ('bireal', 'normal')
    """

    residual: str = "normal"
    activation: str = "hardtanh"
    shortcut: str = "conv"
    norm: str = "after"
    stem_activation: bool = True
    head_norm: bool = False
    norm_init: float = 1.0
    numbers: str = "real"
    on: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = field(default=())

    def __post_init__(self) -> None:
        one_of(self, "residual", RESIDUALS)
        one_of(self, "activation", ACTIVATIONS)
        one_of(self, "shortcut", SHORTCUTS)
        one_of(self, "norm", ("after", "before"))
        one_of(self, "numbers", NUMBERS)
        for _, changes in self.on:
            for key, _ in changes:
                if key not in self.__dataclass_fields__ or key == "on":
                    known = [name for name in self.__dataclass_fields__ if name != "on"]
                    raise ConfigError(f"Wiring.on names the field {key!r}; {suggestion(key, known)}")

    def resolve(self, model: str) -> "Wiring":
        """The wiring in force for one model name."""
        changes = {key: value for name, items in self.on if name == model for key, value in items}
        return replace(self, on=(), **changes)
