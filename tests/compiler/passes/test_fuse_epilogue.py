"""What follows element by element is joined, in the order of an epilogue and in no other."""

import pytest

from signwise.compiler.passes.fuse_epilogue import fuse_epilogue
from signwise.compiler.text import to_text
from tests.compiler.passes.lowered import assert_becomes, graph_of
from tests.compiler.passes.primitive_graphs import assert_same

BCONV = (
    "stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 {}weight=int8[2,2,1,1]{{1,-1,1,1}}"
)
BARE = BCONV.format("")
HEAD = "input %x: real[2,1,1]\n%s: sign[2,1,1] = map(%x)"
SCALE = "scale=float64[2]{2.0,-1.0} shift=float64[2]{1.0,0.0}"
SHIFT = "scale=float64[2]{1.0} shift=float64[2]{"
AS_FLOAT = SCALE.replace("64", "32")


def test_a_whole_epilogue_of_two_outputs() -> None:
    """Scale, residual, PReLU between two shifts, a real output and the sign of it."""
    assert_becomes(
        fuse_epilogue,
        f"""
{HEAD}
%count: real[2,1,1] = bconv(%s) {BARE}  // layer
%norm: real[2,1,1] = affine(%count) {SCALE}  // norm
%sum: real[2,1,1] = add(%norm, %x)
%before: real[2,1,1] = affine(%sum) {SHIFT}1.0,2.0}}
%bent: real[2,1,1] = prelu(%before) slope=float32[2]{{0.5,-2.0}}
%after: real[2,1,1] = affine(%bent) {SHIFT}3.0}}
%bits: sign[2,1,1] = map(%after) threshold=float32[2]{{1.0,4.0}} direction=int8[2]{{-1,1}}
%far: real[2,1,1] = unary(%after) function=abs
return %bits, %far""",
        f"""
{HEAD}
%after: real[2,1,1], %bits: sign[2,1,1] = bconv(%s, %x) {BCONV.format("residual=1 activation=prelu ")} \
{AS_FLOAT} slope=float32[2]{{0.5,-2.0}} before=float32[2]{{1.0,2.0}} after=float32[2]{{3.0}} \
threshold=float32[2]{{1.0,4.0}} direction=int8[2]{{-1,1}}  // layer
%far: real[2,1,1] = unary(%after) function=abs
return %bits, %far""",
    )


def test_residual_and_clamp() -> None:
    """A Bi-Real block."""
    assert_becomes(
        fuse_epilogue,
        f"""
{HEAD}
%count: real[2,1,1] = bconv(%s) {BARE}  // layer
%norm: real[2,1,1] = affine(%count) {SCALE}
%sum: real[2,1,1] = add(%x, %norm)
%y: real[2,1,1] = clamp(%sum) low=-1.0 high=1.0
%bits: sign[2,1,1] = map(%y)
return %y, %bits""",
        f"""
{HEAD}
%y: real[2,1,1], %bits: sign[2,1,1] = bconv(%s, %x) \
{BCONV.format("residual=1 activation=clamp low=-1.0 high=1.0 ")} {AS_FLOAT}  // layer
return %y, %bits""",
    )


@pytest.mark.parametrize(
    ("primitive", "mapped"),
    [
        (f"affine(%s) {SCALE}", f"map(%s) {AS_FLOAT}"),
        ("clamp(%a) low=0.0 high=inf", "map(%a) activation=clamp low=0.0 high=inf"),
        ("prelu(%a) slope=float32[2]{0.5}", "map(%a) activation=prelu slope=float32[2]{0.5}"),
        ("add(%a, %x)", "map(%a, %x) residual=1"),
        ("add(%x, %a)", "map(%x, %a) residual=1"),
        ("add(%a, %s)", "map(%s, %a) residual=1"),  # the residual is real
    ],
)
def test_what_has_nothing_to_join_is_a_map(primitive: str, mapped: str) -> None:
    text = f"{HEAD}\n%a: real[2,1,1] = unary(%x) function=abs\n%y: real[2,1,1] = {{}}\nreturn %y, %a, %s"
    assert_becomes(fuse_epilogue, text.format(primitive), text.format(mapped))


@pytest.mark.parametrize("add", ["add(%s, %s)", "add(%x, %m)"])
def test_other_sums_stay(add: str) -> None:
    """Of two signs; of shapes that differ."""
    text = f"{HEAD}\n%m: real[1,1,1] = mean(%x) axes=(c)\n%y: real[2,1,1] = {add}\nreturn %y, %m, %s"
    assert_becomes(fuse_epilogue, text, text)


@pytest.mark.parametrize(
    "second",
    [
        f"affine(%y) {SCALE}",  # a scale after the residual
        "add(%y, %a)",  # a second residual
    ],
)
def test_steps_out_of_order_go_on_in_a_map(second: str) -> None:
    graph = graph_of(f"""
{HEAD}
%a: real[2,1,1] = unary(%x) function=abs
%count: real[2,1,1] = bconv(%s) {BARE}
%y: real[2,1,1] = add(%count, %x)
%z: real[2,1,1] = {second}
%bits: sign[2,1,1] = map(%z)
return %bits, %z""")
    found = fuse_epilogue(graph)
    assert [node.op for node in found.nodes if node.op != "unary"] == ["map", "bconv", "map"]
    assert len(found.nodes[-1].outputs) == 2
    assert_same(graph, found)


@pytest.mark.parametrize(
    ("steps", "ops"),
    [
        ("prelu(%a) slope=float32[2]{0.5}|affine(%b) scale=float64[2]{2.0} shift=float64[2]{0.0}", 2),
        ("prelu(%a) slope=float32[2]{0.5}|affine(%b) " + SHIFT + "1.0}|affine(%c) " + SHIFT + "2.0}", 2),
        ("clamp(%a) low=0.0 high=1.0|affine(%b) " + SHIFT + "1.0}", 2),
        ("clamp(%a) low=0.0 high=1.0|prelu(%b) slope=float32[2]{0.5}", 2),
        ("affine(%a) " + SHIFT + "1.0}|clamp(%b) low=0.0 high=1.0", 1),
        ("affine(%a) " + SHIFT + "1.0}|prelu(%b) slope=float32[2]{0.5}|affine(%c) " + SHIFT + "1.0}", 1),
        ("clamp(%a) low=0.0 high=1.0|affine(%b) " + SHIFT + "1.0}|prelu(%c) slope=float32[2]{0.5}", 2),
        ("add(%a, %x)|affine(%b) " + SHIFT + "1.0}|clamp(%c) low=0.0 high=1.0", 2),
        ("add(%a, %x)|affine(%b) " + SHIFT + "1.0}|affine(%c) " + SHIFT + "2.0}|prelu(%d) slope=float32[2]{0.5}", 2),
        ("add(%a, %x)|affine(%b) " + SCALE + "|prelu(%c) slope=float32[2]{0.5}", 2),
        ("add(%a, %x)|prelu(%b) slope=float32[2]{0.5}|affine(%c) " + SHIFT + "1.0}", 1),
        ("prelu(%a) slope=float32[2]{0.5}|add(%b, %x)", 2),
    ],
)
def test_orders(steps: str, ops: int) -> None:
    """How many operations are left of the steps behind a pool."""
    lines = [f"%{name}: real[2,1,1] = {step}" for name, step in zip("bcde", steps.split("|"), strict=False)]
    graph = graph_of(
        "\n".join(
            [
                "input %x: real[2,1,1]",
                "%a: real[2,1,1] = max_pool(%x) kernel=(1,1) stride=(1,1) padding=(0,0,0,0) dilation=(1,1)",
                *lines,
                f"return %{'abcde'[len(lines)]}",
            ]
        )
    )
    found = fuse_epilogue(graph)
    assert [node.op for node in found.nodes] == ["max_pool", "map"][:ops]
    assert_same(graph, found)


def test_the_later_operand_takes_the_residual() -> None:
    for operands in ("%first, %second", "%second, %first"):
        graph = graph_of(f"""
{HEAD}
%first: real[2,1,1] = bconv(%s) {BARE}  // first
%second: real[2,1,1] = bconv(%s) {BARE}  // second
%y: real[2,1,1] = add({operands})
return %y""")
        found = fuse_epilogue(graph)
        assert [(node.source, node.inputs) for node in found.nodes[1:]] == [
            ("first", ("s",)),
            ("second", ("s", "first")),
        ]
        assert_same(graph, found)


def test_an_operand_that_cannot_take_it_leaves_it_to_the_other() -> None:
    graph = graph_of(f"""
{HEAD}
%first: real[2,1,1] = bconv(%s) {BARE}  // first
%second: real[2,1,1] = bconv(%s) {BARE}  // second
%bent: real[2,1,1] = clamp(%second) low=-1.0 high=1.0
%y: real[2,1,1] = add(%first, %bent)
return %y""")
    found = fuse_epilogue(graph)
    assert [(node.source, node.inputs) for node in found.nodes[1:]] == [("second", ("s",)), ("first", ("s", "bent"))]
    assert_same(graph, found)


def test_a_sum_with_a_sign_reads_it_as_bits() -> None:
    text = f"{HEAD}\n%a: real[2,1,1] = bconv(%s) {BARE}\n%y: real[2,1,1] = add(%a, %s)\nreturn %y"
    assert_becomes(fuse_epilogue, text, text.replace("add(%a, %s)", "map(%s, %a) residual=1"))


def test_nothing_is_joined_behind_a_sign() -> None:
    """The comparison is the last step: the shift behind the PReLU is no longer its ``after``."""
    graph = graph_of(f"""
{HEAD}
%a: real[2,1,1] = bconv(%s) {BARE}
%bent: real[2,1,1] = prelu(%a) slope=float32[2]{{0.5}}
%bits: sign[2,1,1] = map(%bent)
%y: real[2,1,1] = affine(%bent) {SHIFT}1.0}}
return %y, %bits""")
    found = fuse_epilogue(graph)
    assert [(node.op, len(node.outputs)) for node in found.nodes[1:]] == [("bconv", 2), ("map", 1)]
    assert_same(graph, found)


def test_the_same_operand_twice() -> None:
    graph = graph_of(f"{HEAD}\n%a: real[2,1,1] = bconv(%s) {BARE}\n%y: real[2,1,1] = add(%a, %a)\nreturn %y")
    found = fuse_epilogue(graph)
    assert [node.inputs for node in found.nodes[1:]] == [("s",), ("a", "a")]
    assert_same(graph, found)


def test_the_first_sign_of_a_value_is_an_output_and_the_second_a_map() -> None:
    assert_becomes(
        fuse_epilogue,
        f"""
{HEAD}
%y: real[2,1,1] = bconv(%s) {BARE}
%one: sign[2,1,1] = map(%y) threshold=float32[2]{{1.0}}
%two: sign[2,1,1] = map(%y) threshold=float32[2]{{2.0}}
return %one, %two""",
        f"""
{HEAD}
%y: real[2,1,1], %one: sign[2,1,1] = bconv(%s) {BARE} threshold=float32[2]{{1.0}}
%two: sign[2,1,1] = map(%y) threshold=float32[2]{{2.0}}
return %one, %two""",
    )


def test_an_only_sign_leaves_no_real_output() -> None:
    assert_becomes(
        fuse_epilogue,
        f"{HEAD}\n%y: real[2,1,1] = bconv(%s) {BARE}\n%b: sign[2,1,1] = map(%y) threshold=float32[2]{{1.0}}\nreturn %b",
        f"{HEAD}\n%b: sign[2,1,1] = bconv(%s) {BARE} threshold=float32[2]{{1.0}}\nreturn %b",
    )


def test_an_output_of_the_graph_stays_what_it_is() -> None:
    graph = graph_of(f"""
{HEAD}
%y: real[2,1,1] = bconv(%s) {BARE}
%z: real[2,1,1] = clamp(%y) low=-1.0 high=1.0
return %y, %z""")
    found = fuse_epilogue(graph)
    assert "%z: real[2,1,1] = map(%y) activation=clamp low=-1.0 high=1.0" in to_text(found)
    assert_same(graph, found)
