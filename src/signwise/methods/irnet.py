"""IR-Net: Forward and Backward Information Retention for Accurate Binary Neural Networks (Qin et al., CVPR 2020)."""

from signwise.components.estimator import TanhDecay
from signwise.components.method import Method
from signwise.components.scale import PowerOfTwo
from signwise.components.weight_transform import Standardize
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("irnet")
def irnet(t_min: float = 1e-3, t_max: float = 10.0) -> Method:
    """Standardised weights with a bit-shift scale (Libra-PB) and a sharpening derivative of sign (EDE).

    Forward: w = (W - mean)/std per filter; s = 2^round(log2 mean|w|); out = s conv(sgn(a), sgn(w)).
    Backward: d sign := k t (1 - tanh(t x)^2) for w and a; t from ``t_min`` to ``t_max`` over training, k = max(1/t, 1).
    ``t_min``: 1e-3 for ResNets, 1e-1 for VGG-small.
    Deploys as: class A in VGG-small, class B behind Bi-Real shortcuts.
    Source: paper sections 3.2 and 3.3; released code htqin/IR-Net. We differ: sgn(0) = +1, and a filter of constant
    weights does not give NaN.
    """
    decay = TanhDecay(t_min=t_min, t_max=t_max)
    return Method(
        name="irnet",
        weight_transform=(Standardize(),),
        weight_estimator=decay,
        weight_scale=PowerOfTwo(),
        activation_estimator=decay,
        wiring=Wiring(
            residual="bireal",
            activation="hardtanh",
            shortcut="conv",
            head_norm=True,
            on=(
                ("resnet20", (("shortcut", "pad"),)),
                ("vgg_small", (("head_norm", False),)),
                ("mlp", (("head_norm", False),)),
                ("resnet18_cifar", (("residual", "normal"), ("stem_activation", False))),
            ),
        ),
    )
