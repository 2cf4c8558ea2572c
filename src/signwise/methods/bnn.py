"""BinaryNet: Binarized Neural Networks (Courbariaux, Hubara, Soudry, El-Yaniv and Bengio, NeurIPS 2016)."""

from signwise.components.constraint import Clip
from signwise.components.estimator import Identity, Window
from signwise.components.method import Method
from signwise.components.scale import NoScale
from signwise.components.wiring import Wiring
from signwise.methods.registry import METHODS


@METHODS.register("bnn")
def bnn() -> Method:
    """Plain signs on both sides, no scale; the latent weights are kept in [-1, 1].

    Forward: out = conv(sgn(a), sgn(W)); block: convolution, (pool), norm, sign, with nothing in between.
    Backward: d sign(W) := 1; d sign(a) := 1[|a| <= 1]; W <- clamp(W, -1, 1) after every update.
    Deploys as: class A (popcount against one integer threshold per filter).
    Source: paper sections 1.1 to 1.4; the deterministic form of both signs. We differ: the first and the last layer
    stay real, sgn(0) = +1, and where a model has shortcuts they are real.

    >>> bnn().weight_constraint
    (Clip(bound=1.0),)
    """
    return Method(
        name="bnn",
        weight_estimator=Identity(),
        weight_scale=NoScale(),
        weight_constraint=(Clip(1.0),),
        activation_estimator=Window(),
        wiring=Wiring(activation="none", on=(("resnet20", (("shortcut", "pad"),)),)),
    )
