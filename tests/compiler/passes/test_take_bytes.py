"""A byte input, and a map to reals for those who cannot read it."""

from signwise.compiler.passes.take_bytes import take_bytes
from signwise.compiler.text import to_text
from tests.compiler.passes.lowered import graph_of


def test_a_map_reads_bytes_and_others_read_a_map_of_them() -> None:
    graph = take_bytes(
        graph_of(
            "input %x: real[1,2,2]\n%a: real[1,2,2] = map(%x, %x) residual=1\n%b: real[1,2,2] = mul(%x, %a)\nreturn %b"
        )
    )
    assert to_text(graph).split("\n") == [
        "input %x: byte[1,2,2]",
        "%x_real: real[1,2,2] = map(%x)",
        "%a: real[1,2,2] = map(%x, %x_real) residual=1",
        "%b: real[1,2,2] = mul(%x_real, %a)",
        "return %b",
    ]


def test_without_need_no_map_is_added() -> None:
    graph = take_bytes(graph_of("input %x: real[1,2,2]\n%a: real[1,2,2] = map(%x)\nreturn %a"))
    assert [node.op for node in graph.nodes] == ["map"]
