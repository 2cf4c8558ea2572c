"""Noise-contrastive losses on score matrices, and the lower bounds on mutual information they imply.

Scores are log density ratios up to a constant, shape (..., B, K): anchor b against key k. Masks (B, K) say which keys
are an anchor's positives and which its negatives; an anchor has N negatives and its loss is the mean over positives.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from signwise.nn.modes import full_precision

_BLOCK = {"cpu": 2**19}  # scores at a time: on a CPU what its cache holds, on a GPU what fills it
_LARGE_BLOCK = 2**25


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


def info_nce(anchors: Tensor, keys: Tensor, stored: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """InfoNCE: L = -log( u_pos / sum u ), u = exp <anchor, key>, the sum over all keys that are positive or negative.

    An anchor's other positives stand in the sum too, as draws from the marginal must: with classes as positives it is
    the supervised contrastive loss. A temperature divides the anchors.
    Backward:  dL/d<a, k> = u_k / sum u - [k positive] / positives, into anchors and keys; ``stored`` are constants.
    Shapes:    (..., B, d), (..., K, d), (..., M, d), masks (B, K + M) -> (..., B). Implies I >= log(K + M) - E[L].
    Scores live a block at a time and are made again in the backward pass: memory does not grow with their number.
    (van den Oord et al. 2018; Khosla et al. 2020, L_out.)
    """
    sides = (x.flatten(0, -3) for x in (anchors, keys, stored))
    return _InfoNCE.apply(*sides, positive, negative).unflatten(0, anchors.shape[:-2])


class _InfoNCE(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchors: Tensor, keys: Tensor, stored: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        share = positive.to(anchors.dtype) / positive.sum(-1, keepdim=True).clamp_min(1)
        unused, counts = ~(positive | negative), positive.any(-1)
        near, total = anchors.new_empty(2, *anchors.shape[:-1])
        with full_precision(anchors):
            for block, _, scores in _scores(anchors, keys, stored):
                torch.sum(scores * share, -1, out=near[block])
                torch.logsumexp(scores.masked_fill_(unused, -torch.inf), -1, out=total[block])
        ctx.save_for_backward(anchors, keys, stored, share, unused, counts, total)
        return torch.where(counts, total - near, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        anchors, keys, stored, share, unused, counts, total = ctx.saved_tensors
        grad, total = (torch.where(counts, x, 0.0).unsqueeze(-1) for x in (grad, total))
        by_anchor, by_key = torch.empty_like(anchors), torch.empty_like(keys)
        for block, all_keys, scores in _scores(anchors, keys, stored):
            slope = scores.masked_fill_(unused, -torch.inf).sub_(total[block]).exp_().sub_(share).mul_(grad[block])
            torch.bmm(slope, all_keys, out=by_anchor[block])
            torch.bmm(slope[..., : keys.shape[1]].mT, anchors[block], out=by_key[block])
        return by_anchor, by_key, None, None, None


def _scores(anchors: Tensor, keys: Tensor, stored: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Blocks of the first dimension, with their keys and scores."""
    each = anchors.shape[1] * (keys.shape[1] + stored.shape[1])
    size = max(1, _BLOCK.get(anchors.device.type, _LARGE_BLOCK) // max(each, 1))
    for start in range(0, len(anchors), size):
        block = slice(start, start + size)
        all_keys = torch.cat([keys[block], stored[block]], 1)
        yield block, all_keys, anchors[block] @ all_keys.mT


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1).clamp_min(1)
