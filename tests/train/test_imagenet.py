"""The ImageNet recipe on real images: ten classes of Tiny ImageNet, decoded from disk by a worker."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from signwise.train.folder import read_metrics
from signwise.train.recipe import load_recipe, override_recipe
from signwise.train.run import fit
from signwise.train.task import Task

ROOT = Path(__file__).parents[2]
HOME = Path(os.environ.get("SIGNWISE_DATA") or ROOT.parent / "shared" / "data") / "tiny_imagenet_10"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOME.is_dir(), reason=f"no {HOME}"),
]


def test_recipe_runs_and_resumes_in_mid_epoch(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "cache"))
    words = f"--data.path {HOME} --data.image_size 64 --data.train_samples 96 --data.holdout 32 --data.batch_size 16"
    recipe = override_recipe(load_recipe("imagenet/resnet18_irnet"), [*words.split(), "--epochs=2", "--data.workers=1"])
    whole = fit(recipe, tmp_path / "whole", on_epoch=lambda row: None)

    class Stop(Exception):
        pass

    def stop(task, batch, batch_idx):
        if (task.current_epoch, batch_idx) == (1, 3):
            raise Stop
        original(task, batch, batch_idx)

    original = Task.on_train_batch_start
    with monkeypatch.context() as patch:
        patch.setattr(Task, "on_train_batch_start", stop)
        with pytest.raises(Stop):
            fit(recipe, tmp_path / "cut", on_epoch=lambda row: None, checkpoint_minutes=0)
    assert len(read_metrics(tmp_path / "cut")) == 1
    cut = fit(recipe, tmp_path / "cut", on_epoch=lambda row: None)
    assert [row | {"seconds": 0} for row in cut.rows] == [row | {"seconds": 0} for row in whole.rows]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]


def test_memory_does_not_grow_with_the_set(tmp_path):
    script = ROOT / "benchmarks" / "training" / "stored_memory.py"
    words = ["--data", str(HOME), "--times", "1", "6", "--image-size", "64", "--json", str(tmp_path / "peaks.json")]
    subprocess.run([sys.executable, str(script), *words], check=True, capture_output=True)
    one, many = json.loads((tmp_path / "peaks.json").read_text())
    used, grown = (sum(row["peak_mib"][key] for key in row["peak_mib"] if "private" in key) for row in (one, many))
    decoded = (many["images"] - one["images"]) * 3 * 64 * 64 / 2**20  # MiB, were they kept
    assert grown - used < decoded / 2
