"""A run that takes a second, shared by the tests of the verbs."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.cli.main import main

TINY = shlex.split("--model_options.width 2 --epochs 1 --data.batch_size 256 --accelerator cpu --devices 1")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line; gives exit code, stdout and stderr."""

    def run(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def call_json(call: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, Any]]:
    """Run the command line with --json; gives exit code and what stdout, as one JSON document, holds."""

    def run(*arguments: Any) -> tuple[int, Any]:
        code, out, _ = call(*arguments, "--json")
        return code, json.loads(out)

    return run


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Recipe and machine options that make a run of digits/resnet8_irnet as small as it gets."""
    return TINY


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished tiny run."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", "digits/resnet8_irnet", *TINY, "--out", str(folder), "--json"]) == 0
    return folder
