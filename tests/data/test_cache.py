import os

import pytest
import torch

from signwise.data import cache


def build(counter, value=7):
    def run():
        counter.append(1)
        return torch.full((3, 1, 2, 2), value, dtype=torch.uint8), torch.tensor([0, 1, 0]), ("a", "b")

    return run


def content(decoded):
    return decoded[0].tolist(), decoded[1].tolist(), decoded[2]


def test_the_second_time_nothing_is_built():
    calls = []
    first, second = cache.cached("x", build(calls)), cache.cached("x", build(calls))
    assert len(calls) == 1
    assert content(first) == content(second)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-5], lambda b: b[:-3] + bytes([b[-3] ^ 1]) + b[-2:], lambda b: b"", lambda b: b"rubbish"]
)
def test_a_corrupt_file_is_built_again(damage):
    calls = []
    expected = content(cache.cached("x", build(calls)))
    file = cache.folder() / "images" / "x.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    assert content(cache.cached("x", build(calls))) == expected
    assert len(calls) == 2
    cache.cached("x", build(calls))
    assert len(calls) == 2


def test_nothing_but_the_file_is_left_behind():
    cache.cached("x", build([]))
    assert [file.name for file in (cache.folder() / "images").iterdir()] == ["x.safetensors"]


def test_a_failed_write_leaves_no_partial_file_and_the_old_one(monkeypatch):
    cache.cached("x", build([]))
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.warns(
        UserWarning, match=r"cannot write the cache .*y\.safetensors: disk full; set SIGNWISE_CACHE to another folder"
    ):
        decoded = cache.cached("y", build([]))
    assert decoded[0].shape == (3, 1, 2, 2)
    assert [file.name for file in (cache.folder() / "images").iterdir()] == ["x.safetensors"]


def test_expanded_tensors_can_be_kept():
    images = torch.arange(4, dtype=torch.uint8).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    cache.cached("x", lambda: (images, torch.tensor([0]), ()))
    assert cache.cached("x", lambda: pytest.fail("built again"))[0].equal(images)


def test_fingerprint_changes_with_name_size_time_and_options(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"12")
    os.utime(file, ns=(1, 1))
    keys = [cache.fingerprint([file])]
    assert cache.fingerprint([file]) == keys[0]
    keys.append(cache.fingerprint([file], 3))
    os.utime(file, ns=(1, 2))
    keys.append(cache.fingerprint([file]))
    file.write_bytes(b"123")
    os.utime(file, ns=(1, 2))
    keys.append(cache.fingerprint([file]))
    keys.append(cache.fingerprint([file.rename(tmp_path / "b")]))
    assert len(set(keys)) == 5


def test_folder_without_the_variable_is_in_the_home(monkeypatch, tmp_path):
    monkeypatch.delenv("SIGNWISE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "signwise"
