"""Rules of the house that no linter checks: import weight, file sizes, docs that agree with the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from signwise.core import errors

ROOT = Path(__file__).parents[1]
SIZE_GATE = ROOT / ".ci" / "size-gate"


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)


def test_import_brings_in_no_lightning_and_does_not_initialise_cuda() -> None:
    program = (
        "import sys, signwise, torch\n"
        "heavy = {'lightning', 'pytorch_lightning', 'lightning_fabric', 'tensorboard', 'matplotlib', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)), torch.cuda.is_initialized())"
    )
    result = run(sys.executable, "-c", program)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[] False"


def test_no_source_file_is_longer_than_400_lines() -> None:
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "src/*.py").stdout.splitlines()
    lengths = {name: len((ROOT / name).read_text().splitlines()) for name in files if (ROOT / name).exists()}
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_tracked_file_is_over_the_size_limit() -> None:
    result = run("bash", SIZE_GATE)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("size", "passes"), [(350_000, True), (350_001, False)])
def test_size_gate_stops_a_large_file(tmp_path: Path, size: int, passes: bool) -> None:
    (tmp_path / "a large file.bin").write_bytes(bytes(size))
    run("git", "init", "--quiet", cwd=tmp_path)
    run("git", "add", ".", cwd=tmp_path)
    result = run("bash", SIZE_GATE, cwd=tmp_path)
    assert (result.returncode == 0) is passes
    assert ("a large file.bin has 350001 bytes; allowed: 350000" in result.stderr) is not passes


def test_table_of_errors_is_what_the_code_raises() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not errors.SignwiseError]
    rows = [f"| {kind.code} | `{kind.__name__}` | {kind.__doc__} |" for kind in kinds]
    text = (ROOT / "docs" / "conventions.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("| SW")] == rows


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_python_in_the_docs_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for snippet in re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE):
        exec(compile(snippet, str(page), "exec"), {})
