"""ReCU: Reviving the Dead Weights in Binary Neural Networks (Xu, Lin, Liu, Chen, Shao, Gao, Tian and Ji, ICCV 2021)."""

import math

from signwise.components.activation_transform import ScaleSample
from signwise.components.estimator import Identity, Polynomial
from signwise.components.method import Method
from signwise.components.scale import LearnedScale
from signwise.components.weight_transform import ClampTails, Standardize
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS

_IMAGENET = (("residual", "bireal"), ("shortcut", "conv"))


@METHODS.register("recu")
def recu(tau_min: float = 0.85, tau_max: float = 0.99) -> Method:
    """Standardised weights whose tails are pulled in to a rising quantile, so that no weight is out of reach.

    Forward: w1 = 2 sqrt(2) (W - mean)/std per filter; w = clamp(w1, -Q, Q), Q = -mean|w1| ln(2 - 2 tau), tau from
    ``tau_min`` to ``tau_max`` over training; out = s conv(sgn(a), sgn(w)), s learnt per filter from U(0, 1) on.
    Backward: d sgn(w) := 1, which the clamp stops in the tails; d sgn(x) := max(2 - 2|x|, 0) at x = a / std(a), the std
    of the sample, taken in training only: it moves the window and not the sign.
    Deploys as: class A in VGG-small, B behind real shortcuts; nothing dynamic is left.
    Source: paper sections 3.2 to 3.4; released code z-hXu/ReCU. We differ: a constant filter or image divides by one,
    where the code adds 1e-5 to every variance; sgn(0) = +1. Chosen, as not known: ResNet-20 as IR-Net's (one shortcut
    around every convolution, option A), no activation behind ResNet-18's stem, a norm before the classifier.

    >>> recu().weight_transform[1]
    ClampTails(start=0.85, stop=0.99)
    """
    return Method(
        name="recu",
        weight_transform=(Standardize(deviation=2 * math.sqrt(2)), ClampTails(tau_min, tau_max)),
        weight_estimator=Identity(),
        weight_scale=LearnedScale(start="uniform"),
        activation_transform=(ScaleSample(),),
        activation_estimator=Polynomial(),
        wiring=Wiring(
            activation="hardtanh",
            shortcut="pool_pad",
            head_norm=True,
            on=(
                ("resnet20", (("residual", "bireal"), ("shortcut", "pad"))),
                ("vgg_small", (("head_norm", False),)),
                ("mlp", (("head_norm", False),)),
                ("resnet18_cifar", (("stem_activation", False),)),
                ("resnet18", _IMAGENET),
                ("resnet34", _IMAGENET),
            ),
        ),
    )
