"""Accurate and Compact Convolutional Neural Networks with Trained Binarization (Xu and Cheung, BMVC 2019)."""

from signwise.components.activation_transform import Shift
from signwise.components.estimator import LongTail, Polynomial
from signwise.components.levels import ScaledLevels
from signwise.components.method import Method
from signwise.components.scale import LearnedScale
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("xucheung")
def xucheung(signed: bool = False) -> Method:
    """Learnt scales on both sides, activations in {0, beta}, a tight derivative for W and a long-tailed one for a.

    Forward: A = [a >= tau] (``signed``: sgn(a - tau)); out = alpha beta conv(A, sgn(W)), alpha learnt per filter from
    mean |W| on, beta learnt per layer from 1 on, tau learnt per channel from 0 on.
    Backward: d sgn(W) := max(2 - 2|W|, 0), times alpha; d sgn(x) := max(2 - 4|x|, 0.4) for |x| <= 1, 0 elsewhere, at
    x = a - tau, of which levels 0 and 1 take half; alpha, beta and tau by the chain rule.
    The paper's L2 term on alpha, in place of weight decay, is the objective ``scale_decay`` and stands in the recipe.
    Deploys as: class E; with ``signed`` A or B.
    Source: the abstract (trained scales, a tight derivative, L2 on the weight scales); there is no released code. The
    two derivatives and the levels {0, beta} are recorded second-hand. We differ: where nothing is known we chose, alpha
    per filter, beta per layer, tau per channel and the half of the derivative; sgn(0) = +1.

    >>> xucheung().deploys_as, xucheung(signed=True).deploys_as
    ('E', 'A or B')
    """
    return Method(
        name="xucheung",
        weight_estimator=Polynomial(),
        weight_scale=LearnedScale(),
        activation_transform=(Shift(),),
        activation_levels=ScaledLevels(-1.0 if signed else 0.0, 1.0),
        activation_estimator=LongTail(),
        wiring=Wiring(activation="none", on=(("resnet20", (("shortcut", "pad"),)),)),
        objectives=("scale_decay",),
    )
