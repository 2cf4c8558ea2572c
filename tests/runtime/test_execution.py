"""Every target against the interpreter, over random fused graphs and at the edges of each operation."""

from ast import literal_eval
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler.interpreter import run
from signwise.compiler.ir import Graph, Node, Type, Value
from signwise.compiler.ops import infer
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.compiler.text import parse
from tests.export.random_graphs import graphs
from tests.runtime.plans import assert_same, every_op, results, with_slots
from tests.runtime.targets import TARGETS

EDGES = np.float32([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 0.5, -2.0, 3.0])


def whole_numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    x = rng.integers(-3, 4, shape).astype(np.float32)
    return np.where(rng.random(shape) < 0.1, np.float32(-0.0), x)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_random_graphs(target, graph, data):
    outputs = data.draw(st.lists(st.sampled_from(graph.outputs), min_size=1, max_size=3, unique=True))
    images, threads = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    graph = with_slots(replace(graph, outputs=tuple(outputs)))
    assert_same(graph, whole_numbers(rng, (images, *graph.input.type.shape)), target, threads)


def one(body: str, shape: str = "real[3,5,4]", returned: str = "%y") -> Graph:
    return with_slots(parse(f"input %x: {shape}\n{body}\nreturn {returned}"))


@pytest.mark.parametrize("target", TARGETS)
def test_every_operation(target):
    rng = np.random.default_rng(0)
    x = whole_numbers(rng, (2, 4, 6, 5))
    expected = run(every_op(), x)
    for threads in (1, 3):
        for name, found in results(every_op(), x, target, threads).items():
            np.testing.assert_allclose(found, expected[name], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", [1, 3, 8, 64, 65])
def test_map_of_every_edge(target, channels):
    """Zeros, NaN, infinities and denormals through thresholds in both directions."""
    numbers = ",".join(map(str, EDGES))
    cases = f"float32[{channels}]{{" + ",".join(str(EDGES[i % len(EDGES)]) for i in range(channels)) + "}"
    directions = f"int8[{channels}]{{" + ",".join(str(1 - 2 * (i % 2)) for i in range(channels)) + "}"
    shape = f"[{channels},1,{len(EDGES)}]"
    graph = one(
        f"%a: sign{shape} = map(%x)\n%b: sign{shape} = map(%x) threshold={cases} direction={directions}\n"
        f"%c: real{shape}, %d: sign{shape} = map(%x) activation=clamp low=-1.0 high=0.0\n"
        f"%e: real{shape} = map(%x, %c) residual=1 activation=prelu slope={cases}\n"
        f"%f: real{shape} = map(%a) scale={cases} shift={cases}",
        f"real{shape}",
        "%a, %b, %c, %d, %e, %f",
    )
    x = np.broadcast_to(np.float32(numbers.split(",")), (1, channels, 1, len(EDGES)))
    assert_same(graph, np.ascontiguousarray(x), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("pad_value", "zero_point"), [(0, 0), (1, 0), (-1, 0), (0, 1)])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "padding"),
    [
        ((1, 1), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
        ((5, 1), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
        ((4, 7), (5, 2), (3, 2), (1, 3), (4, 0, 3, 5)),
        ((2, 2), (2, 2), (1, 1), (5, 4), (5, 4, 5, 4)),  # both taps of a row are never inside at once
        ((3, 3), (1, 1), (2, 1), (1, 1), (4, 4, 4, 4)),  # windows wholly outside
        ((6, 6), (3, 3), (2, 2), (2, 2), (2, 2, 2, 2)),
    ],
)
def test_borders_of_binary_convolutions(target, pad_value, zero_point, size, kernel, stride, dilation, padding):
    rng = np.random.default_rng(1)
    out = [
        (size[i] + padding[i] + padding[i + 2] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2)
    ]
    attrs = f"stride={stride} padding={padding} dilation={dilation}".replace(", ", ",")
    weight = ",".join(map(str, rng.choice([-1, 1], 5 * 3 * kernel[0] * kernel[1])))
    graph = one(
        f"%s: sign[3,{size[0]},{size[1]}] = map(%x)\n"
        f"%y: real[5,{out[0]},{out[1]}] = bconv(%s) {attrs} groups=1 pad_value={pad_value} zero_point={zero_point} "
        f"weight=int8[5,3,{kernel[0]},{kernel[1]}]{{{weight}}}",
        f"real[3,{size[0]},{size[1]}]",
    )
    assert_same(graph, rng.standard_normal((2, 3, *size)).astype(np.float32), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (65, 65), (130, 2), (192, 3), (34, 17)])
def test_groups_and_counts(target, channels, groups):
    rng = np.random.default_rng(channels)
    outputs = 3 * groups
    weight = ",".join(map(str, rng.choice([-1, 1], outputs * channels // groups * 9)))
    limits = ",".join(map(str, rng.choice([-(2**31), -3, 0, 1, 2, 2**31 - 1], outputs)))
    directions = ",".join(map(str, rng.choice([-1, 1], outputs)))
    shared = (
        f"stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups={groups} pad_value=0 zero_point=0 "
        f"weight=int8[{outputs},{channels // groups},3,3]{{{weight}}} direction=int8[{outputs}]{{{directions}}}"
    )
    graph = one(
        f"%s: sign[{channels},3,2] = map(%x)\n"
        f"%y: sign[{outputs},3,2] = bconv(%s) {shared} count_threshold=int32[{outputs}]{{{limits}}}\n"
        f"%z: real[{outputs},3,2], %t: sign[{outputs},3,2] = bconv(%s) {shared}",
        f"real[{channels},3,2]",
        "%y, %z, %t",
    )
    assert_same(graph, rng.standard_normal((1, channels, 3, 2)).astype(np.float32), target, threads=2)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div"])
def test_broadcasting(op):
    shapes = [(3, 4, 2), (1, 4, 2), (3, 1, 2), (3, 4, 1), (3, 1, 1), (1, 4, 1), (1, 1, 2), (1, 1, 1)]
    rng = np.random.default_rng(2)
    for a, b in product(shapes, shapes):
        out = tuple(map(max, a, b))
        body, names = [], {}
        for name, shape in (("a", a), ("b", b)):
            names[name] = f"[{','.join(map(str, shape))}]"
            values = ",".join(map(str, rng.standard_normal(int(np.prod(shape)))))
            body.append(f"%{name}: real{names[name]} = constant() value=float32{names[name]}{{{values}}}")
        body.append(f"%y: real[{','.join(map(str, out))}] = {op}(%a, %b)")
        assert_same(one("\n".join(body)), np.zeros((1, 3, 5, 4), np.float32), "scalar", threads=2)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 1), (9, 4, 4), (3, 7, 8)])
@pytest.mark.parametrize("edges", [(0, 0), (1, 1), (1, 2), (2, 0)])
def test_constants_that_are_stored_as_a_frame(shape, edges):
    value = np.random.default_rng(4).integers(-9, 9, shape).astype(np.float32)
    for axis, edge in zip((1, 2), edges, strict=True):
        inside = np.clip(np.arange(shape[axis]), edge, max(shape[axis] - 1 - edge, edge))
        value = np.take(value, np.minimum(inside, shape[axis] - 1), axis)
    size, values = ",".join(map(str, shape)), ",".join(map(str, value.ravel()))
    graph = one(f"%y: real[{size}] = constant() value=float32[{size}]{{{values}}}")
    y = results(graph, np.zeros((2, 3, 5, 4), np.float32), "scalar", threads=2)["y"]
    assert np.array_equal(np.broadcast_to(value, y.shape), y)


def test_means_over_every_choice_of_axes():
    x = np.random.default_rng(3).standard_normal((2, 19, 6, 5)).astype(np.float32)
    for axes in ("c", "h", "w", "c,h", "c,w", "h,w", "c,h,w"):
        shape = ",".join("1" if axis in axes else size for axis, size in zip("chw", ("19", "6", "5"), strict=True))
        graph = one(f"%y: real[{shape}] = mean(%x) axes=({axes})", "real[19,6,5]")
        np.testing.assert_allclose(results(graph, x, "scalar")["y"], run(graph, x)["y"], atol=1e-6, err_msg=axes)


@pytest.mark.parametrize("align_corners", ["true", "false"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_resizes(mode, align_corners):
    x = np.random.default_rng(4).standard_normal((1, 3, 5, 4)).astype(np.float32)
    for height, width in [(5, 4), (1, 1), (10, 8), (3, 7), (13, 2)]:
        body = f"%y: real[3,{height},{width}] = resize(%x) mode={mode} align_corners={align_corners} "
        assert_same(one(f"{body} size=({height},{width})".replace("  ", " ")), x, "scalar")


@pytest.mark.parametrize(
    ("function", "relative", "absolute"),
    [
        *((name, 0, 0) for name in ("abs", "sqrt", "square", "reciprocal")),
        *(("exp", 2e-7, 2e-45), ("sigmoid", 2e-7, 3e-39), ("tanh", 2e-7, 0)),
    ],
)
def test_functions(function, relative, absolute):
    """Against float64, over all magnitudes; special values as NumPy has them."""
    rng = np.random.default_rng(5)
    with np.errstate(all="ignore"):
        wide = rng.integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
        near = rng.uniform(-110, 110, 4000).astype(np.float32), rng.standard_normal(4000).astype(np.float32)
        x = np.concatenate([wide, *near, EDGES])
        graph = one(f"%y: real[1,1,{len(x)}] = unary(%x) function={function}", f"real[1,1,{len(x)}]")
        found = results(graph, x.reshape(1, 1, 1, -1), "scalar")["y"].ravel()
        exact = {
            "abs": np.abs, "sqrt": np.sqrt, "square": np.square, "reciprocal": np.reciprocal, "exp": np.exp,
            "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "tanh": np.tanh,
        }[function](x.astype(np.float64)).astype(np.float32)  # fmt: skip
    np.testing.assert_allclose(found, exact, rtol=relative, atol=absolute)
    zeros = exact == 0
    if function in ("sqrt", "tanh"):
        np.testing.assert_array_equal(np.signbit(found)[zeros], np.signbit(exact)[zeros])


@pytest.mark.parametrize("kind", ["real", "sign"])
def test_moves_of_many_channels(kind):
    """Across the words of 64 bits that hold the channels."""
    graph = one(
        f"%v: {kind}[150,3,2] = map(%x)\n"
        f"%a: {kind}[49,2,1] = slice(%v) start=(3,0,1) step=(3,2,1) size=(49,2,1)\n"
        f"%b: {kind}[70,2,1] = slice(%v) start=(61,1,0) step=(1,1,2) size=(70,2,1)\n"
        f"%c: {kind}[189,2,1] = concat(%b, %a, %b)\n"
        f"%d: {kind}[189,4,4] = pad(%c) padding=(1,1,1,2) value=-1.0\n"
        f"%e: {kind}[378,1,1] = flatten(%c)\n"
        f"%f: {kind}[7,6,9] = reshape(%e) shape=(7,6,9)",
        "real[150,3,2]",
        "%a, %c, %d, %e, %f",
    )
    x = np.random.default_rng(7).standard_normal((2, 150, 3, 2)).astype(np.float32)
    for threads in (1, 3):
        assert_same(graph, x, "scalar", threads)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", [1, 8, 24, 70, 130])
def test_results_written_over_the_residual(target, channels):
    rng, shape = np.random.default_rng(8), f"[{channels},5,7]"
    weight = ",".join(map(str, rng.choice([-1, 1], channels * channels * 9)))
    binary = (
        "stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0 residual=1 "
        f"activation=clamp low=-9.0 high=9.0 weight=int8[{channels},{channels},3,3]{{{weight}}}"
    )
    pool = "kernel=(3,3) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) residual=1"
    graph = plan_memory(
        parse(
            f"input %x: real{shape}\n%s: sign{shape} = map(%x)\n"
            f"%a: real{shape}, %t: sign{shape} = bconv(%s, %x) {binary}\n%b: real{shape} = bconv(%t, %a) {binary}\n"
            f"%c: real{shape} = max_pool(%t, %b) {pool}\nreturn %c"
        )
    )
    slots = graph.values()
    assert len({slots[name].slot for name in "xabc"}) == 1
    for threads in (1, 3):
        assert_same(graph, whole_numbers(rng, (2, channels, 5, 7)), target, threads)


def test_channels_that_come_together_and_alone():
    index = "0,1,2,3,1,2,2,3,-1,-1,5,4,2,3,-1,0,8"
    graph = one(f"%y: real[17,2,3] = channels(%x) index=int32[17]{{{index}}}", "real[9,2,3]")
    x = np.random.default_rng(0).standard_normal((2, 9, 2, 3)).astype(np.float32)
    for threads in (1, 2):
        assert_same(graph, x, "scalar", threads)


@pytest.mark.parametrize("target", TARGETS)
def test_many_threads_give_the_same_bits(target):
    """Sums of reals too: a result does not depend on how the work is shared."""
    rng = np.random.default_rng(6)
    weight = ",".join(map(str, rng.standard_normal(70 * 5 * 9)))
    graph = one(
        f"%c: real[70,9,7] = conv(%x) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 "
        f"weight=float32[70,5,3,3]{{{weight}}}\n"
        "%p: real[70,4,3] = avg_pool(%c) kernel=(2,3) stride=(2,2) padding=(0,0,0,0) dilation=(1,1) divisor=6\n"
        "%y: real[70,1,1] = mean(%p) axes=(h,w)",
        "real[5,9,7]",
    )
    x = rng.standard_normal((3, 5, 9, 7)).astype(np.float32)
    alone = results(graph, x, target)["y"]
    np.testing.assert_allclose(alone, run(graph, x)["y"], rtol=1e-4, atol=1e-5)
    for threads in (2, 3, 4, 7):
        np.testing.assert_array_equal(results(graph, x, target, threads)["y"], alone)


@pytest.mark.parametrize("target", TARGETS)
def test_max_pool_takes_the_first_of_equals_and_no_nan(target):
    cells = np.float32([[np.nan, np.nan, -0.0, 0.0], [0.0, -0.0, np.nan, -np.inf], [-np.inf, 1, np.nan, np.nan]])
    graph = one(
        "%y: real[1,2,3], %s: sign[1,2,3] = max_pool(%x) kernel=(2,2) stride=(1,1) padding=(0,0,0,0) dilation=(1,1)\n"
        "%b: sign[1,3,4] = map(%x)\n"
        "%t: sign[1,4,3] = max_pool(%b) kernel=(2,3) stride=(1,2) padding=(1,1,1,2) dilation=(1,1)\n"
        "%f: real[1,4,3] = max_pool(%b) kernel=(2,3) stride=(1,2) padding=(1,1,1,2) dilation=(1,1)\n"
        "%o: sign[1,5,6] = max_pool(%b) kernel=(1,1) stride=(1,1) padding=(1,1,1,1) dilation=(1,1)\n"
        "%q: real[2,5,6] = bconv(%o) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 "
        "weight=int8[2,1,1,1]{1,-1}",  # bits beyond the channel would count
        "real[1,3,4]",
        "%y, %s, %t, %f, %o, %q",
    )
    assert_same(graph, cells[None, None], target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("pool", "window", "out"),
    [
        ("max_pool", "kernel=(3,3) stride=(2,2) padding=(1,1,1,1) dilation=(1,1)", (21, 21)),
        ("max_pool", "kernel=(2,2) stride=(5,1) padding=(0,0,0,0) dilation=(1,2)", (8, 39)),
        ("max_pool", "kernel=(2,1) stride=(1,1) padding=(9,0,9,0) dilation=(7,1)", (52, 41)),
        ("max_pool", "kernel=(45,1) stride=(1,1) padding=(22,0,22,0) dilation=(1,1)", (41, 41)),  # larger than the map
        ("avg_pool", "kernel=(4,2) stride=(1,2) padding=(0,0,0,1) dilation=(1,1) divisor=8", (38, 21)),
    ],
)
def test_convolution_with_a_pool_behind_it(target, pool, window, out):
    """Large enough to be carried out together, with and without an epilogue on the pool."""
    rng, (height, width) = np.random.default_rng(5), out
    weight = ",".join(map(str, rng.integers(-2, 3, 40 * 2 * 9)))
    graph = parse(
        f"input %x: real[2,41,41]\n"
        f"%c: real[40,41,41] = conv(%x) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 activation=clamp "
        f"low=-8.0 high=64.0 weight=float32[40,2,3,3]{{{weight}}}\n"
        f"%y: real[40,{height},{width}] = {pool}(%c) {window}\n"
        f"%d: real[40,41,41] = conv(%x) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 "
        f"weight=float32[40,2,3,3]{{{weight}}}\n"
        f"%z: real[40,{height},{width}], %s: sign[40,{height},{width}] = {pool}(%d) {window} scale=float32[40]{{0.5}} "
        f"shift=float32[40]{{1.0}} threshold=float32[40]{{3.0}}\nreturn %y, %z, %s"
    )
    x = whole_numbers(rng, (2, 2, 41, 41))
    for threads in (1, 3):
        assert_same(plan_memory(graph), x, target, threads)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("channels", "outputs", "size", "kernel", "rest"),
    [
        (3, 64, (19, 18), (7, 7), "stride=(2,2) padding=(3,3,3,3) dilation=(1,1)"),
        (1, 17, (5, 1), (3, 3), "stride=(1,1) padding=(1,1,1,1) dilation=(1,1)"),
        (5, 130, (6, 7), (2, 3), "stride=(1,2) padding=(0,2,1,4) dilation=(2,3)"),
        (3, 16, (3, 3), (1, 1), "stride=(2,1) padding=(4,4,4,4) dilation=(1,1)"),  # windows wholly outside
        (600, 8, (1, 1), (1, 1), "stride=(1,1) padding=(0,0,0,0) dilation=(1,1)"),
    ],
)
def test_convolutions_of_bytes(target, channels, outputs, size, kernel, rest):
    """Integers are exact: extremes of bytes and weights among them, and whatever lies around the image."""
    rng = np.random.default_rng(6)
    weight = rng.integers(-127, 128, (outputs, channels, *kernel))
    weight = np.where(rng.random(weight.shape) < 0.2, 127 * np.sign(weight), weight).astype(np.int8)
    x = rng.integers(0, 256, (2, channels, *size), dtype=np.uint8)
    x[1] = 255
    stride, padding, dilation = (literal_eval(part.split("=")[1]) for part in rest.split())
    attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
    consts = {
        "weight": weight,
        "outside": rng.integers(0, 256, channels).astype(np.int32),
        "scale": rng.standard_normal(outputs).astype(np.float32),
        "shift": rng.standard_normal(outputs).astype(np.float32),
    }
    bytes_ = Type("byte", (channels, *size))
    (real,) = infer(Node("conv", ("x",), (), attrs, consts), [bytes_])
    outputs_ = (Value("y", real), Value("s", replace(real, kind="sign")))
    graph = with_slots(Graph(Value("x", bytes_), (Node("conv", ("x",), outputs_, attrs, consts),), ("y", "s")))
    for threads in (1, 3):
        assert_same(graph, x.astype(np.float32), target, threads)
