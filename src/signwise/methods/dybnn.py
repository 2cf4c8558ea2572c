"""DyBNN: Dynamic Binary Neural Network by learning channel-wise thresholds (Zhang, Su, Feng et al., ICASSP 2022)."""

from signwise.components.activation_transform import SqueezeShift
from signwise.components.estimator import Polynomial, Window
from signwise.components.method import Method
from signwise.components.scale import MeanAbs
from signwise.components.stage import Stage
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("dybnn")
def dybnn(reduction: int = 16) -> Method:
    """ReActNet whose thresholds and shifts are functions of the image, by small networks on the channels' means.

    Forward: s_o = mean |W_o|; out = s conv(sgn(a + h(a)), sgn(W)), h(a) = U relu(V GAP(a)) + c per sample and channel;
    block: PReLU(v - g(v)) + z(v), v = norm(out) + shortcut, g and z small networks likewise.
    Backward: d sign(u) := max(2 - 2|u|, 0), also towards h; dL/dW = 1[|W| <= 1] dL/d(s B), s constant.
    Stages: as ReActNet: binary activations with real weights, then both binary without weight decay.
    Deploys as: class C: a mean of each channel and two small dense layers before each comparison and around each PReLU.
    Source: the abstract (arXiv 2110.05185); no code was released. Ours where it is silent: C/``reduction`` hidden units
    no squashing of the shifts, last layers started at 0, so that training begins like ReActNet. The paper writes
    sgn(a - beta(a)); beta is -h. We differ: sgn(0) = +1. The distributional loss stands in the recipe.

    >>> dybnn().deploys_as
    'C'
    """
    return Method(
        name="dybnn",
        weight_estimator=Window(),
        weight_scale=MeanAbs(per="filter", gradient="straight"),
        activation_transform=(SqueezeShift(reduction=reduction, squash="none"),),
        activation_estimator=Polynomial(),
        wiring=Wiring(
            residual="bireal",
            activation="dynamic_rprelu",
            shortcut="pool_conv",
            stem_activation=False,
            on=(("resnet20", (("shortcut", "pad"),)),),
        ),
        stages=(Stage(weights=False, weight_decay=1e-5), Stage(weight_decay=0.0)),
    )
