"""Time of one training step, side by side in one run: float twin, binary, binary with ContrastiveMI, released code.

    python benchmarks/training/step_time.py --threads 2 [--released PATH] [--json FILE]

The contenders take turns, step by step, so that drift of the machine hits all alike; medians and ratios are printed.
Each runs at three points of IR-Net's schedule, because the derivative's sharpness t changes what the processor sees.
``--released`` names the folder CIFAR-10/ResNet20/1w1a in a checkout of github.com/htqin/IR-Net, whose layers are then
timed as they are, but for ``.cuda()``, which is made to do nothing where there is no GPU.
"""

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich import print
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from signwise import ContrastiveMI, binarize_, create_model, get_method
from signwise.core.progress import Progress
from signwise.nn.layers import advance_
from signwise.objectives import Setting, Step
from signwise.train.folder import versions
from signwise.train.memory import keep_freed_memory

EPOCHS = 100


def released_model(folder: Path) -> nn.Module:
    """The authors' ResNet-20, unchanged."""
    if not torch.cuda.is_available():
        torch.Tensor.cuda = lambda self, *args, **kwargs: self
    torch.nn.init.kaiming_normal = torch.nn.init.kaiming_normal_  # an alias that newer torch dropped
    sys.path.insert(0, str(folder))
    return importlib.import_module("resnet").resnet20_1w1a()


def set_released_epoch(model: nn.Module, epoch: int) -> None:
    """The authors' trainer sets k and t by hand, once an epoch."""
    t = torch.tensor([10 ** (-3 + 4 * epoch / EPOCHS)])
    for module in model.modules():
        if hasattr(module, "k"):
            module.t, module.k = t, torch.maximum(1 / t, torch.ones(1))


def stepper(
    model: nn.Module, image: Tensor, label: Tensor, objective: ContrastiveMI | None = None
) -> Callable[[], None]:
    """A function that makes one whole training step."""
    parameters = [*model.parameters(), *(objective.parameters() if objective else ())]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-4)
    index = torch.arange(len(label))

    def step() -> None:
        logits = model(image)
        loss = F.cross_entropy(logits, label)
        if objective is not None:
            loss = loss + objective(Step(image, label, index, logits))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=15, help="timed steps of each contender at each point")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--released", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keep_freed_memory()  # as training does; for every contender
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    image = torch.randn(options.batch, 3, options.size, options.size)
    label = torch.randint(0, 10, (options.batch,))
    method = get_method("irnet")
    models = {name: create_model(options.model, wiring=method.wiring) for name in ("float twin", "binary", "with MI")}
    for name in ("binary", "with MI"):
        binarize_(models[name], method)
    objective = ContrastiveMI()
    objective.attach(models["with MI"], Setting(image[:2], samples=50_000, classes=10))
    steps = {
        name: stepper(model, image, label, objective if name == "with MI" else None) for name, model in models.items()
    }
    released = released_model(options.released) if options.released else None
    if released is not None:
        steps["released code"] = stepper(released, image, label)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for epoch in (0, EPOCHS // 2, EPOCHS - 1):
        for name in ("binary", "with MI"):
            advance_(models[name], Progress(epoch, EPOCHS))
        if released is not None:
            set_released_epoch(released, epoch)
        for number in range(options.steps + 1):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                if number:  # the first round warms up
                    times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    facts = {"model": options.model, "batch": options.batch, "threads": options.threads, "steps": len(times["binary"])}
    table = Table("contender", "median s/step", "min", "max", "over float twin", "over binary")
    for name, median in medians.items():
        ratios = [f"{median / medians[rival]:.3f}" for rival in ("float twin", "binary")]
        table.add_row(name, f"{median:.4f}", f"{min(times[name]):.4f}", f"{max(times[name]):.4f}", *ratios)
    print(versions() | facts, table)
    if options.json:
        options.json.write_text(
            json.dumps(versions() | facts | {"median_seconds": medians, "seconds": times}, indent=1)
        )


if __name__ == "__main__":
    main()
