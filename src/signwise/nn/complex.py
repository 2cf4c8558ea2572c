"""Networks of complex numbers, each a pair of neighbouring channels: real part, imaginary part."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.complex_bits import half, real_form
from signwise.core.errors import ConfigError
from signwise.nn.modes import full_precision
from signwise.nn.real import keep_real


class ComplexConv2d(nn.Conv2d):
    """A real-valued complex convolution: one ``nn.Conv2d`` whose weight is the real form of half as many numbers.

    Shape: (N, 2I, H, W) -> (N, 2O, H', W'); weight (O, 2I, Kh, Kw). Has no binary form of its own.
    Errors: ConversionError for odd numbers of channels.

    >>> ComplexConv2d(4, 6, 3, padding=1, bias=False)(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 6, 5, 5])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.weight = nn.Parameter(half(self.weight.detach()).clone())

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, real_form(self.weight), self.bias)


class ComplexInput(nn.Module):
    """Real images to complex ones: the image itself as real part, a learnt one as imaginary part.

    Forward: xi = conv(relu(norm(conv(relu(norm(x)))))), 3x3 each; channels in pairs (x, xi). Stays real-valued.
    Shape: (N, C, H, W) -> (N, 2C, H, W). (Trabelsi et al. 2018, section 3.7; BCNN.)
    """

    order: Tensor

    def __init__(self, channels: int):
        super().__init__()
        steps = (
            layer
            for _ in range(2)
            for layer in (
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            )
        )
        self.imaginary = keep_real(nn.Sequential(*steps), "makes the imaginary part")
        self.register_buffer("order", torch.arange(2 * channels).view(2, channels).T.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.imaginary(x)), 1)[:, self.order]


class ComplexNorm(nn.Module):
    """Batch norm of complex channels: y = G (z - E z) + beta, z = (x, y) a pair.

    ``whiten=False``  G = gamma / sqrt(v), v = (Var x + Var y)/2, one gamma a pair, started at ``weight``: both parts as
                      those of a circular Gaussian, without their covariance (BCNN);
    ``whiten=True``   G = Gamma V^(-1/2), V the 2x2 covariance, Gamma symmetric, started at ``weight`` / sqrt(2)
                      (Trabelsi et al. 2018, section 3.5).
    beta complex, from 0; running statistics in evaluation, with the momentum and eps of torch's batch norm.
    Shape: (N, C, *) -> same, C even. Errors: ConfigError for odd C.
    Deploys as: an affine per channel, so that signs behind it are thresholds; with ``whiten`` two channels are mixed.

    >>> ComplexNorm(4)(torch.randn(8, 4, 3, 3)).shape
    torch.Size([8, 4, 3, 3])
    """

    running_mean: Tensor
    running_covariance: Tensor

    def __init__(self, channels: int, whiten: bool = False, weight: float = 1.0):
        super().__init__()
        if channels % 2:
            raise ConfigError(f"ComplexNorm(channels={channels}); allowed: an even number, as channels are pairs")
        pairs = channels // 2
        self.whiten = whiten
        start = torch.tensor([1.0, 0.0, 1.0]) * weight / 2**0.5 if whiten else torch.tensor([weight])
        self.weight = nn.Parameter(start.repeat(pairs, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_covariance", torch.tensor([1.0, 0.0, 1.0]).repeat(pairs, 1))

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):
            return self._normalized(x.to(self.weight.dtype))

    def _normalized(self, x: Tensor) -> Tensor:
        mean, covariance = self._batch(x) if self.training else (self.running_mean, self.running_covariance)
        if not self.whiten:
            v = (covariance[:, 0] + covariance[:, 2]) / 2 + 1e-5
            scale = (self.weight[:, 0] / v.sqrt()).repeat_interleave(2)
            shape = (-1, *(1,) * (x.dim() - 2))
            return x * scale.view(shape) + (self.bias - scale * mean).view(shape)
        matrix = _product(self.weight, _inverse_root(covariance))
        shift = self.bias - (matrix @ mean.view(-1, 2, 1)).flatten()
        kernel, groups = matrix.flatten(0, 1), len(matrix)
        if x.dim() == 4:
            return F.conv2d(x, kernel[:, :, None, None], shift, groups=groups)
        return F.conv1d(x.flatten(2) if x.dim() > 2 else x[:, :, None], kernel[:, :, None], shift, groups=groups).view(
            x.shape
        )

    def _batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (C) and covariance (C/2, 3: xx, xy, yy) of the batch, which the running ones follow."""
        flat = x.transpose(0, 1).flatten(1)
        mean = flat.mean(1)
        a, b = (flat - mean[:, None]).unflatten(0, (-1, 2)).unbind(1)
        covariance = torch.stack([(a * a).mean(1), (a * b).mean(1), (b * b).mean(1)], 1)
        with torch.no_grad():
            count = flat.shape[1]
            self.running_mean.lerp_(mean, 0.1)
            self.running_covariance.lerp_(covariance * (count / max(count - 1, 1)), 0.1)
        return mean, covariance


def _inverse_root(covariance: Tensor) -> Tensor:
    """V^(-1/2) as (xx, xy, yy), with eps on the diagonal: (V + s)^-1 t, s = sqrt(det V), t = sqrt(trace V + 2 s)."""
    a, b, d = covariance[:, 0] + 1e-5, covariance[:, 1], covariance[:, 2] + 1e-5
    s = (a * d - b * b).sqrt()
    t = (a + d + 2 * s).sqrt()
    return torch.stack([d + s, -b, a + s], 1) / (s * t)[:, None]


def _product(left: Tensor, right: Tensor) -> Tensor:
    """The matrices (pairs, 2, 2) of two symmetric ones given as (xx, xy, yy)."""
    places = torch.tensor([0, 1, 1, 2], device=left.device)
    return left[:, places].view(-1, 2, 2) @ right[:, places].view(-1, 2, 2)
