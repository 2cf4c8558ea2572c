"""A run that is killed and resumed ends in the same weights as one that was never stopped."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from signwise.components.stage import Stage
from signwise.data import DataConfig
from signwise.methods import METHODS
from signwise.train.checkpoint import load_model
from signwise.train.folder import read_metrics
from signwise.train.recipe import load_recipe
from signwise.train.run import fit
from signwise.train.task import Task

RUN = """
import sys, torch
torch.set_num_threads(1)
from signwise.train.recipe import load_recipe
from signwise.train.run import fit
fit(load_recipe(sys.argv[1]), sys.argv[2], checkpoint_minutes=float(sys.argv[3]))
"""


class Stop(Exception):
    pass


def weights(folder):
    return load_model(folder).state_dict()


def rows_of(folder):
    return [row | {"seconds": 0} for row in read_metrics(folder)]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def check_the_same(folder):
    """The runs "whole" and "cut" in a folder ended in the same weights and told the same metrics."""
    assert same(weights(folder / "whole"), weights(folder / "cut"))
    assert rows_of(folder / "whole") == rows_of(folder / "cut")


def stop_after(epoch):
    def on_epoch(row):
        if row["epoch"] == epoch:
            raise Stop

    return on_epoch


@pytest.mark.parametrize(
    ("method", "objectives"),
    [
        ("irnet", {"contrastive_mi": {"negatives": "bank", "capacity": 64, "dim": 8, "critic": "nce"}}),
        ("rbnn", {"contrastive_mi": {"negatives": "queue", "capacity": 128, "dim": 8}}),
        ("rbonn", {"reconstruction": {"weight": 0.01}}),
    ],
)
def test_resumed_run_equals_uninterrupted_run(tmp_path, recipe, method, objectives):
    recipe = recipe.replace(method=method, objectives=objectives, epochs=4)
    fit(recipe, tmp_path / "whole", on_epoch=lambda row: None)
    with pytest.raises(Stop):  # between writing the metrics and the state of epoch 2: epoch 2 runs again
        fit(recipe, tmp_path / "cut", on_epoch=stop_after(2))
    fit(recipe, tmp_path / "cut", on_epoch=lambda row: None)
    assert all(tensor.any() for name, tensor in weights(tmp_path / "cut").items() if name.endswith(".correction"))
    check_the_same(tmp_path)
    assert [row["epoch"] for row in rows_of(tmp_path / "cut")] == [0, 1, 2, 3]


@pytest.fixture
def stop_at(monkeypatch):
    """stop_at(epoch, batch): the run stops there, before anything of that batch is computed."""

    def at(epoch, batch_idx):
        def start(task, batch, number):
            if (task.current_epoch, number) == (epoch, batch_idx):
                raise Stop
            original(task, batch, number)

        monkeypatch.setattr(Task, "on_train_batch_start", start)

    original = Task.on_train_batch_start
    return at


@pytest.mark.parametrize(
    ("method", "objectives"),
    [
        ("irnet", {"contrastive_mi": {"negatives": "bank", "capacity": 64, "dim": 8, "critic": "nce"}}),
        ("rbnn", {"contrastive_mi": {"negatives": "queue", "capacity": 128, "dim": 8}}),
        ("reactnet", {}),
        ("rbonn", {"reconstruction": {"weight": 0.01}}),
    ],
)
def test_run_resumed_in_mid_epoch_equals_uninterrupted_run(tmp_path, recipe, stop_at, method, objectives):
    recipe = recipe.replace(method=method, objectives=objectives)
    fit(recipe, tmp_path / "whole", on_epoch=lambda row: None)
    for place in ((0, 1), (0, 3), (2, 2)):
        stop_at(*place)
        with pytest.raises(Stop):
            fit(recipe, tmp_path / "cut", on_epoch=lambda row: None, checkpoint_minutes=0)
    stop_at(2, 1)  # behind the checkpoint: if it is reached, the epoch was begun again
    fit(recipe, tmp_path / "cut", on_epoch=lambda row: None)
    check_the_same(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_resumes_in_mid_epoch(tmp_path, recipe, stop_at, method):
    objectives = {name: {} for name in METHODS[method]().objectives if name != "lipschitz_retention"}  # needs a teacher
    recipe = recipe.replace(method=method, model="resnet20_tiny", objectives=objectives, epochs=2)
    fit(recipe, tmp_path / "whole", on_epoch=lambda row: None)
    for place in ((0, 2), (1, 3)):
        stop_at(*place)
        with pytest.raises(Stop):
            fit(recipe, tmp_path / "cut", on_epoch=lambda row: None, checkpoint_minutes=0)
    stop_at(1, 2)
    fit(recipe, tmp_path / "cut", on_epoch=lambda row: None)
    check_the_same(tmp_path)


def test_mid_epoch_with_a_set_on_disk_decoded_by_a_worker(tmp_path, recipe, stop_at, monkeypatch):
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 12, 10, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        path = tmp_path / "set" / ("test" if number > 31 else "train") / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    data = DataConfig("imagenet", path=str(tmp_path / "set"), image_size=8, batch_size=8, workers=1)
    recipe = recipe.replace(data=data, epochs=1)
    fit(recipe, tmp_path / "whole", on_epoch=lambda row: None)
    stop_at(0, 2)
    with pytest.raises(Stop):
        fit(recipe, tmp_path / "cut", on_epoch=lambda row: None, checkpoint_minutes=0)
    stop_at(0, 1)
    fit(recipe, tmp_path / "cut", on_epoch=lambda row: None)
    check_the_same(tmp_path)


def test_no_checkpoint_in_mid_epoch_before_it_is_due(tmp_path, recipe, stop_at):
    stop_at(1, 3)
    with pytest.raises(Stop):
        fit(recipe, tmp_path, on_epoch=lambda row: None, checkpoint_minutes=60)
    stop_at(1, 0)
    with pytest.raises(Stop):
        fit(recipe, tmp_path, on_epoch=lambda row: None)


def test_seconds_of_an_epoch_count_all_its_pieces(tmp_path, recipe, stop_at, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("signwise.train.callbacks.time.perf_counter", lambda: now[0])
    stop_at(0, 2)
    monkeypatch.setattr(Task, "training_step", tick(now, Task.training_step))
    with pytest.raises(Stop):
        fit(recipe, tmp_path, on_epoch=lambda row: None, checkpoint_minutes=0)
    now[0] = 1000.0
    stop_at(1, 0)
    with pytest.raises(Stop):
        fit(recipe, tmp_path, on_epoch=lambda row: None)
    assert [row["seconds"] for row in read_metrics(tmp_path)] == [40.0]


def tick(now, training_step):
    def step(*arguments):
        now[0] += 10
        return training_step(*arguments)

    return step


def written(folder):
    """What changes with every checkpoint."""
    return (folder / "last.ckpt").stat().st_ino if (folder / "last.ckpt").exists() else None


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [0, 5])
def test_sigkill_at_any_moment(tmp_path, recipe, minutes):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.replace(epochs=12, model="resnet20_tiny").to_yaml())
    fit(load_recipe(str(path)), tmp_path / "whole", on_epoch=lambda row: None)
    kills = 0
    for delay in (0.0, 0.03, 0.06, 0.09):
        command = [sys.executable, "-c", RUN, str(path), str(tmp_path / "cut"), str(minutes)]
        process = subprocess.Popen(command, env=os.environ)
        before = written(tmp_path / "cut")
        while process.poll() is None and written(tmp_path / "cut") == before:
            time.sleep(0.001)
        time.sleep(delay)
        kills += process.poll() is None
        process.kill()
        process.wait()
    fit(load_recipe(str(path)), tmp_path / "cut", on_epoch=lambda row: None)
    assert kills
    check_the_same(tmp_path)


def test_finished_run_is_returned_without_training(tmp_path, recipe):
    first = fit(recipe, tmp_path, on_epoch=lambda row: None)
    again = fit(recipe, tmp_path, on_epoch=stop_after(0))
    assert again.rows == first.rows
    assert again.best_accuracy >= again.accuracy


def test_seed_decides_the_weights(tmp_path, recipe):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit(recipe.replace(epochs=1, seed=seed), tmp_path / name, on_epoch=lambda row: None)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_stages_switch_what_is_binary_and_restart_the_optimizer(tmp_path, recipe, monkeypatch):
    from signwise.train import task

    seen = []
    original = task.set_stage_
    monkeypatch.setattr(task, "set_stage_", lambda model, **now: (seen.append(now), original(model, **now)))
    recipe = recipe.replace(method="reactnet", objectives={}, epochs=4)
    result = fit(recipe, tmp_path, on_epoch=lambda row: None)
    assert [now["weights"] for now in seen] == [False, False, True, True]
    assert all(now["activations"] for now in seen)
    assert result.rows[2]["lr"] == result.rows[0]["lr"] == recipe.optimizer.lr
    assert Stage(weights=False).weights is False
