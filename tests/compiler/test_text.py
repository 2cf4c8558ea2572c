"""Graphs as text: exact both ways, and errors that say where."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signwise.compiler.ir import Graph, Node, Type, Value, equal
from signwise.compiler.ops import OPS
from signwise.compiler.spec import check
from signwise.compiler.text import constants_of, parse, to_text
from signwise.core.errors import LoweringError

SMALL = """input %x: real[3,1,1]@0
%s: sign[3,1,1]@1 = sign(%x)  // act
%y: real[2,1,1]@0 = bconv(%s) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 \
weight=int8[2,3,1,1]{1,1,-1,-1,1,1}  // fc  // head
return %y"""


def test_every_operation_is_printed_as_it_was_written(every_op: str) -> None:
    graph = parse(every_op)
    check(graph)
    assert {node.op for node in graph.nodes} == set(OPS)
    assert to_text(graph, constants=True) == every_op


def test_round_trip_with_constants_beside_the_text(every_op: str) -> None:
    for graph in (parse(every_op), parse(SMALL)):
        assert equal(parse(to_text(graph), constants_of(graph)), graph)
        assert equal(parse(to_text(graph, constants=True)), graph)


def test_what_a_line_says() -> None:
    graph = parse(SMALL)
    assert to_text(graph).splitlines()[2] == (
        "%y: real[2,1,1]@0 = bconv(%s) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 "
        "zero_point=0 weight=int8[2,3,1,1]#497f687d  // fc  // head"
    )
    node = graph.nodes[1]
    assert (node.op, node.inputs, node.source) == ("bconv", ("s",), "fc  // head")
    assert node.outputs == (Value("y", Type("real", (2, 1, 1)), slot=0),)
    assert dict(node.attrs) == {
        "stride": (1, 1),
        "padding": (0, 0, 0, 0),
        "dilation": (1, 1),
        "groups": 1,
        "pad_value": 0,
        "zero_point": 0,
    }
    assert node.consts["weight"].dtype == np.int8
    assert node.consts["weight"].tolist() == [[[[1]], [[1]], [[-1]]], [[[-1]], [[1]], [[1]]]]


def test_empty_lines_and_comments_are_skipped() -> None:
    assert equal(parse(f"\n// a small one\n{SMALL}\n\n"), parse(SMALL))


@example([0.0, -0.0], [0.0, -0.0])
@given(st.lists(st.floats(width=32), min_size=1, max_size=5), st.lists(st.floats(), min_size=1, max_size=5))
def test_numbers_survive(singles: list[float], doubles: list[float]) -> None:
    consts = {"a": np.array(singles, np.float32), "b": np.array(doubles)}
    attrs = {"low": singles[0] if singles[0] == singles[0] else 0.0, "high": float("inf")}
    out = Value("y", Type("real", (1, 1, 1)))
    graph = Graph(Value("x", out.type), (Node("map", ("x",), (out,), attrs, consts),), ("y",))
    again = parse(to_text(graph, constants=True))
    assert str(dict(again.nodes[0].attrs)) == str(attrs)
    for name, array in consts.items():
        found = again.nodes[0].consts[name]
        assert found.dtype == array.dtype
        assert [*map(str, found)] == [*map(str, array)]
        assert (np.signbit(found) == np.signbit(array))[~np.isnan(array)].all()


@given(st.dictionaries(st.text(), st.text(), max_size=3), st.text().filter(lambda text: "\n" not in text))
def test_any_text_survives_in_meta_and_source(meta: dict[str, str], source: str) -> None:
    graph = parse(SMALL)
    graph = replace(graph, meta=meta, nodes=(graph.nodes[0].with_(source=source), graph.nodes[1]))
    assert equal(parse(to_text(graph), constants_of(graph)), graph)


def test_equal_sees_every_difference() -> None:
    graph = parse(SMALL)
    sign, dense = graph.nodes
    weight = dense.consts["weight"]

    def changed(**fields: object) -> Graph:
        return graph.with_nodes((sign, dense.with_(**fields)))

    others = [
        replace(graph, meta={"a": "b"}),
        replace(graph, input=replace(graph.input, slot=None)),
        replace(graph, outputs=("s",)),
        graph.with_nodes((sign,)),
        changed(op="conv"),
        changed(inputs=("x",)),
        changed(outputs=(replace(dense.output, slot=2),)),
        changed(source="other"),
        changed(attrs={**dense.attrs, "groups": 2}),
        changed(consts={}),
        changed(consts={"weight": -weight}),
        changed(consts={"weight": weight.view(np.uint8)}),
        changed(consts={"weight": weight.reshape(2, 1, 3, 1)}),
    ]
    assert equal(graph, changed(consts={"weight": weight.copy()}))
    assert [equal(graph, other) for other in others] == [False] * len(others)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input %x", "input x", "line 1: expected %name, found 'x: real[3,1,1]@0'"),
        (
            "%x: real[",
            "%x: int[",
            "line 1: expected ': real[C,H,W]', ': sign[C,H,W]' or ': byte[C,H,W]', found ': int[3,1,1]@0'",
        ),
        ("[3,1,1]@0", "[3,1]@0", "line 1: expected three sizes [C,H,W], found '[3,1]@0'"),
        ("[3,1,1]@0", "[3,1,x]@0", "line 1: expected sizes like [64,28,28], found '[3,1,x]@0'"),
        ("[3,1,1]@0", "[3,1,1]@a", "line 1: expected the end of the line, found '@a'"),
        ("%s: sign", "s: sign", "line 2: expected %name, found 's: sign[3,1,1]@1 = sign(%x)  // act'"),
        ("= sign(", "sign(", "line 2: expected ' = operation(', found ' sign(%x)  // act'"),
        ("(%x)", "(%x, 1)", "line 2: expected %name, found '1)  // act'"),
        ("(%x)", "(%x %y)", "line 2: expected ')' or ', %name', found ' %y)  // act'"),
        ("(%x)", "(%x) mode=", "line 2: expected a value, found '  // act'"),
        ("(%x)", "(%x) size=(1,1", "line 2: expected values and ')', found '1,1  // act'"),
        ("(%x)", "(%x) a=1 a=2", "line 2: expected 'a' only once, found '2  // act'"),
        ("(%x)", "(%x) a=int8[1]{1} a=int8[1]{2}", "line 2: expected 'a' only once, found 'int8[1]{2}  // act'"),
        ("(%x)", "(%x) // act", "line 2: expected the end of the line, found ' // act  // act'"),
        (
            "int8[2,3",
            "int16[2,3",
            "line 3: expected the end of the line, found ',3,1,1]{1,1,-1,-1,1,1}  // fc  // head'",
        ),
        (
            "{1,1,-1,-1,1,1}",
            "#12",
            "line 3: expected '#' and eight hexadecimal digits, or '{' and values, found '#12  // fc  // head'",
        ),
        ("{1,1,-1,-1,1,1}", "{1", "line 3: expected values and '}', found '1  // fc  // head'"),
        ("{1,1,-1,-1,1,1}", "{1,1}", "line 3: expected one or 6 values of int8, found '1,1}  // fc  // head'"),
        ("{1,1,-1,-1,1,1}", "{0.5}", "line 3: expected one or 6 values of int8, found '0.5}  // fc  // head'"),
        ("{1,1,-1,-1,1,1}", "{}", "line 3: expected one or 6 values of int8, found '}  // fc  // head'"),
        ("{1,1,-1,-1,1,1}", "{1000}", "line 3: expected one or 6 values of int8, found '1000}  // fc  // head'"),
        (
            "{1,1,-1,-1,1,1}",
            "#497f687d",
            "line 3: constant 'y.weight' is not given; pass constants_of(graph), or print the "
            "graph with constants=True",
        ),
        ("return %y", "return", "line 4: expected %name, found 'return'"),
        ("return %y", "return %y\nreturn %s", "line 5: expected nothing after return, found 'return %s'"),
        ("return %y", "", "line 4: the text ends with 1 input lines and no return line; expected one of each"),
        ("input %x", "meta recipe = 1\ninput %x", "line 1: expected a quoted text, found 'recipe = 1'"),
        ("input %x", 'meta "recipe" = 1\ninput %x', "line 1: expected a quoted text, found '1'"),
        ("input %x", 'meta "recipe": 1\ninput %x', "line 1: expected ' = ', found ': 1'"),
    ],
)
def test_errors_say_line_place_and_what_was_expected(old: str, new: str, message: str) -> None:
    assert SMALL.count(old) >= 1
    with pytest.raises(LoweringError, match=f"^SW401: {re.escape(message)}$"):
        parse(SMALL.replace(old, new, 1))


def test_a_constant_that_is_another_one() -> None:
    graph = parse(SMALL)
    with pytest.raises(LoweringError) as caught:
        parse(to_text(graph), {"y.weight": -graph.nodes[1].consts["weight"]})
    assert str(caught.value) == (
        "SW401: line 3: constant 'y.weight' is int8[2,3,1,1]#983ad24e; expected int8[2,3,1,1]#497f687d"
    )
