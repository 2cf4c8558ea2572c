"""Noise-contrastive losses on score matrices, and the lower bounds on mutual information they imply.

Scores are log density ratios up to a constant, shape (..., B, K): anchor b against key k. Masks (B, K) say which keys
are an anchor's positives and which its negatives; an anchor has N negatives and its loss is the mean over positives.
"""

from torch import Tensor
from torch.nn import functional as F


def nce(scores: Tensor, positive: Tensor, negative: Tensor, log_normalizer: Tensor | float = 0.0) -> Tensor:
    """Binary noise-contrastive loss: L = -log h(pos) - sum_neg log(1 - h(neg)), h = u / (u + N c).

    u = exp(score); c = exp(``log_normalizer``) makes u/c a density ratio; c = 1/M is the paper's h = u/(u + N/M).
    In logits, exact and without an epsilon: -log h = softplus(log N c - s), -log(1 - h) = softplus(s - log N c).

    Shapes: (..., B, K), (B, K), (B, K), broadcastable to (..., 1, 1) -> (..., B).
    Implies I >= log N - E[L]. (CMIM section 3.2; CRD.)
    """
    log_ratio = negative.sum(-1, keepdim=True).log() + log_normalizer
    loss = _mean_over(F.softplus(log_ratio - scores), positive)
    return loss + F.softplus(scores - log_ratio).masked_fill(~negative, 0.0).sum(-1)


def info_nce(scores: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """InfoNCE: L = -log( u_pos / sum u ), the sum over all K keys that are positive or negative.

    An anchor's other positives stand in the sum too, as draws from the marginal must: with classes as positives it is
    the supervised contrastive loss. Shapes as :func:`nce`. Implies I >= log K - E[L].
    (van den Oord et al. 2018; Khosla et al. 2020, L_out.)
    """
    total = scores.masked_fill(~(positive | negative), float("-inf")).logsumexp(-1, keepdim=True)
    return _mean_over(total - scores, positive)


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1).clamp_min(1)
