import json
import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler.ir import equal
from signwise.compiler.plan import read, write
from signwise.compiler.text import parse, to_text
from signwise.core.errors import LoweringError, PlanError
from tests.export.random_graphs import graphs
from tests.runtime.plans import every_op, with_slots


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_a_graph_is_read_as_it_was_written(graph):
    graph = with_slots(graph)
    data = write(graph)
    assert equal(read(data), graph)
    assert write(read(data)) == data


def test_every_operation_comes_back():
    graph = every_op()
    again = read(write(graph))
    assert equal(again, graph)
    assert to_text(again) == to_text(graph)


def big_conv(weight):
    line = "input %x: real[256,7,7]\n%s: sign[256,7,7] = map(%x)\n%y: real[256,7,7] = bconv(%s) stride=(1,1) "
    line += "padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0 weight=int8[256,256,3,3]{1}\nreturn %y"
    graph = with_slots(parse(line))
    return graph.with_nodes((graph.nodes[0], graph.nodes[1].with_(consts={"weight": weight})))


def test_one_bit_a_weight():
    graph = big_conv(np.random.default_rng(0).choice([-1, 1], (256, 256, 3, 3)).astype(np.int8))
    assert 0 <= len(write(graph)) - 256 * 256 * 9 // 8 < 1024


@pytest.mark.parametrize("width", [1, 4, 5, 6, 8])
def test_fewer_bits_where_kernels_come_from_a_codebook(width):
    generator = np.random.default_rng(width)
    codes = generator.choice(512, 2**width, replace=False)[generator.integers(2**width, size=(256, 256))]
    graph = big_conv(1 - 2 * (codes[:, :, None, None] >> np.arange(9).reshape(3, 3) & 1).astype(np.int8))
    data = write(graph)
    assert 0 <= len(data) - 256 * 256 * width // 8 - 2 * 2**width < 1024
    assert equal(read(data), graph)


def test_layout():
    """docs/format.md, byte by byte, for a binary convolution of five channels."""
    graph = parse(
        'meta "made" = "here"\ninput %x: real[5,1,2]@0\n%s: sign[5,1,2]@1 = map(%x)\n%y: real[1,1,1]@0 = bconv(%s) '
        "stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=-1 zero_point=0 activation=clamp low=-0.1 "
        "high=inf weight=int8[1,5,1,2]{1,-1,-1,1,-1,-1,1,-1,1,1}  // layer\nreturn %y"
    )
    data = write(graph)
    text = json.dumps({"values": ["x", "s", "y"], "sources": ["", "layer"], "meta": {"made": "here"}})
    text = text.replace(" ", "").encode()
    clamp = struct.unpack("<4I", struct.pack("<2d", -0.1, float("inf")))
    words = [2, 4, 1, 1, 0, 0, *[0] * 6, 0, 1, 1, 1, 1, 1, 1, *[0] * 4, 1, 1, 1, 2**32 - 1, 0, 0, 1, *clamp]
    assert data[:8] == b"\x89SWN\r\n\x1a\n"
    assert struct.unpack_from("<2IQ", data, 8) == (2, zlib.crc32(data[16:]), len(data))
    assert struct.unpack_from("<10I", data, 24) == (3, 2, 1, len(words), 1, 2, len(text), 0, 0, 0)
    assert struct.unpack_from("<18I", data, 64) == (0, 5, 1, 2, 0, 1, 1, 5, 1, 2, 1, 2, 0, 1, 1, 1, 0, 3)
    assert struct.unpack_from("<6I", data, 136) == (0, 1, 1, 5, 1, 2)
    assert [*struct.unpack_from(f"<{len(words)}I", data, 160)] == words
    at = 160 + 4 * len(words)
    assert data[at : at + len(text)] == text
    constants = -(-(at + len(text)) // 64) * 64
    # A byte for each column of the filter: +1 -1 -1 +1 +1 and -1 +1 -1 -1 +1, the first channel in the lowest bit.
    assert data[constants:] == bytes([0b00110, 0b01101]) + bytes(126)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%y: real[1,1,1]@1 = affine(%x) scale=float64[1]{2.0} shift=float64[1]{0.0}", "affine %y: is left over"),
        ("%y: real[1,1,1] = map(%x)", "%y has no slot; run plan_memory before the file is written"),
        ("%y: real[1,1,1]@0 = map(%x)", "%y is put into slot 0 while %x is still needed there"),
    ],
)
def test_what_cannot_be_written(body, message):
    with pytest.raises(LoweringError, match=re.escape(message)):
        write(parse(f"input %x: real[1,1,1]@0\n{body}\nreturn %y"))


def signed(data: bytes) -> bytes:
    """With length and checksum put right."""
    data = data[:16] + struct.pack("<Q", len(data)) + data[24:]
    return data[:12] + struct.pack("<I", zlib.crc32(data[16:])) + data[16:]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "this is not a .swn file: it starts with b'', not b'\\x89SWN\\r\\n\\x1a\\n'"),
        (lambda data: b"GIF89a" + data[6:], "this is not a .swn file: it starts with b'GIF89a"),
        (lambda data: data[:40], "this .swn file is damaged: its tables make no sense. Copy it again"),
        (lambda data: data[:-1], f"this .swn file has {len(write(every_op())) - 1} bytes of {len(write(every_op()))}."),
        (lambda data: data[:70] + b"\x01" + data[71:], "this .swn file is damaged: its checksum does not match."),
        (
            lambda data: data[:8] + b"\x03\0\0\0" + data[12:],
            "this .swn file has version 3 of the format; this signwise reads version 2. Update signwise",
        ),
        (
            lambda data: signed(re.sub(rb'"meta":{.{5}', b'"meta":[    ]', data, flags=re.DOTALL)),
            "this .swn file is damaged: its tables make no sense",
        ),
        (
            lambda data: signed(data.replace(b'"meta"', b'"mete"')),
            "this .swn file is damaged: its tables make no sense",
        ),
        (
            lambda data: signed(data[:68] + b"\x05\0\0\0" + data[72:]),
            "this .swn file describes an impossible network (",
        ),
    ],
)
def test_damaged_files(spoil, message):
    with pytest.raises(PlanError, match=re.escape(message)):
        read(spoil(write(every_op())))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_spoilt_tables_give_a_graph_or_an_error(data):
    file = bytearray(write(every_op()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(6, 700)) * 4
        word = data.draw(
            st.sampled_from([0, 1, 2, 7, 64, 65536, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1)
        )
        file[at : at + 4] = struct.pack("<I", word)
    try:
        read(signed(bytes(file)))
    except PlanError:
        return


def test_a_text_that_is_no_text():
    graph = replace(every_op(), meta={"count": 3})
    with pytest.raises(PlanError, match="its tables make no sense"):
        read(write(graph))
    assert np.isnan(read(write(every_op())).nodes[0].consts["threshold"][3])
