"""A binarization method as one value: which part stands in each slot of the layer equation.

out = conv(sum_n b_n A_n + c, sum_m s_m B_m + o)
    = sum_m sum_n  s_m b_n conv(A_n, B_m)          m = 1..M weight bases, n = 1..N activation bases
      + what the constants c and o add: 0 for most methods

W -> weight_transform* -> w -> weight_quantizer (weight_estimator) -> B_m,   weight_scale -> s_m
a -> activation_transform* -> activation_levels (activation_estimator) -> A_n, b_n
"""

from dataclasses import dataclass, field
from typing import Any

from signwise.components.activation_map import ActivationMap
from signwise.components.activation_transform import ActivationTransform
from signwise.components.constraint import Constraint
from signwise.components.estimator import Estimator, Identity, Window
from signwise.components.levels import Levels, TwoLevels
from signwise.components.part import Part, decode, encode
from signwise.components.quantizer import Quantizer, SignBits
from signwise.components.scale import NoScale, Scale
from signwise.components.stage import Stage
from signwise.components.weight_transform import WeightTransform
from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError


@dataclass(frozen=True)
class Method(Part):
    """The slots of a method; every default is BinaryNet's.

    ``wiring`` belongs to the model, ``stages`` to training, all others to the layer. ``objectives`` names what the
    paper adds to the loss; a recipe decides whether it is added, and gives the options.

    >>> Method("plain").deploys_as
    'A or B'
    >>> Method.from_dict(Method("plain").to_dict()) == Method("plain")
    True
    """

    name: str
    weight_transform: tuple[WeightTransform, ...] = ()
    weight_quantizer: Quantizer = field(default_factory=SignBits)
    weight_estimator: Estimator = field(default_factory=Identity)
    weight_scale: Scale = field(default_factory=NoScale)
    weight_constraint: tuple[Constraint, ...] = ()
    activation_transform: tuple[ActivationTransform, ...] = ()
    activation_levels: Levels = field(default_factory=TwoLevels)
    activation_estimator: Estimator = field(default_factory=Window)
    activation_map: ActivationMap | None = None
    wiring: Wiring = field(default_factory=Wiring)
    stages: tuple[Stage, ...] = (Stage(),)
    objectives: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = {
            "weight_quantizer": Quantizer,
            "weight_estimator": Estimator,
            "weight_scale": Scale,
            "activation_levels": Levels,
            "activation_estimator": Estimator,
            "wiring": Wiring,
        }
        for slot, kind in kinds.items():
            if not isinstance(getattr(self, slot), kind):
                raise ConfigError(
                    f"method {self.name!r}: {slot} holds {getattr(self, slot)!r}; allowed: a {kind.__name__}"
                )
        if not self.stages:
            raise ConfigError(f"method {self.name!r}: stages is empty; a method has at least one stage")

    @property
    def deploys_as(self) -> str:
        """Deployment class: A or (behind a real shortcut) B static, C dynamic, D several bases, E uneven levels."""
        if any(part.dynamic for part in self.activation_transform) or self.activation_map is not None:
            return "C"
        if self.weight_quantizer.bases * self.activation_levels.bases > 1:
            return "D"
        if not (self.activation_levels.symmetric and self.weight_scale.symmetric):
            return "E"
        return "A or B"

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return encode(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "Method":
        method = decode(data)
        if not isinstance(method, Method):
            raise ConfigError(f"expected a method, got {data!r:.80}")
        return method
