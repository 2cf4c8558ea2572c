"""What a training step keeps between forward and backward: the bytes of all tensors alive when the loss is there.

    python benchmarks/training/memory.py [--models resnet20 resnet18_cifar] [--released CHECKOUT] [--json FILE]

Counted are the storages made during the forward pass that are still alive after it, each once, whoever holds them:
what autograd saved, and what objectives took down. Peak memory on a GPU is parameters and optimizer beside these.
"plain" has PyTorch's own Hardtanh, which keeps its input, as released codes do. ``--released`` names a checkout of one
of those (released.py), which is measured beside its model.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import released
import torch
from rich import print
from rich.table import Table
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from signwise import ContrastiveMI, binarize_, create_model, get_method
from signwise.models import wiring_of
from signwise.nn.layers import recompute_
from signwise.objectives import Objective, Setting, Step
from signwise.train.folder import versions


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())


class Made(TorchDispatchMode):
    """Notes every storage that operations make, without holding it."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        given = {_storage(tensor).cdata for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (storage := _storage(tensor)).cdata not in given:
                self._made.setdefault(storage.cdata, (storage, tensor.untyped_storage().nbytes()))
        return result

    def alive(self) -> int:
        """Bytes of those that somebody holds."""
        return sum(size for storage, size in self._made.values() if not storage.expired())


def kept_bytes(model: nn.Module, image: Tensor, label: Tensor, objective: Objective | None = None) -> int:
    """Bytes made by a forward pass in training mode and alive after it, beside parameters, buffers and the images."""
    with Made() as made:
        logits = model(image)
        loss = F.cross_entropy(logits, label)
        if objective is not None:
            loss = loss + objective(Step(image, label, torch.arange(len(label)), logits))
        kept = made.alive()
    loss.backward()  # also frees what objectives hold until the next step
    return kept


def network(model: str, method: str, binary: bool = True, plain: bool = False, recompute: bool = False) -> nn.Module:
    """A model wired for a method; ``plain``: with PyTorch's own Hardtanh."""
    chosen = get_method(method)
    made = create_model(model, wiring=wiring_of(model, chosen.wiring))
    if binary:
        binarize_(made, chosen)
    if recompute:
        recompute_(made)
    for parent in list(made.modules()) if plain else []:
        for name, child in parent.named_children():
            if isinstance(child, nn.Hardtanh):
                setattr(parent, name, nn.Hardtanh(child.min_val, child.max_val))
    return made


CONTENDERS: dict[str, dict[str, Any]] = {
    "float twin of IR-Net, plain": {"method": "irnet", "binary": False, "plain": True},
    "float twin of IR-Net": {"method": "irnet", "binary": False},
    "IR-Net, plain": {"method": "irnet", "plain": True},
    "IR-Net": {"method": "irnet"},
    "IR-Net, recompute": {"method": "irnet", "recompute": True},
    "ReActNet": {"method": "reactnet"},
    "ReActNet, recompute": {"method": "reactnet", "recompute": True},
}
WITH_OBJECTIVE = ("IR-Net, plain", "IR-Net", "IR-Net, recompute")
OBJECTIVES: dict[str, dict[str, Any]] = {
    "with ContrastiveMI": {},
    "with ContrastiveMI, 4,096 stored": {"negatives": "bank"},
}


def measure(model: str, image: Tensor, label: Tensor, checkout: Path | None) -> dict[str, int]:
    """Bytes kept by every contender."""
    kept = {}
    for name, options in CONTENDERS.items():
        kept[name] = kept_bytes(network(model, **options), image, label)
        if name in WITH_OBJECTIVE:
            for words, choices in OBJECTIVES.items():
                net, objective = network(model, **options), ContrastiveMI(**choices)
                objective.attach(net, Setting(image[:2], samples=50_000, classes=10))
                kept[f"{name}, {words}"] = kept_bytes(net, image, label, objective)
    if checkout is not None and released.find(checkout).model == model:
        net, _ = released.load(checkout, classes=10)
        kept[f"released code, {released.find(checkout).source}"] = kept_bytes(net, image, label)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["resnet20", "resnet18_cifar"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--released", type=Path, metavar="CHECKOUT")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    image, label = torch.randn(options.batch, 3, 32, 32), torch.randint(0, 10, (options.batch,))
    kept = {model: measure(model, image, label, options.released) for model in options.models}
    table = Table("contender", *options.models, title=f"MB kept for the backward pass, batch {options.batch}")
    for name in dict.fromkeys(name for model in options.models for name in kept[model]):
        sizes = (kept[model].get(name) for model in options.models)
        table.add_row(name, *("-" if size is None else f"{size / 1e6:.1f}" for size in sizes))
    print(versions(), table)
    if options.json:
        options.json.write_text(json.dumps(versions() | {"batch": options.batch, "kept_bytes": kept}, indent=1))


if __name__ == "__main__":
    main()
