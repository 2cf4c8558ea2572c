"""ReActNet: Towards Precise Binary Neural Network with Generalized Activation Functions (Liu et al., ECCV 2020)."""

from signwise.components.activation_transform import Shift
from signwise.components.estimator import Polynomial, Window
from signwise.components.method import Method
from signwise.components.scale import MeanAbs
from signwise.components.stage import Stage
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("reactnet")
def reactnet() -> Method:
    """Bi-Real Net with a learnt threshold before each sign (RSign) and RPReLU after each residual add.

    Forward: s_o = mean |W_o|; out = s conv(sgn(a + b), sgn(W)); block: RPReLU(norm(out) + shortcut).
    Backward: d sign(a + b) := max(2 - 2|a + b|, 0), also towards b; dL/dW = 1[|W| <= 1] dL/d(s B), s constant.
    Stages: binary activations with real weights and weight decay 1e-5, then both binary with no weight decay.
    Deploys as: class B (static threshold per input channel, real shortcut).
    Source: paper sections 4.2 to 4.4; released code liuzechun/ReActNet, ResNet-18 variant. We differ: sgn(0) = +1.
    The distributional loss is an objective and stands in the recipe.

    >>> [(stage.weights, stage.weight_decay) for stage in reactnet().stages]
    [(False, 1e-05), (True, 0.0)]
    """
    return Method(
        name="reactnet",
        weight_estimator=Window(),
        weight_scale=MeanAbs(per="filter", gradient="straight"),
        activation_transform=(Shift(),),
        activation_estimator=Polynomial(),
        wiring=Wiring(
            residual="bireal",
            activation="rprelu",
            shortcut="pool_conv",
            stem_activation=False,
            on=(("resnet20", (("shortcut", "pad"),)),),
        ),
        stages=(Stage(weights=False, weight_decay=1e-5), Stage(weight_decay=0.0)),
    )
