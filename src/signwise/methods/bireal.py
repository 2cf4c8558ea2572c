"""Bi-Real Net: Enhancing the Performance of 1-bit CNNs (Liu, Wu, Luo, Yang, Liu and Cheng, ECCV 2018)."""

from signwise.components.estimator import Polynomial, Window
from signwise.components.method import Method
from signwise.components.scale import MeanAbs
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("bireal")
def bireal() -> Method:
    """A real shortcut around every binary convolution, and a triangular derivative of the activations' sign.

    Forward: s_o = mean |W_o|; out = s conv(sgn(a), sgn(W)); block: norm(out) + shortcut, no other non-linearity.
    Backward: d sign(a) := max(2 - 2|a|, 0); dL/dW = 1[|W| <= 1] dL/d(s B), s constant.
    Deploys as: class B (static threshold, real shortcut).
    Source: paper sections 3.2 and 3.3; released PyTorch code liuzechun/Bi-Real-net. We differ: sgn(0) = +1, one stage
    from scratch (the paper's own runs have three), and models keep their own initial weights (the code starts them
    in [0, 0.001), with all signs +1).

    >>> bireal().wiring.residual
    'bireal'
    """
    return Method(
        name="bireal",
        weight_estimator=Window(),
        weight_scale=MeanAbs(per="filter", gradient="straight"),
        activation_estimator=Polynomial(),
        wiring=Wiring(
            residual="bireal",
            activation="none",
            shortcut="pool_conv",
            stem_activation=False,
            on=(("resnet20", (("shortcut", "pad"),)),),
        ),
    )
