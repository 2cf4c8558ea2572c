"""signwise doctor: is this machine ready?"""

import importlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from signwise.cli.options import VerbParser
from signwise.cli.output import show, show_json

EXAMPLES = ("", "--json", "--json > machine.json", "&& signwise quickstart", "| grep BROKEN")
PACKAGES = ("torch", "lightning", "numpy", "datasets", "pyarrow", "PIL", "matplotlib", "safetensors", "sklearn", "yaml")
FLAGS = ("popcnt", "avx2", "avx512f", "avx512_vpopcntdq", "neon", "asimd")
COMPILERS = ("cc", "gcc", "clang", "cl")


@dataclass(frozen=True)
class Check:
    """One finding; ``broken`` is what keeps signwise from working, and ``advice`` then says what to do."""

    name: str
    found: str
    broken: bool = False
    advice: str = ""


def run(arguments: list[str]) -> int:
    """Look at the machine; 1 if something needed is broken."""
    VerbParser("doctor", "Check versions, processor, data and folders.", EXAMPLES).parse_args(arguments)
    checks = [*_versions(), *_processor(), *_runtime(), *_folders(), *_data()]
    if "--json" in arguments:
        show_json({"ok": not any(check.broken for check in checks), "checks": [asdict(check) for check in checks]})
    else:
        table = Table("", "check", "found")
        for check in checks:
            table.add_row("BROKEN" if check.broken else "", check.name, f"{check.found} {check.advice}".rstrip())
        show(table)
    return int(any(check.broken for check in checks))


def _versions() -> Iterator[Check]:
    import signwise

    yield Check("signwise", signwise.__version__)
    yield Check(
        "python",
        sys.version.split()[0],
        sys.version_info < (3, 11),
        "" if sys.version_info >= (3, 11) else "needs 3.11",
    )
    for package in PACKAGES:
        try:
            yield Check(package, getattr(importlib.import_module(package), "__version__", "there"))
        except Exception as error:  # a broken package may raise anything while it is imported
            yield Check(package, f"{type(error).__name__}: {error}", True, f"; install it again: pip install {package}")


def _processor() -> Iterator[Check]:
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text().split()) if cpuinfo.exists() else {platform.machine()}
    has = [flag for flag in FLAGS if flag in words] + (["neon"] if platform.machine() == "arm64" else [])
    yield Check("processor", f"{platform.machine()}, {os.cpu_count()} cores, {' '.join(has) or 'no flag of interest'}")
    try:
        import torch
    except ImportError:
        return
    yield Check("torch threads", str(torch.get_num_threads()))
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    yield Check("GPUs", ", ".join(gpus) or "none")
    compilers = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    yield Check("C compiler", ", ".join(compilers) or "none")


def _runtime() -> Iterator[Check]:
    from signwise.core.errors import TargetError
    from signwise.runtime.library import targets

    try:
        yield Check("runtime targets, best first", ", ".join(targets()))
    except TargetError as error:
        yield Check("runtime", str(error), True)


def _folders() -> Iterator[Check]:
    from signwise.data import cache

    folder = cache.folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Check(
            "cache", f"{folder}: {error.strerror}", True, f"; set {cache.ENVIRONMENT} to a folder that can be written"
        )
    else:
        yield Check("cache", f"{folder}, can be written")
    for name, place in (("disk, here", Path.cwd()), ("disk, temporary", Path(tempfile.gettempdir()))):
        yield Check(name, f"{shutil.disk_usage(place).free / 1e9:.1f} GB free")


def _data() -> Iterator[Check]:
    from signwise.core.errors import DataError
    from signwise.data.origin import ENVIRONMENT, Folder

    home = os.environ.get(ENVIRONMENT)
    yield Check("data digits", "comes with scikit-learn")
    if not home:
        yield Check("data", f"{ENVIRONMENT} is not set: other sets come from --data.path or the Hugging Face hub")
        return
    if not Path(home).is_dir():
        yield Check("data", f"{ENVIRONMENT}={home} is not a folder", True, "; set it to the parent of the data sets")
        return
    for path in sorted(path for path in Path(home).iterdir() if path.is_dir()):
        try:
            if Folder(path).has("train"):
                yield Check(f"data {path.name}", str(path))
        except DataError as error:
            yield Check(f"data {path.name}", str(error), True)
