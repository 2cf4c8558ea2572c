"""Zero mean and one deviation for each filter or sample, by kernels that exist."""

import math

from torch import Tensor
from torch.nn import functional as F


def standardized(x: Tensor, deviation: float = 1.0) -> Tensor:
    """deviation (x - mean) / std over all dims but the first, std unbiased; zeros where std is zero.

    Layer normalisation divides by the biased std; its fused kernels take a ninth (images) to a half (weights) of the
    time of std_mean and a division. Shape: (N, ...) -> same, more than one value each.
    """
    n = x[0].numel()
    return F.layer_norm(x, x.shape[1:], eps=1e-20) * (deviation * math.sqrt((n - 1) / n))
