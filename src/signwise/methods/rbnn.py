"""RBNN: Rotated Binary Neural Network (Lin, Ji, Xu, Zhang, Wang, Wu, Huang and Lin, NeurIPS 2020)."""

from signwise.components.activation_transform import StandardizeSample
from signwise.components.estimator import QuadraticDecay
from signwise.components.method import Method
from signwise.components.scale import LearnedScale
from signwise.components.weight_transform import Rotate, Standardize
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS

_IMAGENET = (("residual", "bireal"), ("norm_init", 1e-8))


@METHODS.register("rbnn")
def rbnn(
    gradient: str = "through", t_min: float = 1e-2, t_max: float = 10.0, standardize_activation: bool = True
) -> Method:
    """Standardised weights rotated towards their signs at every epoch, a learnt scale, a sharpening derivative.

    Forward: w = standardised W, moved by |sin rho| of the way to its rotation R w; a standardised per sample;
    out = s conv(sgn(a), sgn(w)), s learnt per filter, started at mean |W|.
    Backward: d sign(x) := max(k (sqrt(2) t - t^2 |x|), 0), t from ``t_min`` to ``t_max`` over the epochs,
    k = max(1/t, 1); for activations t is at least 1, so k = 1.

    The zero-gradient trap: the released code takes R w as a constant and starts rho at pi/2, where |sin rho| = 1 and
    its derivative vanishes, so that at the start the latent weights get no gradient at all and wait for weight
    decay to move rho. ``gradient="through"`` (default) differentiates the rotation, dL/dw = R^T g at the start;
    ``gradient="released"`` reproduces the code.
    ``standardize_activation=False`` drops the mean per image: the paper's plain sign, and a static threshold.
    On ResNet-20 and the ImageNet models the norms that close a branch start at 1e-8, as published: the branches are
    off and the gradients of their weights about 1e8 times smaller, not zero, until these norms have grown.

    Deploys as: class C (one mean per image and layer); A or B without ``standardize_activation``.
    Source: paper sections 3.2 and 3.3; released code lmbxmu/RBNN. We differ: the gradient above, sgn(0) = +1, a
    constant filter or image does not give NaN.

    >>> rbnn().deploys_as, rbnn(standardize_activation=False).deploys_as
    ('C', 'A or B')
    """
    return Method(
        name="rbnn",
        weight_transform=(Standardize(), Rotate(gradient=gradient)),
        weight_estimator=QuadraticDecay(t_min=t_min, t_max=t_max),
        weight_scale=LearnedScale(),
        activation_transform=(StandardizeSample(),) if standardize_activation else (),
        activation_estimator=QuadraticDecay(t_min=t_min, t_max=t_max, t_floor=1.0),
        wiring=Wiring(
            activation="hardtanh",
            shortcut="conv",
            head_norm=True,
            on=(
                ("resnet20", (("shortcut", "pad"), ("norm_init", 1e-8))),
                ("vgg_small", (("head_norm", False),)),
                ("mlp", (("head_norm", False),)),
                ("resnet18_cifar", (("shortcut", "binary_conv"), ("stem_activation", False))),
                ("resnet18", _IMAGENET),
                ("resnet34", _IMAGENET),
            ),
        ),
    )
