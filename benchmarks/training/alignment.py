"""Where an objective pulls, compared with cross entropy: the cosine of their gradients, layer by layer, epoch by epoch.

    python benchmarks/training/alignment.py fashion_mnist/resnet8_irnet_10k --objectives.contrastive_mi.labels positive

Trains the recipe with its one objective and looks at the network after each epoch, on images of the training set: for
each binary layer the cosine between the gradients of the two losses by the latent weight on the same batch, and as
a yardstick that of cross entropy on two batches; means over the layers and ``--batches`` batches, and the ratio of the
gradients' lengths. At 1 the objective is more of the same, at 0 it asks for something else, below 0 the opposite.
"""

import argparse
import copy
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, cast

import torch
from rich import print
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.data import Loader, open_data
from signwise.nn.layers import binary_layers
from signwise.objectives import Objective, Step
from signwise.train import fit, load_recipe
from signwise.train.build import build_model, build_objectives
from signwise.train.folder import versions
from signwise.train.recipe import override_recipe

Gradients = list[Tensor]


class Look:
    """Compares the gradients of cross entropy and of an objective on some batches; leaves both as they were."""

    def __init__(self, model: nn.Module, objective: Objective, loader: Loader, batches: int):
        self.model, self.objective, self.loader, self.batches = model, objective, loader, batches
        self.weights = [layer.weight for layer in binary_layers(model).values()]
        self.rows: list[dict[str, float]] = []

    def __call__(self, metrics: dict[str, Any]) -> None:
        kept = [copy.deepcopy(module.state_dict()) for module in (self.model, self.objective)]
        was = self.model.training
        with torch.random.fork_rng():
            self.model.train()
            pairs = [self._gradients(batch) for batch, _ in zip(self.loader, range(self.batches), strict=False)]
        self.model.train(was)
        for module, state in zip((self.model, self.objective), kept, strict=True):
            module.load_state_dict(state)
        entropies = [entropy for entropy, _ in pairs]
        self.rows.append(
            {
                "epoch": metrics["epoch"] + 1,
                "objective and cross entropy": statistics.fmean(_cosine(*pair) for pair in pairs),
                "cross entropy of two batches": statistics.fmean(map(_cosine, entropies, entropies[1:])),
                "length over cross entropy's": statistics.fmean(_length(b) / _length(a) for a, b in pairs),
            }
        )

    def _gradients(self, batch: Any) -> tuple[Gradients, Gradients]:
        logits = self.model(batch.image)
        losses = (
            F.cross_entropy(logits, batch.label),
            self.objective(Step(batch.image, batch.label, batch.index, logits)),
        )
        entropy, other = (
            torch.autograd.grad(loss, self.weights, retain_graph=True, allow_unused=True) for loss in losses
        )
        both = [
            (a, b) for a, b in zip(entropy, other, strict=True) if b is not None
        ]  # not what lies behind the objective
        return [a for a, _ in both], [b for _, b in both]


def _cosine(first: Gradients, second: Gradients) -> float:
    """Mean over the layers."""
    return statistics.fmean(
        F.cosine_similarity(a.flatten(), b.flatten(), dim=0).item() for a, b in zip(first, second, strict=True)
    )


def _length(gradients: Gradients) -> float:
    return torch.cat([gradient.flatten() for gradient in gradients]).norm().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options, overrides = parser.parse_known_args()
    recipe = override_recipe(load_recipe(options.recipe), overrides)
    torch.manual_seed(recipe.seed)
    source = open_data(recipe.data)
    model = build_model(recipe, source)
    ((name, objective),) = build_objectives(recipe).items()
    loader = cast(Loader, source.train_loader(recipe.seed + 1, 0, 1, "cpu"))
    look = Look(model, objective, loader, options.batches)
    with tempfile.TemporaryDirectory() as folder:
        fit(recipe, folder, model=model, objectives={name: objective}, on_epoch=look, accelerator="cpu")
    table = Table(*look.rows[0], title=f"gradients of {name} and of cross entropy")
    for row in look.rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    print(versions(), table)
    if options.json:
        options.json.write_text(json.dumps(versions() | {"recipe": recipe.to_dict(), "rows": look.rows}, indent=1))


if __name__ == "__main__":
    main()
