"""SD-BNN: Self-Distribution Binary Neural Networks (Xue, Lu, Chang, Wei and Wei, 2021)."""

from dataclasses import replace

from signwise.components.activation_transform import SqueezeShift
from signwise.components.estimator import Polynomial, TanhDecay, Window
from signwise.components.method import Method
from signwise.components.scale import NoScale
from signwise.components.stage import Stage
from signwise.components.weight_transform import ShiftByMean
from signwise.methods.irnet import irnet
from signwise.methods.registry import METHODS

_IMAGENET = (
    ("residual", "bireal"),
    ("activation", "prelu"),
    ("shortcut", "pool_conv"),
    ("stem_activation", False),
    ("head_norm", False),
)


@METHODS.register("sdbnn")
def sdbnn(t_min: float = 1e-3, t_max: float = 10.0, imagenet: bool = False) -> Method:
    """Learnt shifts before both signs in place of scales; that of the activations depends on the image.

    Forward: w = W + 0.01 sigmoid(p) mean(W) per filter; x = a + sigmoid(U relu(V z) + c), z = mean of a over H, W,
    C/16 hidden units; out = conv(sgn(x), sgn(w)).
    Backward: d sgn(x) := k t (1 - tanh(t x)^2) on both sides, t from ``t_min`` to ``t_max`` over training,
    k = max(1/t, 1); ``t_min``: 1e-3 for ResNets, 1e-1 for VGG-small. mean(W) is constant, all else by the chain rule.
    ``imagenet=True``: C/8 hidden units, d sgn(x) := max(2 - 2|x|, 0), d sgn(w) := 1[|w| <= 1], and a first stage with
    real weights.
    Wiring: as IR-Net; on the ImageNet ResNets Bi-Real with PReLU.
    Deploys as: class C (a mean of each channel and a small network per image and layer).
    Source: released code pingxue-hfut/SD-BNN. We differ: sgn(0) = +1; that U has a bias is our reading. Traps
    kept: the shift of the weights is tiny, and 16 channels leave one hidden unit.

    >>> sdbnn().deploys_as, len(sdbnn(imagenet=True).stages)
    ('C', 2)
    """
    decay = TanhDecay(t_min=t_min, t_max=t_max)
    wiring = irnet().wiring
    return Method(
        name="sdbnn",
        weight_transform=(ShiftByMean(),),
        weight_estimator=Window() if imagenet else decay,
        weight_scale=NoScale(),
        activation_transform=(SqueezeShift(reduction=8 if imagenet else 16),),
        activation_estimator=Polynomial() if imagenet else decay,
        wiring=replace(wiring, on=(*wiring.on, ("resnet18", _IMAGENET), ("resnet34", _IMAGENET))),
        stages=(Stage(weights=False), Stage()) if imagenet else (Stage(),),
    )
