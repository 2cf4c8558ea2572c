"""Real non-linearities of the wirings, by name."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class RPReLU(nn.Module):
    """PReLU between two learnt shifts: y = PReLU_c(x + b1) + b2.

    Shape: (N, C, *) -> same; slope, b1, b2 per channel, started at 0.25, 0, 0. Deploys as: one compare, one
    multiply and two adds per element. (ReActNet, section 4.2.)

    >>> RPReLU(2)(torch.tensor([[-4.0, 4.0]]))
    tensor([[-1.,  4.]], grad_fn=<AddBackward0>)
    """

    def __init__(self, channels: int):
        super().__init__()
        self.before = nn.Parameter(torch.zeros(channels))
        self.prelu = nn.PReLU(channels)
        self.after = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *(1,) * (x.dim() - 2))
        return self.prelu(x + self.before.view(shape)) + self.after.view(shape)


class Maxout(nn.Module):
    """Two learnt slopes: y = c1 max(x, 0) - c2 max(-x, 0), computed as c1 PReLU(x) with the slope c2 / c1.

    Shape: (N, C, *) -> same; c1, c2 per channel, started at 1 and 0.25. A c1 of exactly 0 gives NaN, where the released
    code gives 0. Deploys as: a PReLU and one multiply per element. (AdaBin, section 3.4.)

    >>> Maxout(2)(torch.tensor([[-4.0, 4.0]]))
    tensor([[-1.,  4.]], grad_fn=<MulBackward0>)
    """

    def __init__(self, channels: int):
        super().__init__()
        self.positive = nn.Parameter(torch.ones(channels))
        self.negative = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *(1,) * (x.dim() - 2))
        return nn.functional.prelu(x, self.negative / self.positive) * self.positive.view(shape)


def activation(name: str, channels: int) -> nn.Module:
    """The module behind one of the names in ``wiring.ACTIVATIONS``."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "none": nn.Identity,
        "relu": nn.ReLU,
        "clip": lambda: nn.Hardtanh(0.0, 1.0),
        "hardtanh": nn.Hardtanh,
        "prelu": lambda: nn.PReLU(channels),
        "rprelu": lambda: RPReLU(channels),
        "maxout": lambda: Maxout(channels),
    }
    return makers[name]()
