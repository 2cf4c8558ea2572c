"""Bad input ends in an error that names the value, what is allowed and what to do; nothing is lost."""

import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from signwise.core.errors import CheckpointError, ConfigError, RunFolderError, TrainingError, UnknownName
from signwise.objectives import Objective
from signwise.train.build import build_objectives
from signwise.train.checkpoint import load_model, save_model
from signwise.train.folder import RunFolder
from signwise.train.run import fit


def quiet(row):
    pass


def test_unknown_names(tmp_path, recipe):
    with pytest.raises(UnknownName, match="unknown method 'irnett'; did you mean 'irnet'"):
        fit(recipe.replace(method="irnett"), tmp_path / "a", on_epoch=quiet)
    with pytest.raises(UnknownName, match="unknown model 'resnet21'; did you mean"):
        fit(recipe.replace(model="resnet21"), tmp_path / "b", on_epoch=quiet)
    with pytest.raises(UnknownName, match="unknown objective 'contrastive_m'; did you mean 'contrastive_mi'"):
        fit(recipe.replace(objectives={"contrastive_m": {}}), tmp_path / "c", on_epoch=quiet)
    with pytest.raises(ConfigError, match="objective 'contrastive_mi' has no option 'wight'; did you mean 'weight'"):
        fit(recipe.replace(objectives={"contrastive_mi": {"wight": 1}}), tmp_path / "d", on_epoch=quiet)
    with pytest.raises(ConfigError, match="method 'irnet' has no option 't_mn'; did you mean 't_min'"):
        fit(recipe.replace(method_options={"t_mn": 1}), tmp_path / "e", on_epoch=quiet)


def test_teacher_is_asked_for(recipe):
    with pytest.raises(
        ConfigError, match="objective 'distillation' needs a teacher: the folder of a finished training run"
    ):
        build_objectives(recipe.replace(objectives={"distillation": {}}))


class Explode(Objective):
    """A loss that turns to NaN in its n-th step."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def attach(self, model, setting):
        pass

    def forward(self, step):
        self.left -= 1
        return step.logits.sum() * (float("nan") if self.left < 0 else 0.0)


def test_nan_loss_stops_and_keeps_the_last_good_state(tmp_path, recipe):
    with pytest.raises(TrainingError, match=r"SW303: the loss is not finite since step 6 \(epoch 1\)"):
        fit(recipe, tmp_path, objectives={"explode": Explode(6)}, on_epoch=quiet)
    state = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert state["epoch"] == 0 and state["global_step"] == 4
    assert all(torch.isfinite(value).all() for value in state["state_dict"].values())
    assert not (tmp_path / "model.json").exists()


def test_truncated_training_state(tmp_path, recipe):
    with pytest.raises(TrainingError):
        fit(recipe.replace(objectives={}), tmp_path, objectives={"explode": Explode(6)}, on_epoch=quiet)
    path = tmp_path / "last.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(
        CheckpointError, match=r"SW301: cannot resume from .*last.ckpt.*remove it to start this run again"
    ):
        fit(recipe.replace(objectives={}), tmp_path, on_epoch=quiet)
    assert path.stat().st_size == 1000


def test_truncated_damaged_and_missing_model(tmp_path, recipe):
    with pytest.raises(CheckpointError, match=r"no model.json in .*expected the folder of a finished training run"):
        load_model(tmp_path)
    fit(recipe.replace(epochs=1), tmp_path / "run", on_epoch=quiet)
    weights = tmp_path / "run" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"model.safetensors is truncated or not a safetensors file"):
        load_model(tmp_path / "run")
    weights.write_bytes(whole)
    config = json.loads((tmp_path / "run" / "model.json").read_text())
    config["model"]["num_classes"] = 7
    (tmp_path / "run" / "model.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"does not fit the model: .* is \(10.*the model has \(7"):
        load_model(tmp_path / "run")
    (tmp_path / "run" / "model.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not readable JSON"):
        load_model(tmp_path / "run")
    (tmp_path / "run" / "model.json").write_text('{"format": 99}')
    with pytest.raises(CheckpointError, match="has format 99; this version reads format 1"):
        load_model(tmp_path / "run")


def test_start_from_a_model_with_other_classes(tmp_path, recipe):
    fit(recipe.replace(epochs=1, binary=False, objectives={}), tmp_path / "teacher", on_epoch=quiet)
    good = recipe.replace(epochs=1, init_from=str(tmp_path / "teacher"))
    fit(good, tmp_path / "student", on_epoch=quiet)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        fit(good.replace(model="resnet20_tiny"), tmp_path / "other", on_epoch=quiet)


def test_custom_model_needs_to_be_given_again(tmp_path):
    from signwise import binarize_

    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    binarize_(model, "irnet")
    save_model(model, tmp_path)
    with pytest.raises(CheckpointError, match="holds a model of your own; rebuild it and pass it"):
        load_model(tmp_path)
    fresh = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    x = torch.randn(3, 4)
    assert torch.equal(load_model(tmp_path, fresh)(x), model.eval()(x))


@pytest.mark.parametrize("minutes", [-1, float("nan")])
def test_checkpoints_at_no_time(tmp_path, recipe, minutes):
    with pytest.raises(ConfigError, match=rf"SW102: checkpoint_minutes={minutes}; allowed: 0 or more$"):
        fit(recipe, tmp_path, checkpoint_minutes=minutes)


def test_unwritable_folder(tmp_path, recipe):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"SW302: cannot write to run folder .*choose another --out"):
        fit(recipe, tmp_path / "file" / "run", on_epoch=quiet)


def test_full_disk_while_writing(tmp_path, recipe, monkeypatch):
    from signwise.train import callbacks

    def no_space(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(callbacks, "write_atomically", no_space)
    with pytest.raises(RunFolderError, match=r"No space left on device. Files already there are kept"):
        fit(recipe, tmp_path, on_epoch=quiet)


def test_two_runs_on_one_folder(tmp_path, recipe):
    holder = "import sys, time; from signwise.train.folder import RunFolder\n"
    holder += "with RunFolder(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match="is in use by another run; allowed: one run a folder"):
            fit(recipe, tmp_path, on_epoch=quiet)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with RunFolder(tmp_path):  # a killed holder leaves no lock behind
        pass


def test_notes_do_not_make_another_recipe(tmp_path, recipe):
    with RunFolder(tmp_path) as folder:
        folder.claim(recipe.replace(published="86.5 %"))
        folder.claim(recipe.replace(reproduced="86.1 %"))


def test_folder_of_another_recipe(tmp_path, recipe):
    fit(recipe.replace(epochs=1), tmp_path, on_epoch=quiet)
    with pytest.raises(RunFolderError, match=r"belongs to a different recipe: epochs \(1 there, 2 here\)"):
        fit(recipe.replace(epochs=2), tmp_path, on_epoch=quiet)
    (tmp_path / "recipe.yaml").write_text("nonsense: 1\n")
    with pytest.raises(RunFolderError, match=r"holds an unreadable recipe.yaml"):
        fit(recipe, tmp_path, on_epoch=quiet)
