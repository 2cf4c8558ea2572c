"""AdaBin: Improving Binary Neural Networks with Adaptive Binary Sets (Tu, Chen, Ren and Wang, ECCV 2022)."""

from signwise.components.estimator import Polynomial, TanhDecay
from signwise.components.levels import AdaptiveLevels
from signwise.components.method import Method
from signwise.components.quantizer import StandardizedBits
from signwise.components.scale import MeanStd
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("adabin")
def adabin(t_min: float = 1e-3, t_max: float = 10.0) -> Method:
    """Two-valued weights and activations whose two values are free: a centre and a distance each.

    Forward: w = (W - mean)/std per filter (divisor n), W_b = std sgn(w) + mean; u = (a - beta)/alpha,
    a_b = alpha (sgn(u) + beta), alpha and beta learnt, one each for a layer; out = conv(a_b, W_b);
    block: Maxout(norm(out) + shortcut), Maxout(x) = c1 max(x, 0) - c2 max(-x, 0).
    Backward: d sgn(w) := k t (1 - tanh(t w)^2), t from ``t_min`` to ``t_max`` over training, k = max(1/t, 1);
    d sgn(u) := max(2 - 2|u|, 0); mean, std, alpha and beta by the chain rule.
    Deploys as: class E: one XNOR-popcount convolution, one more filter of ones for the sum over the window that the
    weights' mean multiplies, and a constant map for the activations' centre.
    Source: paper sections 3.2 to 3.4; released code huawei-noah/Efficient-Computing, BinaryNetworks/AdaBin. We differ:
    sgn(0) = +1, a filter of constant weights does not give NaN. The code's centre is alpha beta and its threshold
    beta, which are the same number only while alpha is 1; so here. A trap: alpha is free to pass through 0, where both
    levels meet; weight decay pulls it there.

    >>> adabin().deploys_as
    'E'
    """
    return Method(
        name="adabin",
        weight_quantizer=StandardizedBits(),
        weight_estimator=TanhDecay(t_min=t_min, t_max=t_max),
        weight_scale=MeanStd(),
        activation_levels=AdaptiveLevels(),
        activation_estimator=Polynomial(),
        wiring=Wiring(
            residual="bireal",
            activation="maxout",
            shortcut="conv",
            head_norm=True,
            on=(
                ("resnet20", (("shortcut", "pad"),)),
                ("vgg_small", (("head_norm", False),)),
                ("mlp", (("head_norm", False),)),
            ),
        ),
    )
