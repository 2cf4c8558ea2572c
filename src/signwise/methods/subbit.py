"""SNN: Sub-bit Neural Networks: Learning to Compress and Accelerate Binary Neural Networks (Wang et al., ICCV 2021)."""

from dataclasses import replace

from signwise.components.codebook import Codebook
from signwise.components.method import Method
from signwise.components.scale import MeanAbs
from signwise.methods.reactnet import reactnet
from signwise.methods.registry import METHODS


@METHODS.register("subbit")
def subbit(index_bits: int = 6, every: int = 25) -> Method:
    """ReActNet whose 3x3 kernels are chosen from 2^t learnt patterns a layer: 0.67, 0.56 or 0.44 bit a weight.

    Forward: B_oi = the pattern M_j in {-1, +1}^9 nearest to the kernel W_oi, t = ``index_bits`` (6, 5, 4);
    s_o = mean |W_o|; out = s conv(sgn(a + b), B); block: RPReLU(norm(out) + shortcut).
    Backward: dL/dW = 1[|W| <= 1] s g, s constant; every ``every`` steps dL/dP_j = the sum of s g over the kernels that
    chose pattern j; d sign(a + b) := max(2 - 2|a + b|, 0).
    Stages: as ReActNet: binary activations with real weights, then both binary without weight decay.
    Deploys as: class B; the file holds t bits a kernel and the patterns, which become plain bits when it is loaded.
    Source: paper sections 3.1 to 3.3; released code yikaiw/SNN. We differ: steps are counted in training alone and,
    with the remembered signs, saved; upkeep of the patterns follows the update instead of preceding it; the first of
    equal patterns stays in its place, where the code moves all up; 1x1 kernels and dense layers have plain bits.

    >>> subbit(index_bits=4).weight_quantizer
    Codebook(index_bits=4, every=25, dead_zone=0.001)
    """
    return replace(
        reactnet(),
        name="subbit",
        weight_quantizer=Codebook(index_bits, every),
        weight_scale=MeanAbs(per="filter", gradient="constant"),
    )
