"""RBONN: Recurrent Bilinear Optimization for Binary Neural Networks (Xu, Li, Wang, Ma, Zhang et al., ECCV 2022)."""

from dataclasses import replace

from signwise.components.estimator import Identity
from signwise.components.method import Method
from signwise.components.scale import LearnedMagnitude
from signwise.components.weight_transform import Backtrack
from signwise.methods.reactnet import reactnet
from signwise.methods.registry import METHODS


@METHODS.register("rbonn")
def rbonn(select: str = "smallest", gradient: str = "exact") -> Method:
    """ReActNet with a learnt scale that is coupled to the latent weight, which is corrected where the scale is small.

    Forward: in training w = W - u g m, u learnt per filter from 0.2 on, g the last step's dL/dW, m = 1 for the two
    fifths of the filters with the smallest scales; in evaluation w = W. s = 0.02 |S|, S learnt per filter from N(0, 1)
    on; out = s conv(sgn(a + b), sgn(w)).
    Backward: with g = dL/d(s B), dL/dw = |S| g and dL/d|S| = sum g B, both without the 0.02; d sgn(a + b) as in
    ReActNet. The reconstruction term (lambda/2) ||w - s B||^2, hidden in the code's backward pass, is the objective
    ``reconstruction`` and stands in the recipe. Wiring and stages are ReActNet's.

    Two traps of the released code, kept on request. It takes indices that sort the scales for ranks and so corrects
    arbitrary filters (``select="released"``); it has sum g w for dL/d|S| (``gradient="released"``).

    Deploys as: class B, as ReActNet; s folds into the norm.
    Source: paper sections 3.2 to 3.4; released code SteveTsui/RBONN, of the second stage. We differ: the above; the
    gradient is noted after each optimizer step, where the code relies on the loop to clear it late; u learns at the
    full rate, in the code at a tenth; sgn(0) = +1.

    >>> rbonn().weight_transform
    (Backtrack(start=0.2, share=0.4, select='smallest'),)
    """
    return replace(
        reactnet(),
        name="rbonn",
        weight_transform=(Backtrack(select=select),),
        weight_estimator=Identity(),
        weight_scale=LearnedMagnitude(gradient=gradient),
        objectives=("reconstruction",),
    )
