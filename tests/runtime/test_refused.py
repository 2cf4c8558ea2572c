"""What sw_open finds wrong by itself, in files whose every byte is in order."""

import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

from signwise.compiler import plan
from signwise.compiler.codebook import encode
from signwise.compiler.ir import Graph
from signwise.compiler.text import parse
from signwise.core.errors import PlanError
from signwise.runtime.session import load
from tests.runtime.plans import every_op, with_slots

VALUE, OPERATION = (
    "a value has an unknown kind, or a size",
    "an operation is unknown, or has too many or too few inputs",
)
REFERENCE, ATTRIBUTE = "a value is used before it is made or after", "an attribute is out of its range"
CONSTANT = "a constant is missing, does not belong here, or has the wrong type, size or content"
SHAPE, SLOT = (
    "a value's kind or shape is not what its operation gives or takes",
    "two values that are needed at once share",
)
WINDOW = "stride=(1,1) padding=(0,0,0,0) dilation=(1,1)"
BCONV = f"%y: real[4,3,3] = bconv(%s) {WINDOW} groups=1 pad_value=0 zero_point=0 weight=int8[4,2,1,1]{{1}}"
CONV = f"%y: real[4,3,3] = conv(%x) {WINDOW} groups=1 weight=float32[4,2,1,1]{{1}}"
BYTES = CONV.replace("float32", "int8")
POOL = f"%y: real[2,3,3] = max_pool(%x) kernel=(1,1) {WINDOW}"
MAP = "%y: real[2,3,3] = map(%x)"


def message_of(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(plan, "check_fused", lambda graph: None)
    with pytest.raises(PlanError) as error:
        load(plan.write(graph), target="scalar")
    return str(error.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        # values
        (MAP.replace("2,3,3", "2,0,3"), VALUE),
        (MAP.replace("2,3,3", "2,65537,3"), VALUE),
        (MAP.replace("2,3,3", "1048577,3,3"), VALUE),
        (MAP.replace("2,3,3", "1048576,65536,65536"), VALUE),
        # inputs and outputs
        ("%y: real[2,3,3] = map(%x, %x)", OPERATION),
        ("%y: real[2,3,3] = add(%x)", OPERATION),
        ("%y: real[2,3,3] = concat()", OPERATION),
        ("%y: real[2,3,3], %z: real[2,3,3] = unary(%x) function=abs", OPERATION),
        ("%y: real[2,3,3], %z: sign[2,3,3], %a: sign[2,3,3] = map(%x)", OPERATION),
        # kinds and shapes
        (MAP.replace("2,3,3", "2,3,4"), SHAPE),
        ("%y: sign[2,3,3], %z: real[2,3,3] = map(%x)", SHAPE),
        ("%y: real[2,3,3], %z: sign[2,3,2] = map(%x)", SHAPE),
        ("%y: sign[2,3,3] = unary(%x) function=abs", SHAPE),
        ("%y: sign[2,3,3] = slice(%x) start=(0,0,0) step=(1,1,1) size=(2,3,3)", SHAPE),
        (BCONV.replace("%s", "%x"), SHAPE),
        (CONV.replace("%x", "%s"), SHAPE),
        ("%y: real[2,3,3] = mean(%s) axes=(c)", SHAPE),
        ("%y: real[2,3,3] = map(%x, %s) residual=1", SHAPE),
        ("%z: real[1,3,3] = mean(%x) axes=(c)\n%y: real[2,3,3] = map(%x, %z) residual=1", SHAPE),
        ("%z: real[2,2,3] = slice(%x) start=(0,0,0) step=(1,1,1) size=(2,2,3)\n%y: real[2,3,3] = add(%x, %z)", SHAPE),
        ("%z: real[2,1,1] = mean(%x) axes=(h,w)\n%y: real[4,3,3] = concat(%x, %z)", SHAPE),
        ("%y: real[4,3,3] = concat(%x, %s)", SHAPE),
        ("%y: real[19,1,1] = flatten(%x)", SHAPE),
        ("%y: real[9,2,1] = flatten(%x)", SHAPE),
        ("%y: real[9,2,2] = reshape(%x) shape=(9,2,2)", SHAPE),
        ("%y: real[2,3,2] = slice(%x) start=(0,0,0) step=(1,1,3) size=(2,3,2)", SHAPE),
        ("%y: real[1,3,3] = resize(%x) mode=nearest align_corners=false size=(3,3)", SHAPE),
        ("%y: real[2,3,3] = pad(%x) padding=(0,1,0,0) value=0.0", SHAPE),
        (POOL.replace("kernel=(1,1)", "kernel=(4,1)"), SHAPE),
        # attributes
        *((POOL.replace("stride=(1,1)", f"stride=({size},1)"), ATTRIBUTE) for size in (0, 65537, 2**31)),
        (POOL.replace("padding=(0,0,0,0)", "padding=(0,0,0,65537)"), ATTRIBUTE),
        (POOL.replace("padding=(0,0,0,0)", "padding=(65536,65536,65536,65536)"), ATTRIBUTE),
        (POOL.replace("dilation=(1,1)", "dilation=(1,0)"), ATTRIBUTE),
        (POOL.replace("kernel=(1,1)", "kernel=(0,1)"), ATTRIBUTE),
        (POOL.replace("max_pool", "avg_pool") + " divisor=2147483648", ATTRIBUTE),
        (CONV.replace("groups=1", "groups=0"), ATTRIBUTE),
        (BCONV.replace("pad_value=0", "pad_value=2"), ATTRIBUTE),
        (BCONV.replace("zero_point=0", "zero_point=2"), ATTRIBUTE),
        (BCONV.replace("pad_value=0 zero_point=0", "pad_value=-1 zero_point=1"), ATTRIBUTE),
        (MAP + " activation=clamp low=1.0 high=-1.0", ATTRIBUTE),
        (MAP + " activation=clamp low=nan high=1.0", ATTRIBUTE),
        ("%y: real[2,3,3] = map(%x) residual=2", ATTRIBUTE),
        ("%y: sign[2,4,3] = pad(%s) padding=(1,0,0,0) value=0.0", ATTRIBUTE),
        ("%y: real[2,4,3] = pad(%x) padding=(1,0,0,0) value=nan", ATTRIBUTE),
        ("%y: real[2,3,3] = slice(%x) start=(0,0,2147483648) step=(1,1,1) size=(2,3,3)", ATTRIBUTE),
        ("%y: real[2,3,3] = slice(%x) start=(0,0,0) step=(1,0,1) size=(2,3,3)", ATTRIBUTE),
        # constants
        ("%y: real[4,3,3] = bconv(%s) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1", CONSTANT),
        (MAP + " value=float32[2]{1}", CONSTANT),
        (MAP + " scale=float32[2]{1}", CONSTANT),
        (MAP + " scale=float32[2]{1} shift=float32[3]{1}", CONSTANT),
        (MAP + " scale=float32[2]{1} shift=int32[2]{1}", CONSTANT),
        (MAP + " slope=float32[2]{1}", CONSTANT),
        (MAP + " activation=prelu", CONSTANT),
        (MAP + " activation=prelu slope=float32[2]{1} before=float32[2]{1}", CONSTANT),
        (MAP + " before=float32[2]{1} after=float32[2]{1}", CONSTANT),
        (MAP + " threshold=float32[2]{1}", CONSTANT),
        (MAP + " direction=int8[2]{1}", CONSTANT),
        (MAP.replace("real", "sign") + " direction=int8[2]{0}", CONSTANT),
        (MAP.replace("real", "sign") + " count_threshold=int32[2]{0}", CONSTANT),
        (BCONV + " count_threshold=int32[4]{0}", CONSTANT),
        (BCONV.replace("real", "sign") + " count_threshold=int32[4]{0} threshold=float32[4]{0}", CONSTANT),
        (BCONV.replace("real", "sign") + " count_threshold=int32[3]{0}", CONSTANT),
        (CONV.replace("[4,2,1,1]", "[4,1,1,1]"), CONSTANT),
        (CONV.replace("groups=1", "groups=2").replace("[4,2,1,1]", "[3,1,1,1]"), CONSTANT),
        ("%y: real[3,3,3] = channels(%x) index=int32[3]{0,1,2}", CONSTANT),
        ("%y: real[3,3,3] = channels(%x) index=int32[3]{0,-2,1}", CONSTANT),
        ("%y: real[3,3,3] = channels(%x) index=float32[3]{0}", CONSTANT),
        ("%y: real[3,3,3] = channels(%x)", CONSTANT),
    ],
)
def test_refused(body, message, monkeypatch):
    graph = with_slots(parse(f"input %x: real[2,3,3]\n%s: sign[2,3,3] = map(%x)\n{body}\nreturn %y"))
    assert message in message_of(graph, monkeypatch)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (CONV, CONSTANT),
        (BYTES.replace("groups=1", "groups=2").replace("[4,2,1,1]", "[4,1,1,1]"), ATTRIBUTE),
        (BYTES + " outside=int32[4]{0}", CONSTANT),
        (BYTES + " outside=int32[2]{256}", CONSTANT),
        (BYTES + " outside=int32[2]{-1}", CONSTANT),
        (BYTES + " outside=float32[2]{1}", CONSTANT),
        (MAP.replace("real", "byte"), VALUE),
        (POOL, SHAPE),
        ("%y: real[2,3,3] = add(%x, %x)", SHAPE),
        (MAP + "\nreturn %y, %x", REFERENCE),
    ],
)
def test_refused_of_bytes(body, message, monkeypatch):
    """The input alone may hold bytes; a map and a convolution of one group with int8 weights alone read them."""
    text = f"input %x: byte[2,3,3]\n{body}"
    graph = parse(text if "return" in body else f"{text}\nreturn %y")
    assert message in message_of(with_slots(graph), monkeypatch)


def test_too_many_bytes_in_a_filter(monkeypatch):
    body = "input %x: byte[65537,1,1]\n" + BYTES.replace("[4,2,", "[1,65537,").replace("[4,3,3]", "[1,1,1]")
    assert CONSTANT in message_of(with_slots(parse(f"{body}\nreturn %y")), monkeypatch)


def test_what_lies_outside_of_reals_is_nothing(monkeypatch):
    graph = with_slots(parse(f"input %x: real[2,3,3]\n{CONV} outside=int32[2]{{0}}\nreturn %y"))
    assert CONSTANT in message_of(graph, monkeypatch)


def test_the_bodies_above_are_accepted_unspoilt():
    load(plan.write(with_slots(parse(f"input %x: byte[2,3,3]\n{BYTES} outside=int32[2]{{255}}\nreturn %y"))))
    for body in (BCONV, CONV, POOL, MAP):
        load(plan.write(with_slots(parse(f"input %x: real[2,3,3]\n%s: sign[2,3,3] = map(%x)\n{body}\nreturn %y"))))


def test_an_output_is_given_once(monkeypatch):
    graph = with_slots(parse(f"input %x: real[2,3,3]\n{MAP}\nreturn %y, %y"))
    assert REFERENCE in message_of(graph, monkeypatch)


def test_the_input_is_real(monkeypatch):
    graph = with_slots(parse("input %x: sign[2,3,3]\n%y: real[2,3,3] = map(%x)\nreturn %y"))
    assert VALUE in message_of(graph, monkeypatch)


def test_bits_beyond_the_channels_are_zero(monkeypatch):
    packbits = np.packbits
    monkeypatch.setattr(np, "packbits", lambda *args, **kwargs: packbits(*args, **kwargs) | 4)
    graph = with_slots(parse(f"input %x: real[2,3,3]\n%s: sign[2,3,3] = map(%x)\n{BCONV}\nreturn %y"))
    assert CONSTANT in message_of(graph, monkeypatch)


def coded(kind: int, data: bytes) -> bytes:
    """A file whose only weights, (2, 9, 3, 3), are of type ``kind``."""
    weight = np.ones((2, 9, 3, 3), np.int8)
    graph = parse(
        "input %x: real[9,3,3]\n%s: sign[9,3,3] = map(%x)\n%y: real[2,1,1] = bconv(%s) stride=(1,1) "
        "padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 weight=int8[2,9,3,3]{1}\nreturn %y"
    )
    assert encode(weight) == (17, bytes(4 + 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "encode", lambda weight: (kind, data))
        return plan.write(with_slots(graph))


def test_weights_from_a_codebook_are_expanded() -> None:
    """Kernel 0 is -1 in tap 8, kernel 1 in tap 1; filter 0 has kernel 1 in channel 0, filter 1 in channel 0."""
    session = load(coded(17, bytes([0, 1, 2, 0, 1, 2, 0])), target="scalar")
    x = np.ones((1, 9, 3, 3), np.float32)
    x[0, 0, 0, 1] = -1
    assert np.asarray(session(x)).ravel().tolist() == [81 - 2 * 9 + 2, 81 - 2 * 9 + 2]


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (16, bytes(7), CONSTANT),
        (25, bytes(1000), CONSTANT),
        (17, bytes([0, 2, *bytes(5)]), CONSTANT),  # a tap that the kernel does not have
        (17, bytes([*bytes(6), 4]), CONSTANT),  # a nineteenth index
        (24, bytes(7), "the file is shorter or longer than it says"),
    ],
)
def test_codebooks_that_make_no_sense(kind: int, data: bytes, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        load(coded(kind, data), target="scalar")


@pytest.mark.parametrize(("stored", "accepted"), [((1, 1), True), ((3, 4), True), ((2, 1), False), ((1, 5), False)])
def test_frames_that_stand_for_a_map(stored, accepted, monkeypatch):
    graph = parse("input %x: real[1,1,1]\n%y: real[1,3,4] = constant() value=float32[1,3,4]{1}\nreturn %y")
    monkeypatch.setattr(plan, "shrink", lambda value: np.ones((1, *stored), np.float32))
    if accepted:
        load(plan.write(with_slots(graph)))
    else:
        assert CONSTANT in message_of(with_slots(graph), monkeypatch)


@pytest.mark.parametrize(
    ("slots", "accepted"),
    [((0, 1, 2), True), ((0, 1, 0), False), ((0, 0, 1), False), ((0, 1, 1), False), ((1, 0, 2), True)],
)
def test_slots_that_are_needed_at_once(slots, accepted, monkeypatch):
    """x is read by both nodes, a by the second."""
    graph = parse("input %x: real[1,1,1]\n%a: real[1,1,1] = map(%x)\n%y: real[1,1,1] = add(%a, %x)\nreturn %y")
    placed = iter(slots)
    graph = replace(graph, input=replace(graph.input, slot=next(placed))).with_nodes(
        node.with_(outputs=(replace(node.output, slot=next(placed)),)) for node in graph.nodes
    )
    if accepted:
        load(plan.write(graph))
    else:
        assert SLOT in message_of(graph, monkeypatch)


@pytest.mark.parametrize(
    ("line", "returned", "accepted"),
    [
        ("%a: real[1,1,1]@0 = map(%s, %x) residual=1", "%a", True),
        ("%a: real[1,1,1]@0, %t: sign[1,1,1]@3 = map(%s, %x) residual=1", "%a, %t", True),
        ("%a: real[1,1,1]@3, %t: sign[1,1,1]@0 = map(%s, %x) residual=1", "%a, %t", False),
        ("%a: sign[1,1,1]@0 = map(%s, %x) residual=1", "%a", False),
        ("%a: real[1,1,1]@0 = map(%x, %x) residual=1", "%a", False),
        ("%a: real[1,1,1]@1 = map(%s, %x) residual=1", "%a", False),
        ("%a: real[1,1,1]@0 = map(%s, %x) residual=1\n%b: real[1,1,1]@3 = map(%x)", "%a, %b", False),
        ("%a: real[1,1,1]@0 = add(%r, %x)", "%a", False),
    ],
)
def test_residuals_may_be_overwritten(line, returned, accepted, monkeypatch):
    """By the real result of the last node that reads them, unless it reads them elsewhere too."""
    start = "input %x: real[1,1,1]@0\n%s: sign[1,1,1]@1 = map(%x)\n%r: real[1,1,1]@2 = map(%s)\n"
    graph = parse(f"{start}{line}\nreturn {returned}, %r")
    if accepted:
        load(plan.write(graph))
    else:
        assert SLOT in message_of(graph, monkeypatch)


@pytest.mark.parametrize("shift", [-1, 1])
def test_last_uses_are_checked(shift, monkeypatch):
    """A value that is said to be needed for a shorter time than it is; longer is a waste, and allowed."""
    last_uses = plan._last_uses
    monkeypatch.setattr(plan, "_last_uses", lambda graph: (last + shift for last in last_uses(graph)))
    graph = with_slots(parse("input %x: real[1,1,1]\n%a: real[1,1,1] = map(%x)\n%y: real[1,1,1] = map(%a)\nreturn %y"))
    assert REFERENCE in message_of(graph, monkeypatch)


@pytest.mark.parametrize("at", range(24, 52, 4))
@pytest.mark.parametrize("change", [-1, 1])
def test_counts_that_are_off_by_one(at, change):
    """Values, nodes, constants, words, outputs, slots and bytes of text; there may be more slots than are used."""
    data = bytearray(plan.write(every_op()))
    (count,) = struct.unpack_from("<I", data, at)
    struct.pack_into("<I", data, at, count + change)
    struct.pack_into("<I", data, 12, zlib.crc32(data[16:]))
    if at == 44 and change == 1:
        load(bytes(data))
    else:
        with pytest.raises(PlanError):
            load(bytes(data))


def test_messages_name_the_node(monkeypatch):
    graph = with_slots(
        parse(f"input %x: real[2,3,3]\n%s: sign[2,3,3] = map(%x)\n{MAP} slope=float32[2]{{1}}\nreturn %y")
    )
    expected = f"SW402: the bytes given: node 1: {CONSTANT}. Copy the file again, or compile it again"
    assert re.fullmatch(re.escape(expected), message_of(graph, monkeypatch))
