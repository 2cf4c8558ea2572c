import ctypes
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from signwise.core.errors import TargetError
from signwise.runtime import build as building
from signwise.runtime import library as libraries

MINIMAL = {
    "core.c": """
int hidden(void) { return 0; }
__attribute__((visibility("default"))) int targets(void) {
#ifdef SW_AVX2
    extern int part(void);
    return part();
#endif
    return 0;
}
""",
    "avx2.c": "int part(void) { return 2; }\n",
    "neon.c": "#error built for another machine\n",
}


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A source folder of three files, as on x86-64."""
    folder = tmp_path / "csrc"
    folder.mkdir()
    for name, text in MINIMAL.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(building, "SOURCES", folder)
    monkeypatch.setattr(building, "machine", lambda: "x86_64")
    building.library_name.cache_clear()
    yield folder
    building.library_name.cache_clear()


@pytest.fixture
def real():
    """The library of this checkout."""
    return libraries.library()._name


@pytest.fixture
def no_library(monkeypatch, tmp_path):
    """As if nothing had been installed or built."""
    monkeypatch.setattr(libraries, "__file__", str(tmp_path / "library.py"))
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "cache"))
    libraries.library.cache_clear()
    yield tmp_path / "cache"
    libraries.library.cache_clear()


def test_the_core_knows_of_the_targets_it_is_built_with(sources, tmp_path):
    path = building.build(tmp_path / "out")
    assert [file.name for file in path.parent.iterdir()] == [building.library_name()]
    library = ctypes.CDLL(str(path))
    assert library.targets() == 2
    assert not hasattr(library, "hidden")


def test_the_name_changes_with_the_sources(sources):
    before = building.library_name()
    assert re.fullmatch(rf"signwise-{sys.platform}-x86_64-[0-9a-f]{{16}}\.(so|dylib|dll)", before)
    (sources / "core.h").write_text("\n")
    building.library_name.cache_clear()
    assert building.library_name() != before


def test_compiler_by_environment(monkeypatch):
    monkeypatch.setenv("CC", "ccache 'my cc' -pipe")
    assert building.compiler() == ["ccache", "my cc", "-pipe"]


def test_ziglang_where_there_is_no_compiler(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(building.platform, "machine", lambda: "arm64")
    assert building.compiler() == [
        *(sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.17"),
    ]


def test_no_compiler(monkeypatch, sources, no_library):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda name: None)
    message = (
        "no C compiler: $CC is not set, and cc, gcc and clang are not on PATH. Install one, or `pip install ziglang`"
    )
    with pytest.raises(TargetError, match=re.escape(message)):
        libraries.library()


def test_a_compiler_that_is_not_there(monkeypatch, sources, tmp_path):
    monkeypatch.setenv("CC", "no-such-cc -O2")
    with pytest.raises(TargetError, match="the C compiler 'no-such-cc' is not here; set CC to one that is"):
        building.build(tmp_path / "out")


@pytest.mark.usefixtures("c_compiler")
def test_a_compiler_that_fails(sources, tmp_path):
    (sources / "core.c").write_text("this is not C\n")
    with pytest.raises(TargetError, match=r"the C compiler failed: (?s:.*)core\.c:1:"):
        building.build(tmp_path / "out")
    assert not [*(tmp_path / "out").iterdir()]


def test_a_cache_that_cannot_be_written(monkeypatch, sources, no_library, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "file"))
    message = (
        f"cannot build the runtime in {tmp_path / 'file'}: File exists. Set SIGNWISE_CACHE to a folder you can write"
    )
    with pytest.raises(TargetError, match=re.escape(message)):
        libraries.library()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache(monkeypatch, sources, no_library, tmp_path):
    no_library.mkdir(mode=0o500)
    with pytest.raises(TargetError, match=r"cannot build the runtime in .*: Permission denied"):
        libraries.library()


def test_a_library_that_cannot_be_loaded(no_library):
    no_library.mkdir()
    (no_library / building.library_name()).write_bytes(b"not a library")
    with pytest.raises(TargetError, match=r"cannot load the runtime .*: .* Delete it, and it is built again"):
        libraries.library()


def test_what_lies_beside_the_package_goes_before_the_cache(real, no_library, monkeypatch):
    built = shutil.copy(real, no_library.parent)
    monkeypatch.setattr(libraries, "build", lambda folder: pytest.fail("built again"))
    assert libraries.library()._name == str(built)
    assert libraries.cache_folder() == no_library


def test_the_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.delenv("SIGNWISE_CACHE", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert libraries.cache_folder() == Path("/home/someone/.cache/signwise")


def test_statuses_and_messages():
    library = libraries.library()
    messages = [library.sw_message(status).decode() for status in range(18)]
    assert len({*messages}) == 18 and all(messages)
    assert library.sw_message(-1) == library.sw_message(18) == b"unknown status"
    assert ctypes.sizeof(libraries.Model) == 48
