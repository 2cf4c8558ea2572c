"""signwise reproduce: a table from data, continued by the same command, on one process or several."""

import itertools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from signwise.train.table import list_tables

Call = Callable[..., tuple[int, str, str]]
TABLE = """
- {recipe: digits/resnet8_irnet, methods: [float]}
- recipe: digits/resnet8_irnet
  objectives: [none, contrastive_teacher]
  teacher: digits/resnet8_irnet
"""
SMALL = "--epochs 2 --seeds 0 --model_options.width 4 "
SMALL += "--data.name mini --data.augment [] --data.batch_size 40 --data.holdout 0 --data.train_samples 80"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(TABLE)
    return path


def test_reproduces_and_continues(table: Path, tiny: list[str], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table.parent)
    command = ("reproduce", table, "--objectives.contrastive_teacher.negatives", "8", *tiny)
    code, out, err = call(*command)
    assert code == 0
    assert "3 runs of 1 epochs on digits, in runs/mine" in err
    assert "irnet + contrastive_teacher" in out
    data = json.loads(Path("runs/mine/compare.json").read_text())
    assert data["table"] == str(table)
    assert [cell["name"].rpartition("/")[2] for cell in data["cells"]] == [
        "float-none-s0",
        "irnet-none-s0",
        "irnet-contrastive_teacher-s0",
    ]
    monkeypatch.setattr("signwise.train.run.open_data", None)  # training again would need it
    assert json.loads(call(*command, "--json")[1])["rows"] == data["rows"]


@pytest.mark.slow
def test_two_processes_fill_one_table(table: Path, tiny: list[str]) -> None:
    out = table.parent / "out"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "signwise"]
    options = ["--objectives.contrastive_teacher.negatives", "8", *tiny, "--out", str(out), "--markdown"]
    command = [*torchrun, "reproduce", str(table), *options]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("[3/3]") == 1
    lines = first.stdout.splitlines()
    assert len(lines) == 5 and lines[0].startswith("| recipe | method |")
    assert second.stdout == first.stdout, second.stderr


@pytest.mark.slow
@pytest.mark.parametrize("table", list_tables())
def test_shipped_tables_end_to_end(table: str, tmp_path: Path, call: Call) -> None:
    noise = np.random.default_rng(0)
    for split, label, number in itertools.product(("train", "test"), range(10), range(8)):
        folder = tmp_path / "mini" / split / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / f"{number}.png")
    words = shlex.split(f"{SMALL} --data.path {tmp_path} --accelerator cpu --devices 1 --out {tmp_path / 'out'}")
    code, out, err = call("reproduce", table, *words)
    assert code == 0, err
    assert "failed" not in out
