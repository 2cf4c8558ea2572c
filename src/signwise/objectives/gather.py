"""Gathering tensors over the ranks of a distributed run; the identity in a single process."""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """This process's rank, 0 in a single process."""
    return dist.get_rank() if _distributed() else 0


def gather(x: Tensor) -> Tensor:
    """Rows of all ranks, in rank order, (B, ...) -> (W B, ...); gradients flow back to the rank that made a row."""
    return torch.cat(all_gather(x)) if _distributed() else x


@torch.no_grad()
def gather_constant(x: Tensor) -> Tensor:
    """Rows of all ranks, in rank order, without gradient."""
    if not _distributed():
        return x.detach()
    parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)
