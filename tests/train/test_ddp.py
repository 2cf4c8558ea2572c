"""Two processes train as one does with the same global batch, negatives included, and resume as one does."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from signwise.data import open_data
from signwise.objectives import ContrastiveMI, Setting
from signwise.train.build import build_model
from signwise.train.folder import read_metrics
from signwise.train.task import Task

SCRIPT = """
import os
import signal
import sys
import torch
from torch import nn
from signwise import binarize_
from signwise.train.recipe import load_recipe
from signwise.train.run import fit
from signwise.train.task import Task


class Killed(Task):
    def on_train_batch_start(self, batch, batch_idx):
        if (self.current_epoch, batch_idx) == (1, 2):
            os.kill(os.getpid(), signal.SIGKILL)
        super().on_train_batch_start(batch, batch_idx)


if sys.argv[3:] == ["killed"]:
    fit.__globals__["Task"] = Killed
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)  # in single precision the order of sums decides signs, and a tolerance hides it
torch.manual_seed(0)
# No batch norm: its statistics are per process.
layers = [nn.Flatten(), nn.Linear(64, 32), nn.LayerNorm(32), nn.Linear(32, 32), nn.LayerNorm(32), nn.Linear(32, 10)]
model = nn.Sequential(*layers)
binarize_(model, "irnet")
quiet = dict(on_epoch=lambda row: None, checkpoint_minutes=0)
fit(load_recipe(sys.argv[1]), sys.argv[2], model=model, accelerator="cpu", **quiet)
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


@pytest.fixture
def script(tmp_path, recipe):
    """script(launcher, folder, ...): trains an MLP in tmp_path / folder; returns the exit status."""
    objectives = {"contrastive_mi": {"negatives": "queue", "capacity": 128, "dim": 8, "critic": "nce"}}
    (tmp_path / "recipe.yaml").write_text(recipe.replace(objectives=objectives, epochs=2).to_yaml())
    (tmp_path / "script.py").write_text(SCRIPT)

    def run(launcher, folder, *words):
        command = [*launcher, str(tmp_path / "script.py"), str(tmp_path / "recipe.yaml"), str(tmp_path / folder)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run([*command, *words], capture_output=True, text=True, env=environment)
        assert words or done.returncode == 0, done.stderr
        return done.returncode

    return run


def state(folder):
    return torch.load(folder / "last.ckpt", weights_only=False)["state_dict"]


def test_two_processes_equal_one(tmp_path, script):
    script([sys.executable], "one")
    script(TORCHRUN, "two")
    one, two = state(tmp_path / "one"), state(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        if "memory" not in name:  # the queue holds the same rows in another order
            torch.testing.assert_close(
                two[name], value, rtol=1e-9, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}"
            )
    for key in ("label", "index"):
        name = f"objectives.contrastive_mi.memory.{key}"
        assert torch.equal(one[name].sort().values, two[name].sort().values)


@pytest.mark.slow
def test_two_processes_resume_in_mid_epoch(tmp_path, script):
    script(TORCHRUN, "whole")
    assert script(TORCHRUN, "cut", "killed") != 0
    loops = torch.load(tmp_path / "cut" / "last.ckpt", weights_only=False)["loops"]
    assert loops["fit_loop"]["epoch_loop.batch_progress"]["current"]["processed"] == 2
    script(TORCHRUN, "cut")
    whole, cut = state(tmp_path / "whole"), state(tmp_path / "cut")
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    rows = [[row | {"seconds": 0} for row in read_metrics(tmp_path / name)] for name in ("whole", "cut")]
    assert rows[0] == rows[1]


STOP = """
import os, sys
import torch
from torch import nn
from signwise.core.errors import TrainingError
from signwise.train.recipe import load_recipe
from signwise.train.run import fit

class BadOnOneRank(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x):
        return self.layer(x.flatten(1)) * (float("nan") if self.training and os.environ["RANK"] == "1" else 1.0)

for name in ("first", "second"):
    try:
        fit(load_recipe(sys.argv[1]), sys.argv[2] + name, model=BadOnOneRank(), accelerator="cpu")
    except TrainingError as error:
        print(name, str(error)[:6], flush=True)
"""


@pytest.mark.slow
def test_a_loss_that_one_rank_loses_stops_all(tmp_path, recipe):
    (tmp_path / "recipe.yaml").write_text(recipe.replace(objectives={}, binary=False).to_yaml())
    (tmp_path / "script.py").write_text(STOP)
    command = [*TORCHRUN, str(tmp_path / "script.py"), str(tmp_path / "recipe.yaml"), str(tmp_path / "out-")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert [done.stdout.count(f"{name} SW303:") for name in ("first", "second")] == [2, 2], done.stdout


@pytest.mark.parametrize("negatives", ["queue", "bank"])
def test_stored_embeddings_are_not_sent_at_every_step(recipe, tmp_path, negatives):
    source = open_data(recipe.data)
    objective = ContrastiveMI(negatives=negatives, capacity=16)
    task = Task(build_model(recipe, source), recipe, source, {"contrastive_mi": objective})
    objective.attach(task.model, Setting(torch.zeros(2, 1, 8, 8), 256, 10))  # as in training, after the task was made
    torch.distributed.init_process_group("gloo", f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        sent = {id(buffer) for buffer in DistributedDataParallel(task).modules_buffers}
    finally:
        torch.distributed.destroy_process_group()
    assert not sent & {id(buffer) for buffer in objective.memory.buffers()}
    others = [buffer for name, buffer in task.named_buffers() if ".memory." not in name]
    assert others and sent == {id(buffer) for buffer in others}
