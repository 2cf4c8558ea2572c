"""The runtime as a WebAssembly module, with the SIMD that every browser has had since 2023."""

import hashlib
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from signwise.core.errors import TargetError
from signwise.runtime.build import SOURCES
from signwise.runtime.library import cache_folder

EXPORTS = (
    *("sw_message", "sw_open", "sw_input", "sw_output", "sw_measure", "sw_prepare", "sw_net_target", "sw_start"),
    *("sw_run", "__heap_base"),
)
FLAGS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c11", "-O3", "-msimd128", "-ffp-contract=off", "-s"),
    *("-DSW_NO_THREADS", "-DSW_WASM"),
    *(f"-Wl,--export={name}" for name in EXPORTS),
)
NOT_HERE = {"clock", "avx2", "avx512", "sse", "neon"}  # other processors' kernels, and what needs a system


@cache
def wasm_module() -> bytes:
    """The module, which imports nothing; compiled once, then kept in the folder that holds the native runtime.

    Errors: TargetError where ziglang is missing or fails.
    """
    path = cache_folder() / _name()
    if not path.is_file():
        _build(path)
    return path.read_bytes()


def _name() -> str:
    digest = hashlib.sha256(repr(FLAGS).encode())
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"signwise-{digest.hexdigest()[:16]}.wasm"


def _build(path: Path) -> None:
    """Whole or not at all."""
    if not importlib.util.find_spec("ziglang"):
        raise TargetError(
            "no compiler for WebAssembly: the package ziglang is not installed. Run `pip install ziglang`, then again"
        )
    sources = [str(source) for source in sorted(SOURCES.glob("*.c")) if source.stem not in NOT_HERE]
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *sources, "-o", path.name]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as work:
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
            if done.returncode:
                raise TargetError(f"ziglang failed: {shlex.join(command)}\n{done.stderr.strip()[-2000:]}")
            os.replace(Path(work) / path.name, path)
    except OSError as error:
        raise TargetError(
            f"cannot build the module in {path.parent}: {error.strerror}. "
            "Set SIGNWISE_CACHE to a folder you can write to"
        ) from None
