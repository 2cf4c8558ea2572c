"""What is timed: single binary layers and whole networks, each as a binary network and as its float twin."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from signwise import binarize_, create_model, get_method


@dataclass(frozen=True)
class Work:
    """``real`` is ``binary`` before it was binarized; both in evaluation mode, for one image."""

    name: str
    real: nn.Module
    binary: nn.Module
    image: Tensor


@dataclass(frozen=True)
class Contender:
    """``call`` computes one image; ``twin`` says which network it runs; ``file`` is what it was loaded from."""

    name: str
    twin: str
    call: Callable[[], np.ndarray]
    file: Path | None = None
    target: str = ""


class Layer(nn.Module):
    """y = hardtanh(norm(conv3x3(x)) + x): a binary layer with all that surrounds it in a Bi-Real network."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.Hardtanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(x)) + x)


def settle_(model: nn.Module, image: Tensor) -> None:
    """Norms as after training: statistics of what flows through, and factors and shifts of any kind."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    with torch.no_grad():
        model.train()(torch.randn(4, *image.shape[1:]))
    model.eval()


def _work(name: str, real: nn.Module, method: str, image: Tensor, overrides: dict[str, str]) -> Work:
    binary = copy.deepcopy(real)
    binarize_(binary, get_method(method), overrides)
    settle_(real, image)
    settle_(binary, image)
    return Work(name, real, binary, image)


def layer(channels: int, size: int) -> Work:
    image = torch.randn(1, channels, size, size)
    return _work(f"layer {channels}@{size}", Layer(channels), "bireal", image, {"conv": "bireal"})


def network(model: str, method: str, size: int, classes: int) -> Work:
    real = create_model(model, num_classes=classes, wiring=get_method(method).wiring)
    return _work(f"{model} {method}", real, method, torch.randn(1, 3, size, size), {})


WORKS: dict[str, Callable[[], Work]] = {
    "layer64": lambda: layer(64, 56),
    "layer128": lambda: layer(128, 28),
    "layer256": lambda: layer(256, 14),
    "layer512": lambda: layer(512, 7),
    "resnet18": lambda: network("resnet18", "bireal", 224, 1000),
    "resnet18_cifar": lambda: network("resnet18_cifar", "irnet", 32, 10),
    "vgg_small": lambda: network("vgg_small", "irnet", 32, 10),
    "reactnet_a": lambda: network("reactnet_a", "reactnet", 224, 1000),
    "resnet20": lambda: network("resnet20", "irnet", 32, 10),
}
