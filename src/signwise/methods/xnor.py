"""XNOR-Net: ImageNet Classification Using Binary Convolutional Neural Networks (Rastegari et al., ECCV 2016)."""

from signwise.components.activation_map import BoxMean
from signwise.components.constraint import CentreInputs, Clip
from signwise.components.estimator import Window
from signwise.components.method import Method
from signwise.components.scale import MeanAbs
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("xnor")
def xnor(activation_scale: bool = False) -> Method:
    """Mean absolute scale per filter, inside the graph; norm and sign before each convolution, ReLU after it.

    Forward: s_o = mean |W_o|; out = s conv(sgn(a), sgn(W)), times K = box filter of mean_c |a| with
    ``activation_scale``.
    Backward: d sign(x) := 1[|x| <= 1] for W and a; the scale by the product rule,
    dL/dW_i = s 1[|W_i| <= 1] g_i + sgn(W_i)/n sum_j g_j sgn(W_j) with g = dL/d(s B).
    Constraint: W <- W - mean over the input channels, then clamp(W, -1, 1), after every update.
    Deploys as: class B; class C (a real factor per pixel) with ``activation_scale``.
    Source: paper section 3. We differ: K is off by default, as in the authors' later code; the gradient of the scale
    is exact where the paper prints g_i/n; the window includes its border.

    >>> xnor().deploys_as, xnor(activation_scale=True).deploys_as
    ('A or B', 'C')
    """
    return Method(
        name="xnor",
        weight_estimator=Window(),
        weight_scale=MeanAbs(per="filter", gradient="exact"),
        weight_constraint=(CentreInputs(), Clip(1.0)),
        activation_estimator=Window(),
        activation_map=BoxMean() if activation_scale else None,
        wiring=Wiring(norm="before", activation="relu", on=(("resnet20", (("shortcut", "pad"),)),)),
    )
