"""DoReFa-Net: Training Low Bitwidth Convolutional Neural Networks with Low Bitwidth Gradients (Zhou et al., 2016)."""

from signwise.components.activation_transform import Affine
from signwise.components.estimator import Identity, Window
from signwise.components.levels import TwoLevels
from signwise.components.method import Method
from signwise.components.scale import MeanAbs
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("dorefa")
def dorefa() -> Method:
    """The one-bit case of DoReFa: activations in {0, 1}, one mean absolute scale for the whole layer.

    Forward: s = mean |W| over the layer; A = round(clip(a, 0, 1)), written (1 + sgn(2a - 1))/2;
    out = s conv(A, sgn(W)).
    Backward: dL/dW = dL/d(s B), s constant; dA/da := 1[0 <= a <= 1].
    Deploys as: class E (AND-popcount and a constant correction per filter).
    Source: paper sections 2.2 to 2.5. We differ: gradients are not quantised; a = 0.5 gives 1, where rounding half to
    even gives 0; sgn(0) = +1.

    >>> dorefa().activation_levels
    TwoLevels(low=0.0, high=1.0)
    """
    return Method(
        name="dorefa",
        weight_estimator=Identity(),
        weight_scale=MeanAbs(per="layer", gradient="straight"),
        activation_transform=(Affine(scale=2.0, shift=-1.0),),
        activation_levels=TwoLevels(0.0, 1.0),
        activation_estimator=Window(),
        wiring=Wiring(activation="clip", on=(("resnet20", (("shortcut", "pad"),)),)),
    )
