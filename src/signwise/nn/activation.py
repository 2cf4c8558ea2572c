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


def activation(name: str, channels: int) -> nn.Module:
    """The module behind one of the names in ``wiring.ACTIVATIONS``."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "none": nn.Identity,
        "relu": nn.ReLU,
        "clip": lambda: nn.Hardtanh(0.0, 1.0),
        "hardtanh": nn.Hardtanh,
        "prelu": lambda: nn.PReLU(channels),
        "rprelu": lambda: RPReLU(channels),
    }
    return makers[name]()
