"""Real non-linearities of the wirings, by name."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from signwise.nn.real import keep_real


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


class SampleShift(nn.Module):
    """A shift per sample and channel from a small network on the channels' means: W2 relu(W1 GAP(x) + b1) + b2.

    Shape: (N, C, *) -> (N, C, 1, ...); C/reduction hidden units, at least one. W2 and b2 start at 0, so that training
    begins without a shift. Stays real when the model is binarized.
    Deploys as: a mean of each channel and two dense layers per image. (DyBNN, section 2.)
    """

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.down = keep_real(nn.Linear(channels, hidden), "computes a shift")
        self.up = keep_real(nn.Linear(hidden, channels), "computes a shift")
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        places = tuple(range(2, x.dim()))
        h = self.up(self.down(x.mean(places) if places else x).relu())
        return h.reshape(h.shape + (1,) * len(places))


class DynamicRPReLU(nn.Module):
    """RPReLU whose shifts depend on the sample: y = PReLU_c(x - g_c(x)) + z_c(x), g and z of :class:`SampleShift`.

    Shape: (N, C, *) -> same. Starts as PReLU with the slope 0.25. (DyBNN, section 2.)

    >>> DynamicRPReLU(2)(torch.tensor([[-4.0, 4.0]]))
    tensor([[-1.,  4.]], grad_fn=<AddBackward0>)
    """

    def __init__(self, channels: int):
        super().__init__()
        self.before = SampleShift(channels)
        self.prelu = nn.PReLU(channels)
        self.after = SampleShift(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(x - self.before(x)) + self.after(x)


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
        "dynamic_rprelu": lambda: DynamicRPReLU(channels),
        "maxout": lambda: Maxout(channels),
    }
    return makers[name]()
