"""Gathering tensors over the ranks of a distributed run; the identity in a single process."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """This process's rank, 0 in a single process."""
    return dist.get_rank() if _distributed() else 0


@torch.no_grad()
def gather_constant(x: Tensor) -> Tensor:
    """Rows of all ranks, in rank order, (B, ...) -> (W B, ...), without gradient."""
    if not _distributed():
        return x.detach()
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    # torch.distributed.nn.functional.all_gather returns wrong gradients on gloo where they arrive non-contiguous.
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rows = len(x)
        return gather_constant(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone(memory_format=torch.contiguous_format)  # autograd may share the gradient it gave
        dist.all_reduce(total)
        return total.narrow(0, rank() * ctx.rows, ctx.rows)


def gather(x: Tensor) -> Tensor:
    """Rows of all ranks, in rank order, (B, ...) -> (W B, ...); gradients flow back to the rank that made a row."""
    return _Gather.apply(x) if _distributed() else x
