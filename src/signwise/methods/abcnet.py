"""ABC-Net: Towards Accurate Binary Convolutional Neural Network (Lin, Zhao and Pan, NeurIPS 2017)."""

from signwise.components.estimator import Identity, Window
from signwise.components.levels import ShiftedLevels
from signwise.components.method import Method
from signwise.components.quantizer import ShiftedBits
from signwise.components.scale import LeastSquares
from signwise.components.stage import Stage
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("abcnet")
def abcnet(weight_bases: int = 3, activation_bases: int = 3, float_share: float = 1.0) -> Method:
    """Sums of several binary bases: M for the weights, N with learnt shifts for the activations.

    Forward: B_m = sgn(W - mean + u_m std), u evenly from -1 to 1, statistics of the layer; s = argmin
    || W - sum_m s_m B_m ||^2; A_n = sgn(a + v_n - 1/2), v_n and b_n learnt; out = sum_mn s_m b_n conv(A_n, B_m).
    Backward: dL/dW = sum_m s_m g, mean, std and s constant; dA_n/da := 1[0 <= a + v_n <= 1], also towards v_n.
    Stages: float for ``float_share`` as many epochs as follow with bases; 0 to start from a checkpoint instead.
    Deploys as: class D: M N XNOR-popcount convolutions whose results are added as reals; N static thresholds.
    Source: paper sections 3.1 and 3.2; no code was released. Third-party ports agree on the formulas; neither converged
    on ImageNet, one of them with all v_n equal, which makes the N bases one: here they start apart.
    We differ: sgn(0) = +1, the first and the last layer stay real. Ours where the paper is silent: hardtanh between
    the blocks, the first v_n and b_n of :class:`ShiftedLevels`. The paper also has s for each filter; here the layer's.

    >>> abcnet().deploys_as, [(stage.weights, stage.share) for stage in abcnet().stages]
    ('D', [(False, 1.0), (True, 1.0)])
    """
    start = (Stage(share=float_share, weights=False, activations=False),) if float_share else ()
    return Method(
        name="abcnet",
        weight_quantizer=ShiftedBits(weight_bases),
        weight_estimator=Identity(),
        weight_scale=LeastSquares(),
        activation_levels=ShiftedLevels(activation_bases),
        activation_estimator=Window(0.5),
        wiring=Wiring(activation="hardtanh", on=(("resnet20", (("shortcut", "pad"),)),)),
        stages=(*start, Stage()),
    )
