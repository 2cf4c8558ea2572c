"""The entry point: light, and clear about what went wrong."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import pytest

from signwise.cli.main import VERBS, main

Call = Callable[..., tuple[int, str, str]]


def test_import_and_help_bring_in_no_torch() -> None:
    program = (
        "import sys\nfrom signwise.cli.main import main\n"
        "codes = [main(['--help'])] + [main([verb, '--help']) for verb in sys.argv[1:]]\n"
        "print(codes, 'torch' in sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program, *VERBS], capture_output=True, text=True, check=False)
    assert result.stderr.strip() == f"{[0] * (len(VERBS) + 1)} False"


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_ends_in_five_lines_to_copy(verb: str, call: Call) -> None:
    code, out, _ = call(verb, "--help")
    lines = out.partition("examples:\n")[2].rstrip().splitlines()
    assert code == 0
    assert len(lines) == len(import_module(f"signwise.cli.{verb}").EXAMPLES) == 5
    assert all(line.startswith(f"  signwise {verb}") for line in lines)


def test_help_and_version(call: Call) -> None:
    for arguments in ([], ["--help"], ["help"]):
        code, out, _ = call(*arguments)
        assert code == 0
        assert all(verb in out for verb in VERBS)
    assert call("--version")[:2] == (0, "0.1.0\n")


def test_unknown_verb(call: Call) -> None:
    code, out, err = call("trian")
    assert (code, out) == (2, "")
    assert err.startswith("SW101: unknown verb 'trian'; did you mean 'train'? Known: bench, compare, compile, describe")


def test_errors_as_json(call: Call) -> None:
    code, out, err = call("train", "digits/resnet8_irnett", "--json")
    error = json.loads(out)
    assert (code, err, error["error"]) == (2, "", "SW101")
    assert error["message"].startswith(
        "SW101: unknown recipe 'digits/resnet8_irnett'; did you mean 'digits/resnet8_irnet'"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["train"], "SW102: signwise train: the following arguments are required: recipe; see signwise train --help"),
        (["train", "--epochs", "3"], "SW102: signwise train: found '--epochs' first; the recipe's name comes first"),
        (["train", "digits/resnet8_irnet", "--epohs", "3"], "SW102: recipe has no key 'epohs'; did you mean 'epochs'?"),
        (
            ["train", "digits/resnet8_irnet", "--data.pth", "x"],
            "SW102: recipe.data has no key 'pth'; did you mean 'path'",
        ),
        (["train", "digits/resnet8_irnet", "--threads", "0"], "SW102: --threads 0; allowed: 1 or more"),
        (
            ["train", "digits/resnet8_irnet", "--num-nodes", "x"],
            "SW102: signwise train: argument --num-nodes: invalid int",
        ),
        (["eval", "nowhere"], "SW301: no model.json in nowhere; expected the folder of a finished training run"),
        (["list", "methds"], "SW101: list: unknown kind 'methds'; did you mean 'methods' or 'models'?"),
        (["list", "methods", "irnett"], "SW101: no methods match 'irnett'; did you mean 'irnet' or"),
        (["describe", "resnet200"], "SW101: 'resnet200' is no recipe, model or finished run folder; did you mean"),
    ],
)
def test_error_texts(arguments: list[str], text: str, call: Call) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(text)
    assert "Traceback" not in err


def test_ctrl_c_says_how_to_go_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("signwise.cli.list.run", interrupted)
    code, _, err = call("list", "methods")
    assert code == 130
    assert err.strip() == "interrupted; what is complete is kept. The same command continues from there."


def test_python_m_signwise() -> None:
    done = subprocess.run([sys.executable, "-m", "signwise", "lst"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("SW101: unknown verb 'lst'; did you mean 'list'")


def test_default_arguments_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["signwise", "--version"])
    assert main() == 0
