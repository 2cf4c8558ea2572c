"""The authors' released networks and losses as they are, made to run without a GPU and on a newer PyTorch.

What is changed is outside of their files: ``.cuda()`` does nothing where there is no GPU, an initialiser has the name
back that PyTorch dropped, and their readers of command lines see an empty one.
"""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Released:
    """Where a checkout keeps its network, ours being ``model``: scripts run in ``folder``, t starts at ``t_min``."""

    source: str
    model: str
    folder: str
    module: str
    network: str
    t_min: float
    any_classes: bool = False


ALL = (
    Released("github.com/htqin/IR-Net", "resnet20", "CIFAR-10/ResNet20/1w1a", "resnet", "resnet20_1w1a", 1e-3),
    Released("github.com/lmbxmu/RBNN", "resnet20", "cifar", "models_cifar.resnet", "resnet20_1w1a", 1e-2),
    Released(
        "github.com/42Shawn/CMIM",
        "resnet18_cifar",
        "CMIM/cifar100",
        "models_bnn",
        "resnet18_1w1a",
        1e-2,
        any_classes=True,
    ),
)


def find(checkout: Path) -> Released:
    """Which of them a checkout is."""
    for released in ALL:
        if (checkout / released.folder).is_dir():
            return released
    raise SystemExit(f"{checkout} is a checkout of none of: {', '.join(released.source for released in ALL)}")


def load(checkout: Path, classes: int) -> tuple[nn.Module, Callable[[int, int], None]]:
    """The network, and what their trainers do at the start of epoch e of E: the derivative's t and k, set by hand."""
    released = find(checkout)
    make = getattr(_import(checkout / released.folder, released.module), released.network)
    network = make(num_classes=classes) if released.any_classes else make()

    def set_epoch(epoch: int, epochs: int) -> None:
        t = torch.tensor([released.t_min * (10 / released.t_min) ** (epoch / epochs)])
        for module in network.modules():
            if hasattr(module, "k"):
                module.t, module.k = t, torch.maximum(1 / t, torch.ones(1))

    return network, set_epoch


def contrastive_loss(
    checkout: Path, network: nn.Module, samples: int, classes: int, batch: int
) -> Callable[[Tensor], Tensor]:
    """CMIM's released term, weighted: their float teacher, their memory, 4,096 negatives an image, drawn beforehand."""
    folder, negatives = checkout / find(checkout).folder, 4096
    teacher = _import(folder, "models_bnn").resnet18_fp(num_classes=classes)
    align = _import(folder, "contrastive_alignment").contrastive_alignment(512, 512, 128, negatives, 0.1, 0.5, samples)
    loss = _import(folder, "cmim").cmim(teacher, network, align)
    index, drawn = torch.arange(batch), torch.randint(0, samples, (batch, negatives + 1))
    return lambda image: 3.2 * loss(image, index, drawn)


def _import(folder: Path, module: str) -> SimpleNamespace:
    if not torch.cuda.is_available():
        torch.Tensor.cuda = nn.Module.cuda = lambda self, *args, **kwargs: self
    torch.nn.init.kaiming_normal = torch.nn.init.kaiming_normal_
    with mock.patch.object(sys, "argv", sys.argv[:1]), mock.patch.object(sys, "path", [str(folder), *sys.path]):
        return importlib.import_module(module)
