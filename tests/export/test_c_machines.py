"""Exported C on other processors, under their emulators: the same integers as the interpreter everywhere.

docs/deploy.md has the packages that these tests need and the commands they run.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from signwise.compiler.ir import Graph
from signwise.compiler.plan import write
from signwise.runtime.build import SOURCES, TARGETS
from tests.export.c_machine import (
    FLAGS,
    HOSTED,
    PROGRAM,
    assert_same,
    compiled,
    network,
    results,
    small_numbers,
    write_sources,
)
from tests.runtime.plans import every_op

BARE = Path(__file__).parent / "cortex_m"
CORTEX_M4 = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
SMALL = ("-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-nostdlib")
BOARD = ("-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none", "-chardev", "stdio,id=out")
SEMIHOSTING = ("-semihosting-config", "enable=on,target=native,chardev=out")

pytestmark = pytest.mark.slow


def tool(*names: str) -> str:
    """The first that is here."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"needs {' or '.join(names)}")


def cross_compiler(processor: str) -> list[str]:
    """Debian's, where the C library for it is here too, or ziglang."""
    found, library = shutil.which(f"{processor}-linux-gnu-gcc"), Path(f"/usr/{processor}-linux-gnu/include/stdio.h")
    if found and library.is_file():
        return [found]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-target", f"{processor}-linux-musl"]
    pytest.skip(f"needs {processor}-linux-gnu-gcc and its C library, or the package ziglang")


@pytest.fixture(params=["every operation", "resnet8", "reactnet"])
def case(request):
    """A network, images, and whether real convolutions of any numbers are in it."""
    if request.param == "every operation":
        graph = every_op()
        return graph, small_numbers(graph, 3), False
    model = ("resnet8", "irnet") if request.param == "resnet8" else ("resnet20_tiny", "reactnet")
    return *network(*model), True


def assert_agrees(program: list[str], case: tuple[Graph, np.ndarray, bool]) -> None:
    graph, images, near = case
    assert_same(results(program, graph, len(images)), graph, images, near)


@pytest.mark.parametrize("processor", ["aarch64", "riscv64"])
def test_under_qemu(processor, case, tmp_path):
    emulator = tool(f"qemu-{processor}-static", f"qemu-{processor}")
    sources = write_sources(*case[:2], tmp_path)
    compiler = [*cross_compiler(processor), *FLAGS, "-O2", "-static"]
    assert_agrees([emulator, str(compiled(compiler, [*sources, *HOSTED], tmp_path))], case)


def test_the_whole_runtime_with_neon_under_qemu(case, tmp_path):
    """What a machine with vector units does better: the file itself, through signwise.h."""
    emulator = tool("qemu-aarch64-static", "qemu-aarch64")
    graph, images, _ = case
    write_sources(graph, images, tmp_path)
    plan = ", ".join(map(str, write(graph)))
    (tmp_path / "network.h").write_text(f"static const _Alignas(64) uint8_t plan[] = {{{plan}}};\n")
    others = TARGETS.keys() - {"neon"}
    runtime = [path for path in sorted(SOURCES.glob("*.c")) if path.stem not in others | {"clock"}]
    compiler = [*cross_compiler("aarch64"), "-std=c11", "-O2", "-ffp-contract=off", "-static", f"-I{SOURCES}"]
    options = ["-DSW_NEON", "-DSW_NO_THREADS", '-DTARGET="neon"']
    sources = [PROGRAM / "file.c", *HOSTED, *runtime]
    assert_agrees([emulator, str(compiled([*compiler, *options], sources, tmp_path))], case)


def test_on_a_cortex_m4(case, tmp_path):
    emulator, compiler = tool("qemu-system-arm"), tool("arm-none-eabi-gcc")
    sources = [*write_sources(*case[:2], tmp_path), PROGRAM / "main.c", BARE / "startup.c"]
    script = f"-Wl,-T,{BARE / 'mps2.ld'}"
    program = compiled([compiler, *FLAGS, *CORTEX_M4, *SMALL, script], [*sources, "-lgcc"], tmp_path)
    assert_agrees([emulator, *BOARD, *SEMIHOSTING, "-kernel", str(program)], case)
