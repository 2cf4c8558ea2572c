"""One process, two processes and two nodes at the same global batch: images/s, bytes between processes, equality.

    python benchmarks/training/scale_out.py digits/resnet8_irnet_cmim [--double] [--json FILE] [--seed 1 ...]

Each run is `fit` in its own `torchrun` on this machine (gloo, one thread a process), of the named recipe with its
options; the two nodes are two `torchrun` commands that meet at a port. Batch norms are exchanged for group norms of one
group, because batch statistics are per process and would hide what is compared: the weights, after one step and after
the last. In single precision rounding turns signs over and the runs part; with --double they stay together. Bytes are
those that a process hands to collective operations in one step, counted where PyTorch dispatches them.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich import print
from rich.table import Table
from torch import Tensor, nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from signwise.data import open_data
from signwise.train import run
from signwise.train.build import build_model
from signwise.train.recipe import Recipe, load_recipe, override_recipe
from signwise.train.task import Task

COUNTED = 2  #: the step whose traffic is counted
RUNS = {"1 process": (1, 1), "2 processes": (1, 2), "2 nodes": (2, 1)}


class Traffic(TorchDispatchMode):
    """Counts the bytes of collective operations, DDP's own included."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "c10d" and func is not torch.ops.c10d.barrier.default:
            # of an all_gather, the second argument is what this process contributes
            sent = args[1] if "gather" in func.__name__ else args[0]
            tensors = [leaf for leaf in _pytree.tree_leaves(sent) if isinstance(leaf, Tensor)]
            self.bytes[func.__name__.split(".")[0]] += sum(tensor.nbytes for tensor in tensors)
        return func(*args, **(kwargs or {}))


class Watched(Task):
    """The training task, with a clock, a counter and copies of the weights."""

    steps = 0  #: after which the run has shown enough
    out = Path()

    def on_train_start(self) -> None:
        self.traffic = Traffic()
        self.starts: list[float] = []
        self.weights: dict[str, dict[str, Tensor]] = {}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.starts.append(time.perf_counter())
        if self.global_step == COUNTED:
            self.traffic.__enter__()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.global_step == COUNTED + 1:
            self.traffic.__exit__(None, None, None)
        if self.global_step in (1, self.steps):
            self.weights[str(self.global_step)] = {name: p.detach().clone() for name, p in self.named_parameters()}
        if self.global_step == self.steps:
            self.trainer.should_stop = True

    def on_train_end(self) -> None:
        gaps = [after - before for before, after in pairwise(self.starts[COUNTED + 1 :])]
        if self.trainer.is_global_zero:
            facts = {
                "seconds_a_step": statistics.median(gaps),
                "bytes": dict(self.traffic.bytes),
                "parameter_bytes": sum(p.nbytes for p in self.parameters() if p.requires_grad),
                "weights": self.weights,
            }
            torch.save(facts, self.out)


def group_normed(module: nn.Module) -> nn.Module:
    """The module with every batch norm exchanged for a group norm of one group."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(1, child.num_features))
        group_normed(child)
    return module


def work(recipe: Recipe, out: Path, steps: int, double: bool) -> None:
    """What every process of a run does."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64 if double else torch.float32)
    Watched.steps, Watched.out = steps, out
    run.Task = Watched
    model = group_normed(build_model(recipe, open_data(recipe.data)))
    run.fit(recipe, out.with_suffix(".run"), model=model, accelerator="cpu", on_epoch=lambda row: None)


def launch(words: list[str], out: Path, nodes: int, processes: int) -> dict[str, Any]:
    """Run `work` under torchrun, one command a node, and read what it wrote."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={nodes}", f"--nproc-per-node={processes}"]
    meet = ["--master-addr=localhost", f"--master-port={port}"]
    commands = [[*torchrun, f"--node-rank={node}", *meet, __file__, *words, "--out", str(out)] for node in range(nodes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in started:
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(errors)
    return torch.load(out)


def difference(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The largest difference of two sets of weights."""
    return max((a[name] - b[name]).abs().max().item() for name in a)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--steps", type=int, default=20, help="at least 5")
    parser.add_argument("--double", action="store_true", help="double precision, for equality")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options, overrides = parser.parse_known_args()
    recipe = override_recipe(load_recipe(options.recipe), overrides)
    if options.out:
        work(recipe, options.out, options.steps, options.double)
        return
    words = [options.recipe, f"--steps={options.steps}", *overrides, *(["--double"] if options.double else [])]
    with tempfile.TemporaryDirectory() as home:
        facts = {name: launch(words, Path(home) / name.replace(" ", "-"), *shape) for name, shape in RUNS.items()}
    one = facts["1 process"]["weights"]
    table = Table("run", "ms/step", "images/s", "after 1 step", f"after {options.steps}", "bytes a step and process")
    for name, fact in facts.items():
        seconds = fact["seconds_a_step"]
        fact["difference"] = {step: difference(one[step], weights) for step, weights in fact.pop("weights").items()}
        differences = (f"{value:.1e}" for value in fact["difference"].values())
        sent = ", ".join(f"{operation} {count:,}" for operation, count in fact["bytes"].items()) or "none"
        table.add_row(name, f"{1e3 * seconds:.1f}", f"{recipe.data.batch_size / seconds:.0f}", *differences, sent)
    print(table, f"parameters that learn: {facts['1 process']['parameter_bytes']:,} bytes")
    if options.json:
        options.json.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
