"""signwise export c."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signwise.compiler.plan import write
from signwise.compiler.text import parse

Call = Callable[..., tuple[int, str, str]]
CallJson = Callable[..., tuple[int, Any]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.swn"
    path.write_bytes(write(parse("input %x: real[1,1,3]@0\n%s: sign[1,1,3]@1 = map(%x)\nreturn %s")))
    return path


def test_exports_c(file: Path, tmp_path: Path, call: Call, call_json: CallJson) -> None:
    folder = tmp_path / "out"
    files = [str(folder / name) for name in ("edge.h", "edge.c", "signwise_runtime.h", "signwise_runtime.c")]
    # Constants: a threshold, the bit of a channel that is compared from above, two tables of one place.
    facts = {"files": files, "constant_bytes": 4 + 8 + 4 + 4, "memory_bytes": 256 + 192 + 384}
    assert call_json("export", "c", file, folder, "--name", "edge") == (0, facts)
    assert all(Path(path).is_file() for path in files)
    code, out, _ = call("export", "c", file, folder, "--name", "edge")
    assert (code, out.splitlines()) == (0, [*files, "constants 20 bytes, static memory 832 bytes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["c", "FILE", "FILE"], "SW402: cannot make the folder FILE: File exists; give one that"),
        (["c", "HERE/absent.swn", "HERE/out"], "SW402: cannot read HERE/absent.swn: No such file or directory"),
        (["c", "HERE/text", "HERE/out"], "SW402: this is not a .swn file: it starts with"),
        (["c", "FILE", "HERE/out", "--name", "1st"], "SW102: the network's name in C is '1st'; allowed: a letter,"),
        (["onnx", "FILE", "HERE/out", "--name", "x"], "SW102: --name x with onnx; allowed with c only"),
        (["rust", "FILE", "HERE/out"], "SW102: signwise export: argument form: invalid choice: 'rust'"),
    ],
)
def test_what_is_refused(arguments: list[str], said: str, file: Path, tmp_path: Path, call: Call) -> None:
    def here(text: str) -> str:
        return text.replace("FILE", str(file)).replace("HERE", str(tmp_path))

    (tmp_path / "text").write_text("not a network, though as long as the header of one is: sixty-four bytes")
    code, _, error = call("export", *map(here, arguments))
    assert code == 2
    assert here(said) in error
    assert not (tmp_path / "out").exists()
