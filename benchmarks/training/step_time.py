"""Time of one training step, side by side in one run: float twin, binary, with objectives, the authors' released code.

    python benchmarks/training/step_time.py cifar10/resnet20_irnet --threads 2 [--released CHECKOUT] [--json FILE]

The contenders take turns, step by step, so that drift of the machine hits all alike; medians and ratios are printed.
Each runs at three points of the schedule, because the sharpness of a derivative changes what the processor sees.
``--released`` names a checkout of github.com/htqin/IR-Net, lmbxmu/RBNN or 42Shawn/CMIM, whose layers, and for CMIM
whose loss, are timed beside the recipe's (``cifar10/resnet20_irnet``, ``cifar10/resnet20_rbnn``,
``cifar100/resnet18_cmim``).
Rotations of RBNN are left as they are in both, since only some epochs update them.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import released
import torch
from rich import print
from rich.table import Column, Table
from torch import Tensor, nn
from torch.nn import functional as F

from signwise import ContrastiveMI, ContrastiveTeacher
from signwise.cli.describe import SHAPES
from signwise.core.progress import Progress
from signwise.nn.layers import advance_, after_step_
from signwise.objectives import Objective, Setting, Step
from signwise.objectives.memory import Memory
from signwise.train import Recipe, load_recipe
from signwise.train.build import build_network
from signwise.train.folder import versions
from signwise.train.memory import keep_freed_memory
from signwise.train.task import make_optimizer

EPOCHS, SAMPLES = 100, 50_000
BASE = "binary"


class Contender:
    """A network with its loss; ``step`` makes one whole training step."""

    def __init__(self, recipe: Recipe, image: Tensor, label: Tensor, objective: Objective | None = None):
        self.classes, (channels, *_) = SHAPES[recipe.data.name]
        self.model, _ = build_network(recipe, self.classes, channels, image.shape[-1])
        self.image, self.label, self.index = image, label, torch.arange(len(label))
        self.objective = objective
        if objective is not None:
            objective.attach(self.model, Setting(image[:2], samples=SAMPLES, classes=self.classes))
            _fill(objective, self.classes)
        parameters = [*self.model.parameters(), *(objective.parameters() if objective else ())]
        self.optimizer = make_optimizer(recipe.optimizer, parameters)

    def set_epoch(self, epoch: int, epochs: int) -> None:
        advance_(self.model, Progress(epoch, epochs))

    def loss(self) -> Tensor:
        logits = self.model(self.image)
        loss = F.cross_entropy(logits, self.label)
        if self.objective is None:
            return loss
        return loss + self.objective(Step(self.image, self.label, self.index, logits))

    def step(self) -> None:
        loss = self.loss()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        after_step_(self.model)


def _fill(objective: Objective, classes: int) -> None:
    """Stored embeddings as they are after the first epoch."""
    for memory in (module for module in objective.modules() if isinstance(module, Memory)):
        memory.rows.copy_(F.normalize(torch.randn_like(memory.rows), dim=-1))
        memory.label.random_(0, classes)
        memory.index.copy_(torch.arange(len(memory.index)))


class ReleasedContender(Contender):
    """A released network, with CMIM's released loss where the checkout has one and the recipe a teacher."""

    def __init__(self, recipe: Recipe, image: Tensor, label: Tensor, checkout: Path):
        self.image, self.label = image, label
        classes, _ = SHAPES[recipe.data.name]
        self.model, self.set_epoch = released.load(checkout, classes)
        self.term: Callable[[Tensor], Tensor] | None = None
        if "contrastive_teacher" in recipe.objectives:
            self.term = released.contrastive_loss(checkout, self.model, SAMPLES, classes, len(label))
        self.optimizer = make_optimizer(recipe.optimizer, list(self.model.parameters()))

    def loss(self) -> Tensor:
        loss = F.cross_entropy(self.model(self.image), self.label)
        return loss if self.term is None else loss + self.term(self.image)


def contenders(recipe: Recipe, image: Tensor, label: Tensor, checkout: Path | None) -> dict[str, Contender]:
    """What is timed for a recipe, the name of each first."""
    made = {
        "float twin": Contender(recipe.replace(binary=False), image, label),
        BASE: Contender(recipe, image, label),
        "with ContrastiveMI": Contender(recipe, image, label, ContrastiveMI()),
        "with ContrastiveMI, 4,096 stored": Contender(recipe, image, label, ContrastiveMI(negatives="bank")),
    }
    if "contrastive_teacher" in recipe.objectives:
        teacher: nn.Module = Contender(recipe.replace(binary=False), image, label).model
        made["with ContrastiveTeacher"] = Contender(recipe, image, label, ContrastiveTeacher(teacher))
    if checkout is not None:
        made["released code"] = ReleasedContender(recipe, image, label, checkout)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="cifar10/resnet20_irnet")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=15, help="timed steps of each contender at each point")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--released", type=Path, metavar="CHECKOUT")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keep_freed_memory()  # as training does; for every contender
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    recipe = load_recipe(options.recipe)
    classes, shape = SHAPES[recipe.data.name]
    image, label = torch.randn(options.batch, *shape), torch.randint(0, classes, (options.batch,))
    made = contenders(recipe, image, label, options.released)
    times: dict[str, list[float]] = {name: [] for name in made}
    for epoch in (0, EPOCHS // 2, EPOCHS - 1):
        for contender in made.values():
            contender.set_epoch(epoch, EPOCHS)
        for number in range(options.steps + 1):
            for name, contender in made.items():
                start = time.perf_counter()
                contender.step()
                if number:  # the first round warms up
                    times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    facts = {"recipe": options.recipe, "batch": options.batch, "steps": len(times[BASE])}
    table = Table(Column("contender", no_wrap=True), "median s/step", "min", "max", "over float twin", "over binary")
    for name, median in medians.items():
        ratios = [f"{median / medians[rival]:.3f}" for rival in ("float twin", BASE)]
        table.add_row(name, f"{median:.4f}", f"{min(times[name]):.4f}", f"{max(times[name]):.4f}", *ratios)
    print(versions() | facts, table)
    if options.json:
        options.json.write_text(
            json.dumps(versions() | facts | {"median_seconds": medians, "seconds": times}, indent=1)
        )


if __name__ == "__main__":
    main()
