"""Images as cameras give them, in front of a network that wants them normalised."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Pixels(nn.Module):
    """y = (x / 255 - mean) / std per channel: pixel values 0 to 255 in, normalised values out.

    Shape: (N, C, H, W) -> same. Deploys as: one multiply and one add per pixel value.

    >>> Pixels([0.5], [0.25])(torch.tensor([[[[0.0, 255.0]]]]))
    tensor([[[[-2.,  2.]]]])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x / 255 - self.mean) / self.std
