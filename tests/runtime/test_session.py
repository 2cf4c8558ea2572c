import json
import os
import re
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler.interpreter import run
from signwise.compiler.plan import write
from signwise.compiler.text import parse
from signwise.core.errors import ConfigError, PlanError, TargetError
from signwise.runtime.library import targets
from signwise.runtime.session import _aligned, load
from tests.runtime.plans import every_op, with_slots

VECTOR = with_slots(parse("input %x: real[3,1,1]\n%y: real[3,1,1] = unary(%x) function=square\nreturn %y"))
MAP = with_slots(
    parse(
        "input %x: real[2,3,4]\n%y: real[2,3,4], %s: sign[2,3,4] = map(%x) scale=float32[2]{2.0} "
        "shift=float32[2]{1.0}  // head.act\nreturn %s, %y"
    )
)
IMAGES = np.arange(-24, 24, dtype=np.float32).reshape(2, 2, 3, 4)


def test_one_result_is_an_array_and_several_a_dict():
    assert load(write(VECTOR))(np.float32([[1, 2, 3], [4, 5, 6]])).tolist() == [[1, 4, 9], [16, 25, 36]]
    results = load(write(MAP))(IMAGES)
    assert list(results) == ["s", "y"]
    np.testing.assert_array_equal(results["y"], 2 * IMAGES + 1)
    np.testing.assert_array_equal(results["s"], np.where(2 * IMAGES + 1 >= 0, 1, -1))


def test_a_vector_may_have_its_axes_of_one_and_the_batch_may_be_empty():
    session = load(write(VECTOR))
    assert session(np.float32([1, 2, 3]).reshape(1, 3, 1, 1)).tolist() == [[1, 4, 9]]
    assert session(np.empty((0, 3), np.float32)).shape == (0, 3)


def test_images_may_lie_in_memory_as_they_like():
    session, wide = load(write(MAP)), np.zeros((2, 2, 4, 3, 2), np.float32)
    strided = wide[..., 0].swapaxes(2, 3)
    strided[:] = IMAGES
    assert not strided.flags.c_contiguous
    np.testing.assert_array_equal(session(strided)["y"], session(IMAGES)["y"])
    frozen = IMAGES.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(session(frozen)["y"], session(IMAGES)["y"])


def test_tensors_give_tensors():
    results = load(write(MAP))(torch.from_numpy(IMAGES).requires_grad_())
    assert all(isinstance(result, torch.Tensor) for result in results.values())
    torch.testing.assert_close(results["y"], 2 * torch.from_numpy(IMAGES) + 1, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            [[1.0]],
            "images are a list; expected an array or tensor, float32 or uint8 of shape (N, 2, 3, 4). Give",
        ),
        (
            IMAGES.astype(np.float64),
            "images have dtype float64; expected float32 or uint8 of shape (N, 2, 3, 4). Convert them",
        ),
        (
            torch.zeros(1, 2, 3, 4, dtype=torch.int8),
            "images have dtype int8; expected float32 or uint8 of shape (N, 2, 3, 4).",
        ),
        (
            np.zeros((1, 2, 4, 3), np.uint8),
            "images have shape (1, 2, 4, 3); expected float32 or uint8 of shape (N, 2, 3, 4).",
        ),
        (
            IMAGES[0],
            "images have shape (2, 3, 4); expected float32 or uint8 of shape (N, 2, 3, 4). Resize them, or add",
        ),
        (IMAGES[:, :, :, :3], "images have shape (2, 2, 3, 3); expected float32 or uint8 of shape (N, 2, 3, 4)."),
    ],
)
def test_wrong_images(images, message):
    with pytest.raises(PlanError, match=re.escape(message)):
        load(write(MAP))(images)


def test_wrong_images_for_a_vector():
    with pytest.raises(
        PlanError, match=re.escape("(3,); expected float32 or uint8 of shape (N, 3, 1, 1) or (N, 3). Res")
    ):
        load(write(VECTOR))(np.zeros(3, np.float32))


def test_a_file_is_run_where_it_lies(tmp_path):
    path = tmp_path / "net.swn"
    path.write_bytes(write(every_op()))
    session = load(path, threads=2)
    x = np.ones((1, 4, 6, 5), np.float32)
    path.unlink()
    np.testing.assert_array_equal(session(x)["stem"], run(every_op(), x)["stem"])
    assert session.input_shape == (4, 6, 5)
    assert session.output_shapes["part"] == (1, 2, 3)
    assert session.meta == {"classes": "zwölf\nBoxkämpfer"}
    assert repr(session) == f"Session({str(path)!r}, target={targets()[0]!r}, threads=2)"


def signed(data: bytes) -> bytes:
    return data[:12] + struct.pack("<I", zlib.crc32(data[16:])) + data[16:]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "the bytes given: this is not a .swn file. Copy the file again, or compile it again"),
        (lambda data: data[:-64], "the bytes given: the file is shorter or longer than it says."),
        (lambda data: data[:-1] + b"\x01", "the bytes given: the checksum does not match: the file is damaged."),
        (
            lambda data: data[:8] + b"\x63" + data[9:],
            "the file has another version of the format (99); update signwise.",
        ),
        (
            lambda data: signed(data[:64] + b"\x03" + data[65:]),
            "a value has an unknown kind, or a size that is zero or",
        ),
        (lambda data: signed(data.replace(b'"y"', b"[y]")), "its names are damaged."),
        (lambda data: signed(data.replace(b'"s"', b'"x"')), "its names are damaged."),
        (lambda data: signed(data.replace(b'"head.act"', b"1234567890")), "its names are damaged."),
    ],
)
def test_damaged_files(spoil, message):
    with pytest.raises(PlanError, match=re.escape(message)):
        load(spoil(write(MAP)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([b'"', b",", b"[", b"]", b"}", b"0", b"\xff", b"\\", b'"y"', b"null"]))
def test_spoilt_names_are_refused_or_used(place, piece):
    data = write(every_op())
    start, end = data.index(b'{"values"'), data.index(b"Boxk")
    at = start + place % (end - start)
    try:
        session = load(signed(data[:at] + piece + data[at + len(piece) :]), target="scalar")
    except PlanError:
        return
    assert len(session(np.zeros((1, 4, 6, 5), np.float32))) == 6


def test_a_damaged_node_is_named():
    data = bytearray(write(every_op()))
    values, _, constants, _, outputs = struct.unpack_from("<5I", data, 24)
    struct.pack_into("<I", data, 64 + 24 * (values + constants) + 4 * outputs, 99)
    with pytest.raises(
        PlanError, match="node 0: an operation is unknown, or has too many or too few inputs or outputs"
    ):
        load(signed(bytes(data)))


def test_missing_file(tmp_path):
    with pytest.raises(PlanError, match=r"cannot read .*none\.swn: No such file or directory; expected a \.swn file"):
        load(tmp_path / "none.swn")
    (tmp_path / "empty.swn").touch()
    with pytest.raises(PlanError, match=r"empty\.swn: this is not a \.swn file\."):
        load(tmp_path / "empty.swn")


def test_a_network_too_large_for_this_machine():
    for size in (2**58, 2**64):
        with pytest.raises(PlanError, match=f"this network needs {size:,} bytes of memory, more than there are"):
            _aligned(size)


@pytest.mark.parametrize("threads", [0, 65, 1.5])
def test_wrong_number_of_threads(threads):
    with pytest.raises(ConfigError, match=re.escape(f"threads={threads}; allowed: 1 to 64")):
        load(write(MAP), threads=threads)


def test_target_by_name_and_by_environment(monkeypatch):
    assert load(write(MAP)).target == targets()[0]
    assert load(write(MAP), target="scalar").target == "scalar"
    monkeypatch.setenv("SIGNWISE_TARGET", "scalar")
    assert load(write(MAP)).target == "scalar"
    assert load(write(MAP), target=targets()[0]).target == targets()[0]
    monkeypatch.setenv("SIGNWISE_TARGET", "scaler")
    with pytest.raises(TargetError, match=r"unknown target 'scaler'; did you mean 'scalar'\? Known: .*scalar"):
        load(write(MAP))


@pytest.mark.usefixtures("c_compiler")
def test_what_this_machine_lacks(monkeypatch):
    monkeypatch.setattr("signwise.runtime.library._known", lambda: ["vax", "scalar"])
    with pytest.raises(TargetError, match="this machine cannot run target 'vax'; it can run: scalar"):
        load(write(MAP), target="vax")


def test_profile():
    timings = load(write(MAP)).profile(IMAGES)
    assert [(timing.op, timing.source) for timing in timings] == [("input", ""), ("map", "head.act"), ("output", "")]
    assert all(timing.nanoseconds > 0 for timing in timings)


def test_clones_run_side_by_side_on_one_copy_of_the_weights():
    session = load(write(every_op()), threads=2)
    rng = np.random.default_rng(0)
    batches = [rng.integers(-2, 3, (3, 4, 6, 5)).astype(np.float32) for _ in range(4)]
    expected = [session(batch) for batch in batches]
    clones = [session.clone(threads) for threads in (1, 2, 3, None)]
    assert [clone.threads for clone in clones] == [1, 2, 3, 2]
    found: list[list[dict]] = [[] for _ in batches]

    def work(index: int) -> None:
        found[index] = [clones[index](batches[index]) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for results, wanted in zip(found, expected, strict=True):
        for result in results:
            for name, array in wanted.items():
                np.testing.assert_array_equal(result[name], array)


def test_one_session_called_from_many_threads():
    session = load(write(MAP), threads=2)
    wrong: list[int] = []

    def work(index: int) -> None:
        images = IMAGES + index
        for _ in range(100):
            if not np.array_equal(session(images)["y"], 2 * images + 1):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == []


def test_threads_are_started_again_after_a_fork():
    session = load(write(MAP), threads=3)
    session(IMAGES)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(session(IMAGES)["y"], 2 * IMAGES + 1) else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(session(IMAGES)["y"], 2 * IMAGES + 1)


@pytest.mark.usefixtures("c_compiler")
def test_running_needs_no_torch(tmp_path):
    (tmp_path / "net.swn").write_bytes(write(MAP))
    code = (
        "import sys, numpy, signwise.runtime.session as s\n"
        "print(s.load('net.swn')(numpy.zeros((1, 2, 3, 4), numpy.float32))['y'].sum())\n"
        "import json; print(json.dumps([name for name in ('torch', 'signwise.compiler') if name in sys.modules]))"
    )
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    total, imported = done.stdout.split("\n")[:2]
    assert float(total) == 24
    assert json.loads(imported) == []


REALS = with_slots(parse("input %x: real[2,3,4]\n%y: real[2,3,4] = map(%x)\nreturn %y"))
BYTES = with_slots(parse("input %x: byte[2,3,4]\n%y: real[2,3,4] = map(%x)\nreturn %y"))


@pytest.mark.parametrize(
    "graph", [BYTES, with_slots(parse("input %x: real[2,3,4]\n%y: real[2,3,4] = map(%x)\nreturn %y"))]
)
def test_uint8_images_of_both_layouts(graph):
    session = load(write(graph))
    images = np.random.default_rng(0).integers(0, 256, (2, 2, 3, 4), dtype=np.uint8)
    for batch in (images, images.transpose(0, 2, 3, 1), torch.from_numpy(images)):
        np.testing.assert_array_equal(np.asarray(session(batch)), images.astype(np.float32))
    assert session.takes_bytes is (graph is BYTES)


def test_floats_for_bytes_are_rounded_and_bounded():
    images = np.float32([-1e9, -0.4, 0.49, 0.5, 1.5, 254.4, 254.5, 255.4, 1e9, np.inf, -np.inf, np.nan]).reshape(
        1, 1, 3, 4
    )
    images = images.repeat(2, 1)
    expected = np.float32([0, 0, 0, 1, 2, 254, 255, 255, 255, 255, 0, 0]).reshape(1, 1, 3, 4).repeat(2, 1)
    np.testing.assert_array_equal(load(write(BYTES))(images), expected)
    np.testing.assert_array_equal(run(BYTES, images)["y"], expected)
