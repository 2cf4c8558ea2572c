"""LCR-BNN: Lipschitz Continuity Retained Binary Neural Network (Shang, Xu, Duan, Zong, Nie and Yan, ECCV 2022)."""

from dataclasses import replace

from signwise.components.method import Method
from signwise.methods.irnet import irnet
from signwise.methods.registry import METHODS


@METHODS.register("lcr")
def lcr(t_min: float = 1e-3, t_max: float = 10.0) -> Method:
    """IR-Net under its own name: what LCR-BNN adds is a loss, the objective ``lipschitz_retention``, in the recipe.

    Forward: as IR-Net: w = (W - mean)/std per filter; s = 2^round(log2 mean|w|); out = s conv(sgn(a), sgn(w)).
    Backward: as IR-Net: d sgn := k t (1 - tanh(t x)^2), t from ``t_min`` to ``t_max`` over training.
    Deploys as: IR-Net.
    Source: released code 42Shawn/LCR_BNN (ImageNet). We differ: as IR-Net, and see
    :class:`signwise.objectives.LipschitzRetention`, which goes with any other method as well.

    >>> from signwise.methods import get_method
    >>> lcr().weight_estimator == get_method("irnet").weight_estimator
    True
    """
    return replace(irnet(t_min, t_max), name="lcr", objectives=("lipschitz_retention",))
