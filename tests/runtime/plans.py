"""Graphs for the runtime's tests: slots, every operation, and runs compared with the interpreter."""

from dataclasses import replace

import numpy as np

from signwise.compiler.interpreter import run
from signwise.compiler.ir import Graph, Value
from signwise.compiler.plan import write
from signwise.compiler.text import parse
from signwise.runtime.session import load

EVERY_OP = """meta "classes" = "zwölf\\nBoxkämpfer"
input %x: real[4,6,5]
%s: sign[4,6,5] = map(%x) scale=float32[4]{1.0,-2.0,0.0,-0.0} shift=float32[4]{0.5} \
threshold=float32[4]{0.0,1.0,-1.0,nan}
%stem: real[6,6,5] = conv(%x) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=2 activation=clamp low=-0.3 \
high=inf weight=float32[6,2,3,3]{0.5}  // stem
%mixed: real[6,3,3], %bits: sign[6,3,3] = bconv(%s) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) groups=2 \
pad_value=-1 zero_point=0 activation=prelu weight=int8[6,2,3,3]{1} scale=float32[6]{0.5,-0.5,1.0,0.0,2.0,3.0} \
shift=float32[6]{1.0} slope=float32[6]{0.25} before=float32[6]{-3.0} after=float32[6]{1.0} threshold=float32[6]{0.5} \
direction=int8[6]{1,-1,1,-1,1,-1}
%levels: real[6,3,3] = bconv(%bits, %mixed) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 \
zero_point=1 residual=1 weight=int8[6,6,3,3]{-1}  // layer1
%fast: sign[2,3,3] = bconv(%bits) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0 \
weight=int8[2,6,3,3]{1} direction=int8[2]{1,-1} count_threshold=int32[2]{-2147483648,3}
%most: sign[2,2,2] = max_pool(%fast) kernel=(2,2) stride=(1,1) padding=(0,0,0,0) dilation=(1,1)
%largest: real[6,3,3], %large: sign[6,3,3] = max_pool(%stem) kernel=(2,3) stride=(2,2) padding=(0,1,0,1) \
dilation=(1,1) threshold=float32[6]{1.0}
%inside: real[6,2,2] = avg_pool(%levels) kernel=(3,3) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) divisor=window
%whole: real[6,2,2] = avg_pool(%levels) kernel=(3,3) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) divisor=9
%unpacked: real[2,2,2] = map(%most) activation=clamp low=0.0 high=1.0
%sum: real[6,2,2] = add(%inside, %whole)
%big: real[1,2,2] = constant() value=float32[1,2,2]{1.0,2.0,3.0,nan}
%rest: real[6,2,2] = sub(%sum, %big)
%middle: real[6,1,1] = mean(%rest) axes=(h,w)
%product: real[6,2,2] = mul(%middle, %rest)
%ratio: real[6,2,2] = div(%product, %sum)
%root: real[6,2,2] = unary(%ratio) function=sqrt
%near: real[6,3,5] = resize(%sum) mode=nearest align_corners=false size=(3,5)
%between: real[2,4,4] = resize(%unpacked) mode=bilinear align_corners=true size=(4,4)
%framed: sign[2,3,3] = pad(%most) padding=(0,0,1,1) value=-1.0
%part: sign[1,2,3] = slice(%framed) start=(1,0,0) step=(1,2,1) size=(1,2,3)
%wide: real[3,4,4] = channels(%between) index=int32[3]{1,-1,0}
%both: real[5,4,4] = concat(%between, %wide)
%signs: sign[8,3,3] = concat(%large, %fast)
%flat: sign[72,1,1] = flatten(%signs)
%again: real[5,2,8] = reshape(%both) shape=(5,2,8)
return %near, %root, %part, %flat, %again, %stem"""


def every_op() -> Graph:
    """Each operation of a fused graph at least once."""
    return with_slots(parse(EVERY_OP))


def with_slots(graph: Graph) -> Graph:
    """A slot for every value, the first whose value is no longer needed."""
    last = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    until: list[int] = []

    def place(value: Value, made: int) -> Value:
        slot = next((slot for slot, end in enumerate(until) if end < made), len(until))
        until[slot : slot + 1] = [last.get(value.name, made)]
        return replace(value, slot=slot)

    image = place(graph.input, -1)
    nodes = (
        node.with_(outputs=tuple(place(value, index) for value in node.outputs))
        for index, node in enumerate(graph.nodes)
    )
    return replace(graph, input=image).with_nodes(nodes)


def results(graph: Graph, x: np.ndarray, target: str, threads: int = 1) -> dict[str, np.ndarray]:
    """What the runtime makes of a graph with slots, in the interpreter's shapes."""
    found = load(write(graph), threads=threads, target=target)(x)
    found = found if isinstance(found, dict) else {graph.outputs[0]: found}
    shapes = {name: value.type.shape for name, value in graph.values().items()}
    return {name: array.reshape(len(x), *shapes[name]) for name, array in found.items()}


def assert_same(graph: Graph, x: np.ndarray, target: str, threads: int = 1) -> None:
    """The runtime's results are the interpreter's, to the last bit; NaNs are all alike."""
    expected, found = run(graph, x), results(graph, x, target, threads)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array.astype(np.float32), err_msg=name)
        zeros = array == 0
        np.testing.assert_array_equal(
            np.signbit(found[name])[zeros], np.signbit(array)[zeros], err_msg=f"zeros of {name}"
        )
