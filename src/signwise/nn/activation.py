"""Real non-linearities of the wirings, by name."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.nn.real import keep_real


class _Hardtanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        y = F.hardtanh(x, low, high)
        ctx.save_for_backward(y)
        ctx.ends = low, high
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(grads[0], y, *ctx.ends), None, None


class Hardtanh(nn.Hardtanh):
    """y = min(max(x, low), high), dy/dx = 1[low < x < high]; keeps y for the backward pass where PyTorch keeps x.

    The sign that follows keeps y as well, so the two share one tensor. Shape: any. Deploys as: a clip.

    >>> x = torch.tensor([-2.0, -1.0, 0.5], requires_grad=True)
    >>> Hardtanh()(x).sum().backward(); x.grad
    tensor([0., 0., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(x)
        return _Hardtanh.apply(x, self.min_val, self.max_val)


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
        return F.prelu(x, self.negative / self.positive) * self.positive.view(shape)


def activation(name: str, channels: int) -> nn.Module:
    """The module behind one of the names in ``wiring.ACTIVATIONS``."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "none": nn.Identity,
        "relu": nn.ReLU,
        "clip": lambda: Hardtanh(0.0, 1.0),
        "hardtanh": Hardtanh,
        "prelu": lambda: nn.PReLU(channels),
        "rprelu": lambda: RPReLU(channels),
        "dynamic_rprelu": lambda: DynamicRPReLU(channels),
        "maxout": lambda: Maxout(channels),
    }
    return makers[name]()
