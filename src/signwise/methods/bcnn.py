"""BCNN: Binary Complex Neural Network (Li, Geng, Li and Yu, 2021)."""

from signwise.components.complex_bits import ComplexBits
from signwise.components.constraint import Clip
from signwise.components.estimator import Window
from signwise.components.method import Method
from signwise.components.scale import NoScale
from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError
from signwise.core.registry import suggestion
from signwise.methods.registry import METHODS


@METHODS.register("bcnn")
def bcnn(norm: str = "variance") -> Method:
    """Complex weights and activations, each part one bit: channels in pairs, one bit of the weight in two places.

    Forward: sgn(z) = sgn(x) + i sgn(y) for weights and activations; Re = conv(Wr, xr) - conv(Wi, xi),
    Im = conv(Wi, xr) + conv(Wr, xi); block: hardtanh(norm(out) + shortcut), norms, shortcuts and stem complex; the
    imaginary part of the image is made by norm, ReLU, conv, twice.
    Backward: d sgn(x) := 1[|x| <= 1] for each part; both places of a weight's bit add up; W kept in [-1, 1].
    ``norm="variance"`` divides a pair by one deviation, sqrt((Var x + Var y)/2); ``norm="whiten"`` by its 2x2
    covariance (Trabelsi et al.).
    Deploys as: class A or B: one real binary convolution over twice the channels, whose operations are those of four;
    with ``whiten`` two counts are mixed as reals before the comparison.
    Source: the abstract (arXiv 2104.10044); no code was released. From memory or ours: the clip, the cheap norm above,
    Gaussian weights (their magnitude is Rayleigh, their phase uniform, as in Trabelsi et al.), a shortcut around every
    convolution as in ResNetE. We differ: sgn(0) = +1. A fair comparison takes equal real width: equal operations and
    half the weight bits, which is what the same ``width`` gives here; the paper takes equal complex width.

    >>> bcnn(norm="whiten").wiring.numbers
    'whitened'
    """
    kinds = {"variance": "complex", "whiten": "whitened"}
    if norm not in kinds:
        raise ConfigError(f"bcnn(norm={norm!r}); {suggestion(norm, kinds)}")
    return Method(
        name="bcnn",
        weight_quantizer=ComplexBits(),
        weight_estimator=Window(),
        weight_scale=NoScale(),
        weight_constraint=(Clip(1.0),),
        activation_estimator=Window(),
        wiring=Wiring(
            residual="bireal",
            activation="hardtanh",
            shortcut="pool_conv",
            numbers=kinds[norm],
            on=(("resnet20", (("shortcut", "pad"),)),),
        ),
    )
