"""Does an objective point a step of one batch to where all images want to go? Cosines of gradients, epoch by epoch.

    python benchmarks/training/alignment.py fashion_mnist/resnet8_irnet_10k --objectives.contrastive_mi.labels positive

Trains the recipe with its one objective and looks at the network after each epoch, on ``--batches`` batches of the
training set. G is the gradient of cross entropy, summed over the other batches; e and o are those of cross entropy and
of the objective on one batch. For the latent weights of every binary layer that the objective reaches: cos(e, G), what
a plain step knows of the others; cos(o, G), what the objective knows; cos(e + o, G), the step that is made; cos(e, o),
and |o| / |e|. Means over layers and batches.
"""

import argparse
import copy
import json
import statistics
import tempfile
from itertools import compress
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
        total = [torch.stack(layer).sum(0) for layer in zip(*(e for e, _ in pairs), strict=True)]
        found = [_compare(e, o, [all_ - own for all_, own in zip(total, e, strict=True)]) for e, o in pairs]
        means = {name: statistics.fmean(one[name] for one in found) for name in found[0]}
        self.rows.append({"epoch": metrics["epoch"] + 1} | means)

    def _gradients(self, batch: Any) -> tuple[Gradients, Gradients]:
        logits = self.model(batch.image)
        losses = (
            F.cross_entropy(logits, batch.label),
            self.objective(Step(batch.image, batch.label, batch.index, logits)),
        )
        entropy, other = (
            torch.autograd.grad(loss, self.weights, retain_graph=True, allow_unused=True) for loss in losses
        )
        reached = [gradient is not None for gradient in other]  # no layer behind the last that the objective watches
        return list(compress(entropy, reached)), list(compress(other, reached))


def _compare(e: Gradients, o: Gradients, others: Gradients) -> dict[str, float]:
    both = [a + b for a, b in zip(e, o, strict=True)]
    pairs = {"cos(e, G)": (e, others), "cos(o, G)": (o, others), "cos(e + o, G)": (both, others), "cos(e, o)": (e, o)}
    ratios = (b.norm().item() / a.norm().item() for a, b in zip(e, o, strict=True))
    return {name: _cosine(*pair) for name, pair in pairs.items()} | {"|o| / |e|": statistics.fmean(ratios)}


def _cosine(first: Gradients, second: Gradients) -> float:
    return statistics.fmean(
        F.cosine_similarity(a.flatten(), b.flatten(), dim=0).item() for a, b in zip(first, second, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--batches", type=int, default=16)
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
