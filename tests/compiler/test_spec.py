"""What a graph may say: one broken rule at a time in a graph that keeps them all."""

import re
from dataclasses import replace

import numpy as np
import pytest

from signwise.compiler.ir import Graph, Node, Type, Value
from signwise.compiler.ops import infer
from signwise.compiler.spec import check, check_fused
from signwise.compiler.text import parse
from signwise.core.errors import LoweringError


def rejected(graph: Graph, message: str) -> None:
    with pytest.raises(LoweringError, match=f"^SW401: {re.escape(message)}$"):
        check(graph)


STEM, MIXED, FAST = "conv %stem (stem): ", "bconv %mixed: ", "bconv %fast: "
NAMES = (
    "expected letters, digits, _ and . after a letter or _, and another ending than '.count', which is a trace's name "
    "for what a bconv counts"
)
DIVISOR = "attribute 'divisor' is {}; expected 'window' or an integer of at least 1"
AXES = "mean %middle: attribute 'axes' is {}; expected a tuple of some of 'c', 'h', 'w'"
WEIGHT = (
    "weight ({}, 2, 3, 3) with groups={} does not fit real[4,6,5]; expected (O, C / groups, KH, KW) of at least 1 "
    "each, O a multiple of groups"
)
GIVE = "its inputs, attributes and constants give"
CUT = "slice %part: start={} step=(1, 2, 1) size={} leaves sign[2,3,3]; take less"
CONCAT = "concat %both: inputs {}, {} do not fit; expected one kind, one height and one width"
COUNTS = "count_threshold is for a bconv with a sign output only, and goes with nothing but direction"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # names
        ("%x: real", "%x: sign", "input %x is sign[4,6,5]; expected real or byte, every size at least 1"),
        ("[4,6,5]\n%stem", "[4,0,5]\n%stem", "input %x is real[4,0,5]; expected real or byte, every size at least 1"),
        ("%sum: real", "%inside: real", "add defines %inside a second time; every value needs a name of its own"),
        (
            "%sum: real",
            "%2nd: real",
            "add defines a value named '2nd'; " + NAMES,
        ),
        ("%sum: real", "%s.count: real", "add defines a value named 's.count'; " + NAMES),
        (
            "prelu(%cut)",
            "prelu(%cuts)",
            "prelu %bent: reads %cuts, which no earlier node defines",
        ),
        (
            "conv(%x)",
            "conv(%stem)",
            STEM + "reads %stem, which no earlier node defines",
        ),
        (
            "return %again,",
            "return %middle,",
            "the graph returns ('middle', 'middle', 'part'); expected one value or more, each once",
        ),
        # operations, inputs, attributes
        (
            "div(%product",
            "divide(%product",
            "divide %ratio: unknown operation 'divide'; did you mean 'div'? Known: add,",
        ),
        ("sub(%sum, %plain)", "sub(%sum)", "sub %rest: has 1 inputs; expected 2"),
        ("(%s, %count)", "(%s)", MIXED + "has 1 inputs; expected 2"),
        ("concat(%large, %wide)", "concat()", "concat %both: has 0 inputs; expected one or more"),
        ("constant()", "constant(%x)", "constant %big: has 1 inputs; expected 0"),
        ("function=sqrt", "", "unary %root: attribute 'function' is missing; expected: function"),
        (
            "function=sqrt",
            "function=cos",
            "unary %root: attribute 'function' is 'cos'; expected 'abs' or 'sqrt' or 'exp' or 'sigmoid' or 'tanh' or "
            "'reciprocal' or 'square'",
        ),
        (
            "stride=(1,1) padding",
            "strides=(1,1) padding",
            STEM
            + "unknown attribute 'strides'; did you mean 'stride'? Known: activation, dilation, groups, high, low, "
            "padding, residual, stride",
        ),
        ("stride=(1,1)", "stride=(1,0)", STEM + "attribute 'stride' is (1, 0); expected 2 integers of at least 1"),
        ("stride=(1,1)", "stride=1", STEM + "attribute 'stride' is 1; expected 2 integers of at least 1"),
        (
            "padding=(1,1,1,1)",
            "padding=(1,1)",
            STEM + "attribute 'padding' is (1, 1); expected 4 integers of at least 0",
        ),
        ("groups=2", "groups=true", STEM + "attribute 'groups' is True; expected an integer of at least 1"),
        ("divisor=9", "divisor=0", "avg_pool %whole: " + DIVISOR.format(0)),
        ("divisor=9", "divisor=9.0", "avg_pool %whole: " + DIVISOR.format(9.0)),
        ("low=-inf", "low=0", "clamp %cut: attribute 'low' is 0; expected a float"),
        ("low=-inf", "low=nan", "clamp %cut: attribute 'low' is nan; expected a float"),
        ("low=-inf", "low=2.0", "clamp %cut: low=2.0 is above high=1.5"),
        ("axes=(h,w)", "axes=(h,h)", AXES.format(("h", "h"))),
        ("axes=(h,w)", "axes=(n)", AXES.format(("n",))),
        (
            "align_corners=false",
            "align_corners=0",
            "resize %large: attribute 'align_corners' is 0; expected False or True",
        ),
        # constants
        (" index=int32[3]{1,-1,0}", "", "channels %wide: constant 'index' is missing; expected: index"),
        (
            "value=float32",
            "values=float32",
            "constant %big: unknown constant 'values'; did you mean 'value'? Known: value",
        ),
        (
            "value=float32",
            "value=float64",
            "constant %big: constant 'value' is float64 of 3 dimensions; expected float32 of 3",
        ),
        (
            "index=int32[3]",
            "index=int32[1,3]",
            "channels %wide: constant 'index' is int32 of 2 dimensions; expected int32 of 1",
        ),
        (
            "slope=float32[4]{0.25,-1.0,1e-45,0.1}",
            "slope=float32[3]{0.0}",
            "prelu %bent: constant 'slope' has 3 elements; expected 4, one for each channel",
        ),
        (
            "threshold=float32[2]{0.0,-1.0}",
            "threshold=float32[4]{0.0}",
            MIXED + "constant 'threshold' has 4 elements; expected 2, one for each channel",
        ),
        (
            "weight=int8[2,2,3,3]{1} scale",
            "weight=int8[2,2,3,3]{0} scale",
            MIXED + "constant 'weight' holds [0]; expected -1 and 1 only",
        ),
        (
            "direction=int8[2]{1,-1}",
            "direction=int8[2]{1,0}",
            MIXED + "constant 'direction' holds [0 1]; expected -1 and 1 only",
        ),
        # types
        ("%stem: real[4,6,5]", "%stem: real[4,6,6]", STEM + f"declares real[4,6,6]; {GIVE} real[4,6,5]"),
        ("%s: sign[", "%s: real[", f"sign %s (layer1.0.conv1.activation): declares real[4,6,5]; {GIVE} sign[4,6,5]"),
        (
            "%sum: real[2,2,2] =",
            "%sum: real[2,2,2], %more: real[2,2,2] =",
            f"add %sum: declares real[2,2,2], real[2,2,2]; {GIVE} real[2,2,2]",
        ),
        ("bconv(%bits)", "bconv(%count)", FAST + "reads %count, real[2,3,3]; expected a sign value"),
        (
            "pad_value=0 zero_point=1",
            "pad_value=1 zero_point=1",
            "bconv %count: pad_value=1 and zero_point=1; with zero_point 1 it must be 0",
        ),
        ("(%s, %count)", "(%s, %bent)", MIXED + "the residual %bent is real[4,6,5]; expected real[2,3,3]"),
        ("(%s, %count)", "(%s, %s)", MIXED + "the residual %s is sign[4,6,5]; expected real[2,3,3]"),
        # shapes
        ("groups=2 weight", "groups=1 weight", STEM + WEIGHT.format(4, 1)),
        ("float32[4,2,3,3]", "float32[3,2,3,3]", STEM + WEIGHT.format(3, 2)),
        (
            "float32[4,2,3,3]",
            "float32[4,2,0,3]",
            STEM + WEIGHT.format(4, 2).replace("3, 3", "0, 3"),
        ),
        (
            "float32[4,2,3,3]",
            "float32[4,2,3,9]",
            STEM + "gives shape (4, 6, -1) for real[4,6,5]; every size must be at least 1",
        ),
        (
            "sub(%sum, %plain)",
            "sub(%sum, %mixed)",
            "sub %rest: inputs real[2,2,2] and real[2,3,3] do not fit; every size must be equal, or 1 in one of them",
        ),
        ("value=-1.0", "value=0.0", "pad %framed: value is 0.0; a sign value is padded with -1.0 or 1.0"),
        ("start=(1,0,0)", "start=(2,0,0)", CUT.format((2, 0, 0), (1, 2, 3))),
        ("size=(1,2,3)", "size=(1,3,3)", CUT.format((1, 0, 0), (1, 3, 3))),
        ("{1,-1,0}", "{2,-1,0}", "channels %wide: index has -1 to 2; expected -1 to 1 for real[2,4,4]"),
        ("{1,-1,0}", "{1,-2,0}", "channels %wide: index has -2 to 1; expected -1 to 1 for real[2,4,4]"),
        ("concat(%large, %wide)", "concat(%large, %root)", CONCAT.format("real[2,4,4]", "real[2,2,2]")),
        ("concat(%large, %wide)", "concat(%framed, %mixed)", CONCAT.format("sign[2,3,3]", "real[2,3,3]")),
        (
            "shape=(5,2,8)",
            "shape=(5,2,7)",
            "reshape %again: shape (5, 2, 7) has another number of elements than real[80,1,1]",
        ),
    ],
)
def test_each_rule(every_op: str, old: str, new: str, message: str) -> None:
    check(parse(every_op))
    changed = every_op.replace(old, new, 1)
    assert changed != every_op
    with pytest.raises(LoweringError, match=f"^SW401: {re.escape(message)}{'.*' if message.endswith(',') else ''}$"):
        check(parse(changed))


@pytest.mark.parametrize(
    ("outputs", "rest", "message"),
    [
        ("sign,real", "", "no steps, but outputs are real, sign, or real then sign; found: ['sign', 'real']"),
        ("real,real", "", "no steps, but outputs are real, sign, or real then sign; found: ['real', 'real']"),
        ("real", "scale", "scale, but scale and shift come together"),
        ("real", "shift", "shift, but scale and shift come together"),
        ("real", "activation=clamp low=0.0", "activation, low, but low and high are those of activation clamp"),
        ("real", "high=0.0", "high, but low and high are those of activation clamp"),
        (
            "real",
            "activation=prelu slope low=0.0",
            "activation, low, slope, but low and high are those of activation clamp",
        ),
        ("real", "activation=prelu", "activation, but slope is that of activation prelu"),
        ("real", "slope", "slope, but slope is that of activation prelu"),
        ("real", "activation=prelu slope before", "activation, before, slope, but before and after come together"),
        ("real", "before after", "after, before, but before and after are those of activation prelu"),
        ("real", "threshold", "threshold, but count_threshold, direction, threshold are for a sign output"),
        ("real", "direction", "direction, but count_threshold, direction, threshold are for a sign output"),
        ("real,sign", "count_threshold", "count_threshold, but " + COUNTS),
        ("sign", "count_threshold threshold", "count_threshold, threshold, but " + COUNTS),
        ("sign", "count_threshold scale shift", "count_threshold, scale, shift, but " + COUNTS),
    ],
)
def test_each_rule_of_the_epilogue(outputs: str, rest: str, message: str) -> None:
    dtypes = {"direction": "int8", "count_threshold": "int32"}
    words = [w if "=" in w else f"{w}={dtypes.get(w, 'float32')}[1]{{1}}" for w in rest.split()]
    declared = ", ".join(f"%y{i}: {kind}[1,1,1]" for i, kind in enumerate(outputs.split(",")))
    text = (
        "input %x: real[1,1,1]\n%s: sign[1,1,1] = sign(%x)\n"
        f"{declared} = bconv(%s) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 "
        f"weight=int8[1,1,1,1]{{1}} {' '.join(words)}".rstrip()
        + "\nreturn %y0"
    )
    rejected(parse(text), f"bconv %y0: its epilogue has {message}")


def test_count_threshold_is_for_bconv_only() -> None:
    graph = parse("input %x: real[1,1,1]\n%y: sign[1,1,1] = map(%x) count_threshold=int32[1]{0}\nreturn %y")
    rejected(
        graph,
        f"map %y: its epilogue has count_threshold, but {COUNTS}",
    )


def test_a_residual_of_zero_is_no_residual() -> None:
    check(
        parse(
            "input %x: real[1,1,1]\n%s: sign[1,1,1] = sign(%x)\n%y: sign[1,1,1] = bconv(%s) stride=(1,1) "
            "padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 residual=0 weight=int8[1,1,1,1]{1} "
            "count_threshold=int32[1]{0}\nreturn %y"
        )
    )


def test_the_graph_returns_what_it_defines() -> None:
    graph = parse("input %x: real[1,1,1]\n%y: sign[1,1,1] = sign(%x)\nreturn %y")
    rejected(replace(graph, outputs=("z",)), "the graph returns %z, which no node defines")
    rejected(replace(graph, outputs=()), "the graph returns (); expected one value or more, each once")


def test_a_node_has_outputs_and_a_source_of_one_line() -> None:
    graph = parse("input %x: real[1,1,1]\n%y: sign[1,1,1] = sign(%x)\nreturn %y")
    (node,) = graph.nodes
    rejected(
        graph.with_nodes((node.with_(outputs=()),)),
        "sign: declares no outputs; its inputs, attributes and constants give sign[1,1,1]",
    )
    rejected(
        graph.with_nodes((node.with_(source="a\nb"),)),
        "sign %y (a\nb): source has a line break; a module's name has none",
    )


CHAIN = """input %x: real[1,1,1]@{}
%a: real[1,1,1]@{} = map(%x)
%b: real[1,1,1]@{} = map(%a)
%c: real[1,1,1]@{}, %d: sign[1,1,1]@{} = map(%b, %x) residual=1
%e: real[1,1,1]@{} = map(%c)
return %e, %b"""


@pytest.mark.parametrize(
    "slots",
    [
        (0, 1, 2, 1, 3, 3),
        (0, 1, 2, 3, 4, 0),
        (0, 1, 2, 3, 1, 1),
        (0, 1, 2, 0, 3, 1),  # c is written over x, its residual
    ],
)
def test_slots_may_be_used_again(slots: tuple[int, ...]) -> None:
    check(parse(CHAIN.format(*slots)))


@pytest.mark.parametrize(
    ("slots", "value", "holder"),
    [
        ((0, 0, 2, 3, 4, 5), "a", "x"),  # read by its own node
        ((0, 1, 0, 3, 4, 5), "b", "x"),  # read again later
        ((0, 1, 1, 3, 4, 5), "b", "a"),
        ((0, 1, 2, 3, 3, 5), "d", "c"),  # two outputs of one node
        ((0, 1, 2, 3, 0, 5), "d", "x"),  # signs are not written where the residual is read
        ((0, 1, 2, 2, 4, 5), "c", "b"),
        ((0, 1, 2, 3, 4, 2), "e", "b"),  # b is returned
    ],
)
def test_values_alive_together_have_slots_of_their_own(slots: tuple[int, ...], value: str, holder: str) -> None:
    rejected(
        parse(CHAIN.format(*slots)),
        f"%{value} is put into slot {slots['xabcde'.index(holder)] if holder != 'd' else slots[4]} while %{holder} is "
        "still needed there",
    )


@pytest.mark.parametrize(
    "body",
    [
        "%a: real[1,1,1]@0 = map(%x, %x) residual=1",  # a convolution would read more of x
        "%a: sign[1,1,1]@0 = map(%y, %x) residual=1",
        "%a: real[1,1,1]@0 = map(%y, %x) residual=1\n%b: real[1,1,1]@2 = map(%x)",
        "%a: real[1,1,1]@0 = map(%x, %y) residual=1",
    ],
)
def test_only_a_residual_that_nobody_else_needs_is_overwritten(body: str) -> None:
    rejected(
        parse(f"input %x: real[1,1,1]@0\n%y: real[1,1,1]@1 = map(%x)\n{body}\nreturn %a, %y"),
        "%a is put into slot 0 while %x is still needed there",
    )


# --- after the passes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sign(%r)", "sign %y: is left over; expected: fused into the epilogue before it, or made a map"),
        (
            "clamp(%r) low=0.0 high=1.0",
            "clamp %y: is left over; expected: fused into the epilogue before it, or made a map",
        ),
        ("add(%r, %s)", "add %y: reads %s, sign[1,1,1]; its kernel reads real only, put a map between"),
        ("mean(%s) axes=(h)", "mean %y: reads %s, sign[1,1,1]; its kernel reads real only, put a map between"),
    ],
)
def test_what_the_passes_must_leave_nothing_of(line: str, message: str) -> None:
    kind = "sign" if line.startswith("sign") else "real"
    text = (
        "input %x: real[1,1,1]\n%r: real[1,1,1], %s: sign[1,1,1] = map(%x)\n" + f"%y: {kind}[1,1,1] = {line}\nreturn %y"
    )
    check(parse(text))
    with pytest.raises(LoweringError, match=f"^SW401: {re.escape(message)}$"):
        check_fused(parse(text))


def test_a_fused_graph_passes() -> None:
    check_fused(
        parse(
            "input %x: real[1,1,1]\n%r: real[1,1,1], %s: sign[1,1,1] = map(%x)\n%y: real[1,1,1] = bconv(%s, %r) "
            "stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 residual=1 "
            "weight=int8[1,1,1,1]{1}\nreturn %y"
        )
    )
    with pytest.raises(LoweringError, match="no earlier node"):
        check_fused(parse("input %x: real[1,1,1]\n%y: real[1,1,1] = map(%z)\nreturn %y"))


# --- inference --------------------------------------------------------------------------------------------------------


def test_inference_agrees_with_every_declared_type(every_op: str) -> None:
    graph = parse(every_op)
    types = {name: value.type for name, value in graph.values().items()}
    for node in graph.nodes:
        assert infer(node, [types[name] for name in node.inputs]) == tuple(value.type for value in node.outputs)


@pytest.mark.parametrize("kind", ["real", "sign"])
def test_inference_before_a_node_has_outputs(kind: str) -> None:
    geometry = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0, 0, 0), "dilation": (1, 1)}
    x = Type(kind, (3, 4, 5))
    assert infer(Node("max_pool", ("x",), (), geometry), [x]) == (Type(kind, (3, 2, 2)),)
    assert infer(Node("map", ("x",), ()), [x]) == (Type("real", (3, 4, 5)),)
    both = (Value("a", Type("real", (1, 1, 1))), Value("b", Type("sign", (1, 1, 1))))
    assert infer(Node("map", ("x",), both), [x]) == (Type("real", (3, 4, 5)), Type("sign", (3, 4, 5)))


def test_a_size_zero_of_a_constant() -> None:
    node = Node("constant", (), (), consts={"value": np.zeros((1, 0, 1), np.float32)})
    with pytest.raises(
        LoweringError, match=r"constant: gives shape \(1, 0, 1\) for no input; every size must be at least 1"
    ):
        infer(node, [])


STEM8 = (
    "%y: real[2,1,1] = conv(%x) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 weight=int8[2,2,1,1]{1} "
    "outside=int32[2]{7}"
)
READS = "conv %y: reads bytes with a weight {} and groups={}; expected int8, one group and at most 65536 weights in"
OUTSIDE = "conv %y: constant 'outside' is [256 256] for byte[2,1,1]; expected 0 to 255, for a byte value"
ABS = "unary %y: reads %x, byte[2,1,1]; bytes are read by conv and map alone, put a map between"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (STEM8.replace("{1}", "{-128}"), "conv %y: constant 'weight' holds -128; expected -127 to 127"),
        (STEM8.replace("int8", "float32"), READS.format("float32(2, 2, 1, 1)", 1)),
        (STEM8.replace("groups=1", "groups=2").replace("[2,2,", "[2,1,"), READS.format("int8(2, 1, 1, 1)", 2)),
        (STEM8.replace("{7}", "{256}"), OUTSIDE),
        (STEM8.replace("[2]{7}", "[3]{7}"), "constant 'outside' has 3 elements; expected 2, one for each channel"),
        ("%y: real[2,1,1] = unary(%x) function=abs", ABS),
        ("%z: real[2,1,1] = map(%x)\n%y: byte[2,1,1] = map(%z)", "outputs are real, sign, or real then sign"),
        ("%y: real[2,1,1] = map(%x)\nreturn %x", "the graph returns %x, which no node defines"),
    ],
)  # fmt: skip
def test_what_reads_bytes(body: str, message: str) -> None:
    text = f"input %x: byte[2,1,1]\n{body}" + ("" if "return" in body else "\nreturn %y")
    with pytest.raises(LoweringError, match=re.escape(message)):
        check(parse(text))


def test_bytes_are_read_by_convolutions_and_maps() -> None:
    check_fused(parse(f"input %x: byte[2,1,1]\n{STEM8}\n%z: real[2,1,1] = map(%x)\nreturn %y, %z"))
