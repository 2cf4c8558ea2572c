import os

import pytest

from signwise.core.errors import PlanError, RunFolderError
from signwise.core.files import write_atomically, write_result


@pytest.mark.parametrize("content, held", [(b"\0\xff", b"\0\xff"), (memoryview(b"x"), b"x"), ("µ\n", b"\xc2\xb5\n")])
def test_a_file_is_replaced_by_what_is_given(content, held, tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    write_atomically(path, content)
    assert path.read_bytes() == held and list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_text("before")
    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "after")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind, code", [(PlanError, "SW402"), (RunFolderError, "SW302")])
def test_what_the_user_reads(kind, code, tmp_path):
    path = tmp_path / "missing" / "file"
    with pytest.raises(kind) as caught:
        write_result(path, "", kind)
    assert str(caught.value) == (
        f"{code}: cannot write {path}: No such file or directory. Nothing was left there; give a file in a folder "
        "that exists, can be written and has space."
    )
