"""The interpreter against PyTorch's functions, and its epilogue against a loop over single elements."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from signwise.compiler.interpreter import run, trace
from signwise.compiler.ir import REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.ops import infer
from signwise.compiler.spec import check
from signwise.compiler.text import parse
from signwise.core.errors import PlanError

EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e38, -1e38], np.float32)


def graph_of(op: str, shape: tuple[int, ...], inputs: int = 1, /, kinds: tuple[str, ...] = (), **rest: Any) -> Graph:
    """One operation on a real input (its signs if ``sign``), cut along the channels into as many as it needs."""
    sign, consts = rest.pop("sign", False), rest.pop("consts", {})
    channels, h, w = shape
    x = Value("x", Type(REAL, (channels * inputs, h, w)))
    nodes = []
    for i in range(inputs):
        cut = {"start": (i * channels, 0, 0), "step": (1, 1, 1), "size": (channels, h, w)}
        nodes.append(Node("slice", ("x",), (Value(f"x{i}", Type(REAL, (channels, h, w))),), cut))
    if sign:
        nodes.append(Node("sign", ("x0",), (Value("s0", Type(SIGN, (channels, h, w))),)))
    types = [Type(SIGN if sign and i == 0 else REAL, (channels, h, w)) for i in range(inputs)]
    names = tuple(f"s{i}" if sign and i == 0 else f"x{i}" for i in range(inputs))
    node = Node(op, names, tuple(Value("?", Type(kind, (1, 1, 1))) for kind in kinds), rest, consts)
    outputs = tuple(Value(f"y{i}" if i else "y", type) for i, type in enumerate(infer(node, types)))
    graph = Graph(x, (*nodes, node.with_(outputs=outputs)), tuple(value.name for value in outputs))
    check(graph)
    return graph


def apply(op: str, *inputs: np.ndarray, **rest: Any) -> np.ndarray:
    """The first output of one operation."""
    return run(graph_of(op, inputs[0].shape[1:], len(inputs), **rest), np.concatenate(inputs, 1))["y"]


def reals(seed: int, *shape: int, whole: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.integers(-8, 9, shape) if whole else rng.standard_normal(shape)).astype(np.float32)


def signs(seed: int, *shape: int) -> np.ndarray:
    return np.where(reals(seed, *shape) < 0, -1, 1).astype(np.int8)


def same(a: np.ndarray, b: np.ndarray) -> None:
    """Equal in dtype, shape and bits; any NaN equals any other."""
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype == np.float32:
        assert (np.isnan(a) == np.isnan(b)).all()
        a, b = (np.nan_to_num(v, nan=0.5).view(np.int32) for v in (a, b))
    np.testing.assert_array_equal(a, b)


@st.composite
def geometries(draw: st.DrawFn) -> dict[str, Any]:
    """A window and an image on which it fits at least once."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    found = {"kernel": draw(pair), "stride": draw(pair), "dilation": draw(pair)}
    found["padding"] = draw(st.tuples(*[st.integers(0, 2)] * 4))
    top, left, bottom, right = found["padding"]
    reach = [d * (k - 1) + 1 for d, k in zip(found["dilation"], found["kernel"], strict=True)]
    least = [max(1, reach[0] - top - bottom), max(1, reach[1] - left - right)]
    found["size"] = tuple(draw(st.integers(n, n + 6)) for n in least)
    return found


def padded(x: np.ndarray, geometry: dict[str, Any], value: float) -> Tensor:
    top, left, bottom, right = geometry["padding"]
    return F.pad(torch.from_numpy(x).double(), (left, right, top, bottom), value=value)


@settings(max_examples=60, deadline=None)
@given(geometries(), st.sampled_from([1, 2, 3]), st.sampled_from([1, 3, 17]), st.integers(1, 3), st.integers(0, 99))
def test_conv_is_torchs(geometry: dict[str, Any], groups: int, per_group: int, batch: int, seed: int) -> None:
    size, kernel = geometry.pop("size"), geometry.pop("kernel")
    x = reals(seed, batch, groups * per_group, *size)
    weight = reals(seed + 1, 2 * groups, per_group, *kernel)
    y = apply("conv", x, **geometry, groups=groups, consts={"weight": weight})
    expected = F.conv2d(
        padded(x, geometry, 0),
        torch.from_numpy(weight).double(),
        stride=geometry["stride"],
        dilation=geometry["dilation"],
        groups=groups,
    )
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-6, atol=1e-6)


def test_conv_sums_in_float64_and_rounds_once() -> None:
    x = np.array([2.0**24, 1, 1], np.float32).reshape(1, 3, 1, 1)
    y = apply("conv", x, **POINT, groups=1, consts={"weight": np.ones((1, 3, 1, 1), np.float32)})
    assert y.item() == 2.0**24 + 2


POINT = {"stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1)}


@settings(max_examples=60, deadline=None)
@given(
    geometries(),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([1, 3, 17, 65]),
    st.integers(1, 3),
    st.sampled_from([(0, 0), (1, 0), (-1, 0), (0, 1)]),
    st.integers(0, 99),
)
def test_bconv_counts_exactly(
    geometry: dict[str, Any], groups: int, per_group: int, batch: int, pad: tuple[int, int], seed: int
) -> None:
    size, kernel = geometry.pop("size"), geometry.pop("kernel")
    x = reals(seed, batch, groups * per_group, *size, whole=True)
    weight = signs(seed + 1, 2 * groups, per_group, *kernel)
    attrs = {**geometry, "groups": groups, "pad_value": pad[0], "zero_point": pad[1]}
    values = trace(graph_of("bconv", x.shape[1:], sign=True, **attrs, consts={"weight": weight}), x)
    expected = F.conv2d(
        padded(np.where(x >= 0, 1, -1) + pad[1], geometry, pad[0]),
        torch.from_numpy(weight).double(),
        stride=geometry["stride"],
        dilation=geometry["dilation"],
        groups=groups,
    ).numpy()
    same(values["y.count"], expected.astype(np.int32))
    same(values["y"], expected.astype(np.int32).astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(geometries(), st.sampled_from([1, 3, 17]), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_max_pool_is_torchs(geometry: dict[str, Any], channels: int, batch: int, sign: bool, seed: int) -> None:
    x = reals(seed, batch, channels, *geometry.pop("size"), whole=True)
    x = np.where(x == 0, np.float32(0), x)
    read = np.where(x >= 0, np.float32(1), np.float32(-1)) if sign else x
    expected = F.max_pool2d(
        padded(read, geometry, -np.inf), geometry["kernel"], geometry["stride"], dilation=geometry["dilation"]
    ).numpy()
    if sign:
        same(apply("max_pool", x, sign=True, **geometry), np.where(expected >= 0, 1, -1).astype(np.int8))
        same(apply("max_pool", x, sign=True, kinds=(REAL,), **geometry), expected.astype(np.float32))
    else:
        same(apply("max_pool", x, **geometry), expected.astype(np.float32))


@pytest.mark.parametrize(
    ("row", "expected"),
    [([np.nan, -3], -3), ([-3, np.nan], -3), ([np.nan, np.nan], -np.inf), ([0.0, -0.0], 0.0), ([-0.0, 0.0], -0.0)],
)
def test_in_max_pool_a_nan_is_never_larger_and_the_first_zero_stays(row: list[float], expected: float) -> None:
    x = np.array(row, np.float32).reshape(1, 1, 1, 2)
    same(apply("max_pool", x, **POINT, kernel=(1, 2)), np.full((1, 1, 1, 1), expected, np.float32))


@settings(max_examples=60, deadline=None)
@given(geometries(), st.sampled_from([1, 3, 17]), st.integers(1, 3), st.sampled_from(["window", 1, 6, 7]))
def test_avg_pool_is_the_sum_of_the_taps_inside_over_the_divisor(
    geometry: dict[str, Any], channels: int, batch: int, divisor: str | int
) -> None:
    x = reals(7, batch, channels, *geometry.pop("size"), whole=True)
    ones = torch.ones(1, 1, *geometry["kernel"], dtype=torch.float64)

    def total(v: np.ndarray) -> Tensor:
        at = padded(v.reshape(-1, 1, *v.shape[2:]), geometry, 0)
        return F.conv2d(at, ones, stride=geometry["stride"], dilation=geometry["dilation"])

    y = apply("avg_pool", x, **geometry, divisor=divisor)
    expected = total(x) / (total(np.ones_like(x)) if divisor == "window" else divisor)
    same(y, expected.numpy().reshape(y.shape).astype(np.float32))


def test_avg_pool_counts_as_torch_does() -> None:
    x = reals(1, 2, 3, 5, 4)
    geometry = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
    for divisor, inside in (("window", False), (9, True)):
        expected = F.avg_pool2d(torch.from_numpy(x), 3, 2, 1, count_include_pad=inside)
        np.testing.assert_allclose(apply("avg_pool", x, **geometry, divisor=divisor), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("size", "to"), [((4, 3), (8, 6)), ((5, 7), (3, 2)), ((1, 1), (3, 1)), ((3, 4), (7, 1)), ((6, 2), (6, 5))]
)
def test_resize_is_torchs(mode: str, align_corners: bool, size: tuple[int, int], to: tuple[int, int]) -> None:
    x = reals(2, 2, 3, *size)
    y = apply("resize", x, mode=mode, align_corners=align_corners, size=to)
    options = {} if mode == "nearest" else {"align_corners": align_corners}
    expected = F.interpolate(torch.from_numpy(x), to, mode=mode, **options)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_sign_of_zeros_and_nan() -> None:
    x = np.array([0.0, -0.0, np.nan, 1e-45, -1e-45, np.inf, -np.inf], np.float32).reshape(1, 7, 1, 1)
    same(apply("sign", x), np.array([1, 1, -1, 1, -1, 1, -1], np.int8).reshape(1, 7, 1, 1))


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div"])
def test_two_inputs_are_broadcast(op: str) -> None:
    function = getattr(torch, op)
    x, y = reals(1, 2, 3, 4, 5), reals(2, 2, 3, 4, 5)
    same(apply(op, x, y), function(torch.from_numpy(x), torch.from_numpy(y)).numpy())
    for shape in [(1, 1, 1), (3, 1, 1), (1, 4, 5), (3, 4, 1)]:
        value = reals(3, *shape)
        c = Node("constant", (), (Value("c", Type(REAL, shape)),), consts={"value": value})
        for names in (("x", "c"), ("c", "x")):
            out = Value("y", Type(REAL, (3, 4, 5)))
            graph = Graph(Value("x", Type(REAL, (3, 4, 5))), (c, Node(op, names, (out,))), ("y", "c"))
            check(graph)
            operands = {"x": torch.from_numpy(x), "c": torch.from_numpy(value)}
            found = run(graph, x)
            same(found["y"], function(*(operands[name] for name in names)).numpy())
            same(found["c"], np.stack([value, value]))


@pytest.mark.parametrize("function", ["abs", "sqrt", "exp", "sigmoid", "tanh", "reciprocal", "square"])
def test_unary_is_torchs(function: str) -> None:
    x = np.concatenate([reals(1, 1, 40, 1, 1), EDGES.reshape(1, -1, 1, 1)], 1)
    y = apply("unary", x, function=function)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, getattr(torch, function)(torch.from_numpy(x)), rtol=1e-6, atol=1e-45)


def test_affine_is_computed_in_float64_and_rounded_once() -> None:
    x = np.array([3.0, 1 / 3], np.float32).reshape(1, 2, 1, 1)
    scale, shift = np.array([1 / 3, 3.0]), np.array([-1.0, -1.0])
    expected = (x.astype(np.float64) * scale.reshape(2, 1, 1) + shift.reshape(2, 1, 1)).astype(np.float32)
    in_float32 = x * scale.astype(np.float32).reshape(2, 1, 1) - np.float32(1)
    assert (expected != in_float32).any()
    same(apply("affine", x, consts={"scale": scale, "shift": shift}), expected)


def test_clamp_keeps_nan_and_the_sign_of_zero() -> None:
    x = EDGES.reshape(1, -1, 1, 1)
    same(apply("clamp", x, low=-1.0, high=0.5), torch.from_numpy(x).clamp(-1, 0.5).numpy())
    y = apply("clamp", np.array([-0.0, 0.0], np.float32).reshape(1, 2, 1, 1), low=0.0, high=0.0)
    assert np.signbit(y).ravel().tolist() == [True, False]


def test_prelu_is_torchs() -> None:
    x = np.concatenate([EDGES.reshape(1, -1, 1, 1)] * 2, 1)
    slope = reals(4, x.shape[1])
    expected = F.prelu(torch.from_numpy(x), torch.from_numpy(slope))  # takes 0 * slope, of which only the sign differs
    np.testing.assert_array_equal(apply("prelu", x, consts={"slope": slope}), expected)


@pytest.mark.parametrize("axes", [("c",), ("h", "w"), ("w", "c"), ("c", "h", "w")])
def test_mean_over_axes(axes: tuple[str, ...]) -> None:
    x = reals(5, 2, 3, 4, 5)
    dims = tuple({"c": 1, "h": 2, "w": 3}[axis] for axis in axes)
    expected = torch.from_numpy(x).double().mean(dims, keepdim=True).float()
    same(apply("mean", x, axes=axes), expected.numpy())


@pytest.mark.parametrize("sign", [False, True])
def test_moves_keep_the_kind(sign: bool) -> None:
    x = reals(6, 2, 4, 3, 5)
    t = torch.from_numpy(np.where(x >= 0, 1, -1).astype(np.int8) if sign else x)
    cut = {"start": (1, 0, 1), "step": (2, 1, 3), "size": (2, 3, 2)}
    same(apply("slice", x, sign=sign, **cut), t[:, 1::2, :, 1::3].numpy())
    same(apply("pad", x, sign=sign, padding=(1, 2, 0, 3), value=-1.0), F.pad(t, (2, 3, 1, 0), value=-1).numpy())
    same(apply("flatten", x, sign=sign), t.flatten(1)[:, :, None, None].numpy())
    same(apply("reshape", x, sign=sign, shape=(2, 5, 6)), t.reshape(2, 2, 5, 6).numpy())


def test_concat_and_channels() -> None:
    x, y, z = (reals(seed, 2, 3, 2, 2) for seed in range(3))
    same(apply("concat", x, y, z), np.concatenate([x, y, z], 1))
    index = np.array([2, -1, 0, 2], np.int32)
    same(apply("channels", x, consts={"index": index}), np.stack([x[:, 2], 0 * x[:, 0] ** 2, x[:, 0], x[:, 2]], 1))


def test_where_reals_are_needed_a_sign_is_read_as_its_values() -> None:
    x = reals(8, 2, 3, 1, 2)
    s = np.where(x >= 0, np.float32(1), np.float32(-1))
    same(apply("mul", x, x * 2, sign=True), s * (x * 2))
    same(
        apply("conv", x, sign=True, **POINT, groups=1, consts={"weight": np.ones((1, 3, 1, 1), np.float32)}),
        s.sum(1, keepdims=True),
    )
    same(apply("map", x, sign=True), s)


# --- the epilogue -----------------------------------------------------------------------------------------------------


def element(v: np.float32, r: np.float32, c: dict[str, Any], attrs: dict[str, Any]) -> tuple[np.float32, int]:
    """docs/compiler.md, word by word, for one element; c holds the constants of its channel."""
    if "scale" in c:
        v = np.float32(v * c["scale"])
        v = np.float32(v + c["shift"])
    if attrs.get("residual"):
        v = np.float32(v + r)
    if attrs.get("activation") == "clamp":
        low, high = np.float32(attrs["low"]), np.float32(attrs["high"])
        if v < low:
            v = low
        if v > high:
            v = high
    if attrs.get("activation") == "prelu":
        if "before" in c:
            v = np.float32(v + c["before"])
        if not v >= 0:
            v = np.float32(v * c["slope"])
        if "after" in c:
            v = np.float32(v + c["after"])
    threshold = c.get("threshold", np.float32(0))
    true = v <= threshold if c.get("direction", 1) == -1 else v >= threshold
    return v, 1 if true else -1


def values_of(draw: st.DrawFn, *shape: int) -> np.ndarray:
    """Ordinary numbers among which zeros, infinities, NaN, subnormal and huge ones are strewn."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ordinary = rng.choice([0.1, 1.0, 1e7], shape) * rng.standard_normal(shape)
    return np.where(rng.random(shape) < 0.2, rng.choice(EDGES, shape), ordinary).astype(np.float32)


@st.composite
def epilogues(draw: st.DrawFn, channels: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    activation = draw(st.sampled_from([None, "clamp", "prelu"]))
    attrs: dict[str, Any] = {"activation": activation} if activation else {}
    names = draw(st.sampled_from([[], ["scale", "shift"]]))
    if activation == "clamp":
        low, high = sorted(draw(st.tuples(*[st.sampled_from([-np.inf, -1.0, -0.0, 0.1, 6.0, np.inf])] * 2)))
        attrs |= {"low": low, "high": high}
    if activation == "prelu":
        names = [*names, "slope", *draw(st.sampled_from([[], ["before", "after"]]))]
    names = [*names, *draw(st.sampled_from([[], ["threshold"]]))]
    if draw(st.booleans()):
        attrs["residual"] = draw(st.sampled_from([0, 1]))
    consts = {name: values_of(draw, channels) for name in names}
    if draw(st.booleans()):
        consts["direction"] = np.array(
            draw(st.lists(st.sampled_from([-1, 1]), min_size=channels, max_size=channels)), np.int8
        )
    return attrs, consts


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_epilogue_is_the_loop_over_its_elements(data: st.DataObject) -> None:
    channels, batch = data.draw(st.sampled_from([1, 3, 17])), data.draw(st.integers(1, 2))
    op = data.draw(st.sampled_from(["map", "bconv", "conv", "max_pool"]))
    attrs, consts = data.draw(epilogues(channels))
    x, r = values_of(data.draw, batch, channels, 2, 1), values_of(data.draw, batch, channels, 2, 1)
    v, rest = x, {}
    match op:
        case "bconv":
            consts["weight"] = signs(1, channels, channels, 1, 1)
            rest = {**POINT, "groups": 1, "pad_value": 0, "zero_point": 0, "sign": True}
            v = np.einsum("oc,nchw->nohw", consts["weight"][..., 0, 0], np.where(x >= 0, 1, -1)).astype(np.float32)
        case "conv":
            consts["weight"] = np.full((channels, 1, 1, 1), 2, np.float32)
            rest, v = {**POINT, "groups": channels}, x * np.float32(2) + np.float32(0)  # a sum begins at +0
        case "max_pool":
            rest, v = {**POINT, "kernel": (1, 1)}, np.where(np.isnan(x), np.float32(-np.inf), x)
    inputs = (x, r) if attrs.get("residual") else (x,)
    graph = graph_of(op, x.shape[1:], len(inputs), (REAL, SIGN), **rest, **attrs, consts=consts)
    found = run(graph, np.concatenate(inputs, 1))
    real, sign = np.empty(v.shape, np.float32), np.empty(v.shape, np.int8)
    with np.errstate(all="ignore"):
        for at in np.ndindex(*v.shape):
            of_channel = {name: array[at[1]] for name, array in consts.items() if name != "weight"}
            real[at], sign[at] = element(v[at], r[at], of_channel, attrs)
    same(found["y"], real)
    same(found["y1"], sign)


@pytest.mark.parametrize("direction", [None, np.array([1, -1, 1, -1], np.int8)])
def test_count_thresholds_compare_integers(direction: np.ndarray | None) -> None:
    x = reals(3, 5, 9, 2, 2)
    weight = signs(4, 4, 9, 1, 1)
    threshold = np.array([1, -1, -(2**31), -(2**31)], np.int32)
    consts = {"weight": weight, "count_threshold": threshold}
    if direction is not None:
        consts["direction"] = direction
    attrs = {**POINT, "groups": 1, "pad_value": 0, "zero_point": 0}
    values = trace(graph_of("bconv", (9, 2, 2), kinds=(SIGN,), sign=True, **attrs, consts=consts), x)
    count = values["y.count"]
    assert {1, -1} <= set(count[:, :2].ravel().tolist())
    for c, way in enumerate([1] * 4 if direction is None else direction):
        true = count[:, c] <= threshold[c] if way == -1 else count[:, c] >= threshold[c]
        same(values["y"][:, c], np.where(true, 1, -1).astype(np.int8))


# --- inputs -----------------------------------------------------------------------------------------------------------


def test_a_vector_may_come_without_height_and_width() -> None:
    x = reals(1, 4, 3)
    graph = graph_of("unary", (3, 1, 1), function="square")
    same(run(graph, x)["y"], run(graph, x.reshape(4, 3, 1, 1))["y"])


@pytest.mark.parametrize(
    ("shape", "x", "message"),
    [
        (
            (3, 8, 8),
            np.zeros((1, 3, 8, 9), np.float32),
            "input has shape (1, 3, 8, 9); expected float32 of shape (N, 3, 8, 8). Resize the images, or add the "
            "missing axis.",
        ),
        (
            (3, 1, 1),
            np.zeros((1, 4), np.float32),
            "input has shape (1, 4); expected float32 of shape (N, 3, 1, 1) or (N, 3). Resize the images, or add the "
            "missing axis.",
        ),
        (
            (3, 8, 8),
            np.zeros((1, 3, 8, 8)),
            "input has dtype float64; expected float32 of shape (N, 3, 8, 8). Convert it with x.astype(numpy.float32).",
        ),
        (
            (3, 8, 8),
            [0.0],
            "input is a list; expected a NumPy array, float32 of shape (N, 3, 8, 8). Give numpy.asarray(x).",
        ),
    ],
)
def test_an_input_that_does_not_fit(shape: tuple[int, int, int], x: Any, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        run(graph_of("sign", shape), x)
    assert str(caught.value) == f"SW402: {message}"


def test_every_value_is_of_its_declared_type(every_op: str) -> None:
    graph = parse(every_op)
    found = trace(graph, reals(1, 2, *graph.input.type.shape))
    counts = {f"{node.outputs[0].name}.count" for node in graph.nodes if node.op == "bconv"}
    assert set(found) == {*graph.values(), *counts}
    for name, value in graph.values().items():
        assert found[name].shape == (2, *value.type.shape), name
        assert found[name].dtype == {"real": np.float32, "sign": np.int8}[value.type.kind], name
    assert list(run(graph, reals(1, 2, *graph.input.type.shape))) == ["again", "middle", "part"]
