"""Compiles the C sources beside this file into a shared library. Standard library only: setup.py uses it too."""

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from signwise.core.errors import TargetError

SOURCES = Path(__file__).resolve().parent / "csrc"
FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-DSW_SHARED", "-pthread")
# Instruction sets, each in a source of its name, and the processors they are built for.
TARGETS = {"avx512": "x86_64", "avx2": "x86_64", "sse": "x86_64", "neon": "aarch64", "wasm": "wasm32"}


def machine() -> str:
    """x86_64, aarch64 or another name of this processor's family."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


@cache
def library_name() -> str:
    """The library's file name. It holds a digest of the sources, so an old library is never taken for a new one."""
    digest = hashlib.sha256(repr((FLAGS, TARGETS)).encode())
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    suffix = {"win32": "dll", "darwin": "dylib"}.get(sys.platform, "so")
    return f"signwise-{sys.platform}-{machine()}-{digest.hexdigest()[:16]}.{suffix}"


def compiler() -> list[str]:
    """The command of a C compiler: $CC, the system's, or ziglang's. Errors: TargetError where there is none."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    if importlib.util.find_spec("ziglang"):
        system = {"win32": "windows-gnu", "darwin": "macos"}.get(sys.platform, "linux-gnu.2.17")
        return [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine()}-{system}"]
    raise TargetError(
        "no C compiler: $CC is not set, and cc, gcc and clang are not on PATH. Install one, or `pip install ziglang`, "
        "or install a wheel of signwise, which holds the library ready-made"
    )


def build(folder: Path) -> Path:
    """Compile the library into ``folder``, whole or not at all. Errors: TargetError with the compiler's words."""
    output = folder / library_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            _run([*compiler(), *FLAGS, *inputs(), "-shared", "-o", output.name], work)
            os.replace(Path(work) / output.name, output)
    except OSError as error:
        raise TargetError(
            f"cannot build the runtime in {folder}: {error.strerror}. Set SIGNWISE_CACHE to a folder you can write to"
        ) from None
    return output


def inputs(targets: bool = True) -> list[str]:
    """Arguments of the compiler: the sources, and which instruction sets they hold; only the portable one if not."""
    here = [name for name, family in TARGETS.items() if targets and family == machine()]
    sources = [path for path in sorted(SOURCES.glob("*.c")) if path.stem in here or path.stem not in TARGETS]
    held = [f"-DSW_{path.stem.upper()}" for path in sources if path.stem in here]
    return [f"-I{SOURCES}", *held, *map(str, sources)]


def _run(command: list[str], work: str) -> None:
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise TargetError(f"the C compiler {command[0]!r} is not here; set CC to one that is") from None
    if done.returncode:
        raise TargetError(f"the C compiler failed: {shlex.join(command)}\n{done.stderr.strip()[-2000:]}")
