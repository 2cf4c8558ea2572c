"""Targets against the portable kernels, under the sanitizers and, for other processors, under their emulators."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signwise.runtime.build import SOURCES
from tests.runtime.test_kernels import NEEDS, runs_here

FLAGS = ("-O3", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", f"-I{SOURCES}")
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CASES = "300"

pytestmark = pytest.mark.slow


def build(target: str, compiler: list[str], output: Path) -> Path:
    sources = [Path(__file__).parent / "agree.c", SOURCES / "scalar.c", SOURCES / f"{target}.c"]
    subprocess.run([*compiler, *FLAGS, f"-DTARGET=sw_{target}", *map(str, sources), "-o", str(output)], check=True)
    return output


def zig(triple: str) -> list[str]:
    if not importlib.util.find_spec("ziglang"):
        pytest.skip("needs ziglang, a compiler for every processor")
    return [sys.executable, "-m", "ziglang", "cc", "-target", triple]


def agrees(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CASES} cases, 0 differ" in done.stdout


@pytest.mark.parametrize("target", [target for target in NEEDS if target != "scalar" and runs_here(target)])
def test_native_under_sanitizers(target: str, tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("needs gcc and its sanitizers")
    agrees([str(build(target, ["gcc", *SANITIZERS], tmp_path / "agree")), CASES])


def test_neon_under_qemu(tmp_path: Path) -> None:
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not emulator:
        pytest.skip("needs qemu-user-static")
    agrees([emulator, str(build("neon", zig("aarch64-linux-musl"), tmp_path / "agree")), CASES])


@pytest.mark.parametrize("relaxed", [[], ["-mrelaxed-simd"]], ids=["plain", "relaxed"])
def test_wasm_under_wasmtime(relaxed: list[str], tmp_path: Path) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    module = build("wasm", [*zig("wasm32-wasi"), "-msimd128", *relaxed], tmp_path / "agree.wasm")
    config, output = wasmtime.WasiConfig(), tmp_path / "output"
    config.argv, config.stdout_file = ["agree", CASES], str(output)
    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    store.set_wasi(config)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, str(module)))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as end:
        assert end.code == 0, output.read_text()
    assert f"{CASES} cases, 0 differ" in output.read_text()
