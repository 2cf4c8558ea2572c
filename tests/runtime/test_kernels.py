"""Every target's kernels against NumPy: integers, bits and the floats of epilogues bit for bit."""

from collections.abc import Callable
from ctypes import byref, c_void_p
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime import kernel_oracle as oracle
from tests.runtime.kernel_oracle import Steps
from tests.runtime.kernel_set import (
    CLAMP,
    PRELU,
    Bconv,
    Block,
    Buffer,
    Conv,
    Epilogue,
    Geometry,
    Kernels,
    bit_layout,
    build,
    constant,
    real_layout,
)

NEEDS = {
    "scalar": set(),
    "sse": {"ssse3", "sse4_1"},
    "avx2": {"avx2", "fma"},
    "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_vpopcntdq"},
    "neon": {"asimd"},
}
CHANNELS = [1, 3, 17, 63, 64, 65, 130]


def runs_here(target: str) -> bool:
    info = Path("/proc/cpuinfo")
    return NEEDS[target] <= set(info.read_text().split() if info.exists() else ())


@pytest.fixture(scope="module", params=[target for target in NEEDS if runs_here(target)])
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return build(request.param, tmp_path_factory.mktemp("kernels"))


def geometry(
    in_c: int, out_c: int, size: tuple[int, int], kernel: tuple[int, int] = (3, 3), stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1), pad: tuple[int, int, int, int] = (0, 0, 0, 0), groups: int = 1,
) -> Geometry:  # fmt: skip
    """``pad`` is top, left, bottom, right."""
    room = [size[i] + pad[i] + pad[i + 2] - dilation[i] * (kernel[i] - 1) - 1 for i in (0, 1)]
    out = [max(room[i] // stride[i] + 1, 1) for i in (0, 1)]
    return Geometry(in_c, *size, out_c, *out, *kernel, *stride, *dilation, pad[0], pad[1], groups)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    kind = draw(st.sampled_from(["dense", "dense", "groups", "depthwise"]))
    groups, inputs, outputs = 1, draw(st.sampled_from(CHANNELS)), draw(st.sampled_from(CHANNELS))
    if kind == "groups":
        groups = draw(st.sampled_from([2, 3, 8, 64]))
        inputs, outputs = draw(st.sampled_from([1, 3, 8, 33])) * groups, draw(st.sampled_from([1, 2, 33, 64])) * groups
        inputs, outputs = (inputs, outputs) if inputs * outputs < 300_000 else (groups, 2 * groups)
    if kind == "depthwise":
        groups = outputs = inputs
    pair = st.tuples
    return geometry(
        inputs,
        outputs,
        draw(pair(st.sampled_from([1, 2, 5, 9]), st.sampled_from([1, 2, 3, 7, 12]))),
        draw(pair(st.integers(1, 3), st.integers(1, 4))),
        draw(pair(st.integers(1, 3), st.integers(1, 3))),
        draw(pair(st.integers(1, 2), st.integers(1, 2))),
        draw(st.just((0, 0, 0, 0)) | pair(*[st.integers(0, 3)] * 4)),
        groups,
    )


@st.composite
def steps(draw: st.DrawFn, g: Geometry, counts: bool) -> Steps:
    """Any epilogue, on values that often meet a threshold, a bound or zero exactly."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    special = np.array([0.0, -0.0, 0.5, -1.0, np.nan, np.inf, 1e-40, 3e38], np.float32)

    def values(*shape: int) -> np.ndarray:
        small = rng.integers(-8, 9, shape).astype(np.float32)
        return np.where(rng.random(shape) < 0.1, rng.choice(special, shape), small / 4).astype(np.float32)

    per_channel, flip = (g.out_c,), rng.random(g.out_c) < draw(st.sampled_from([0, 0.5]))
    if counts and draw(st.integers(0, 3)) == 0:
        limits = np.array([-(2**31), 2**31 - 1], np.int64)
        near = rng.integers(-20, 21, per_channel)
        chosen = np.where(rng.random(per_channel) < 0.1, rng.choice(limits, per_channel), near).astype(np.int32)
        return Steps(count_threshold=chosen, flip=flip)
    s = Steps(flip=flip)
    if draw(st.booleans()):
        s = replace(s, scale=values(*per_channel), shift=values(*per_channel))
    if draw(st.booleans()):
        s = replace(s, residual=values(g.out_h, g.out_w, g.out_c))
    match draw(st.sampled_from(["none", "clamp", "prelu", "rprelu"])):
        case "clamp":
            s = replace(s, activation=CLAMP, low=draw(st.sampled_from([-1.0, 0.0])), high=1.0)
        case "prelu":
            s = replace(s, activation=PRELU, slope=values(*per_channel))
        case "rprelu":
            slope, before, after = (values(*per_channel) for _ in range(3))
            s = replace(s, activation=PRELU, slope=slope, before=before, after=after)
    return replace(s, threshold=values(*per_channel)) if draw(st.booleans()) else s


class Call:
    """An epilogue's buffers; the outputs start as a pattern, so that what is not written is seen."""

    def __init__(self, g: Geometry, s: Steps, real: bool = True) -> None:
        self.g, self.kept = g, []
        pixels = (g.out_h, g.out_w)
        self.real = Buffer.of(np.full((*pixels, -(-g.out_c // 8) * 8), 7e7, np.float32)) if real else None
        has_bits = s.threshold is not None or s.count_threshold is not None
        self.bits = Buffer.of(np.full((*pixels, -(-g.out_c // 64)), 0xABCD, np.uint64)) if has_bits else None
        self.epilogue = Epilogue(activation=s.activation, low=s.low, high=s.high)
        for name in ("scale", "shift", "slope", "before", "after", "threshold", "count_threshold"):
            if (values := getattr(s, name)) is not None:
                setattr(self.epilogue, name, self._keep(constant(values)))
        if s.residual is not None:
            self.epilogue.residual = self._keep(real_layout(s.residual))
        if s.flip is not None:
            self.epilogue.flip = self._keep(bit_layout(s.flip))
        if self.real and s.count_threshold is None:
            self.epilogue.real = self.real.address
        if self.bits:
            self.epilogue.bits = self.bits.address

    def _keep(self, values: np.ndarray) -> int:
        self.kept.append(Buffer.of(values))
        return self.kept[-1].address

    def check(self, v: np.ndarray, s: Steps) -> None:
        real, bits = oracle.epilogue(v, s)
        if self.epilogue.real:
            got = self.real.array[..., : self.g.out_c]
            # A NaN is a NaN: which one of two operands' is passed on is the compiler's choice.
            np.testing.assert_array_equal(np.isnan(got), np.isnan(real))
            same = got.view(np.uint32) == np.ascontiguousarray(real).view(np.uint32)
            assert (same | np.isnan(real)).all()
        if self.bits:
            np.testing.assert_array_equal(self.bits.array.view(np.uint8), bit_layout(bits))


def blocks(g: Geometry, rows: int, channels: int) -> list[Block]:
    """The output cut every ``rows`` rows and ``channels`` channels."""
    return [
        Block(y, min(y + rows, g.out_h), c, min(c + channels, g.out_c))
        for c in range(0, g.out_c, channels)
        for y in range(0, g.out_h, rows)
    ]


def pack(g: Geometry, file: np.ndarray, size: int, function: Callable[[Geometry, int, int], None]) -> Buffer:
    """Weights in a target's layout; size 0 means that of the file."""
    source = Buffer.of(file)
    if not size:
        return source
    packed = Buffer.noise(size)
    function(g, source.address, packed.address)
    return packed


def run_bconv(
    kernels: Kernels, g: Geometry, s: Steps, seed: int, parts: list[Block], real: bool = True, ones: float = 0.5
) -> None:
    """``ones`` is the share of ones in x, and of zeros in the weights."""
    rng = np.random.default_rng(seed)
    inputs = g.in_c // g.groups
    x = rng.random((g.in_h, g.in_w, g.in_c)) < ones
    w = rng.random((g.out_c, g.kernel_h, g.kernel_w, inputs)) < 1 - ones
    row_class, column_class = rng.integers(0, 3, g.out_h), rng.integers(0, 2, g.out_w)
    taps = g.kernel_h * g.kernel_w * inputs
    base = rng.integers(taps - 3, taps + 4, (6, g.out_c)).astype(np.int32)

    packed = pack(g, bit_layout(w, 8), kernels.bconv_bytes(g), kernels.bconv_pack)
    scratch = Buffer.noise(kernels.bconv_scratch(g))
    data = [Buffer.of(a.astype(np.int32)) for a in (constant(base), row_class, column_class)]
    layer = Bconv(g, packed.address, *(b.address for b in data), 2)
    call, bits = Call(g, s, real), Buffer.of(bit_layout(x))
    for part in parts:
        scratch.array[...] = 0xFF
        kernels.bconv(byref(layer), byref(call.epilogue), bits.address, scratch.address, part)
    call.check(base[row_class[:, None] * 2 + column_class] - 2 * oracle.differing(x, w, g), s)


@given(data=st.data(), g=geometries(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_binary_convolution(kernels: Kernels, data: st.DataObject, g: Geometry, seed: int) -> None:
    s = data.draw(steps(g, counts=True))
    parts = blocks(g, data.draw(st.integers(1, g.out_h)), data.draw(st.sampled_from([64, 128, 192])))
    run_bconv(kernels, g, s, seed, parts, real=data.draw(st.booleans()) or s.threshold is None)


@pytest.mark.parametrize(
    "g",
    [
        geometry(64, 64, (56, 56), pad=(1, 1, 1, 1)),
        geometry(130, 200, (14, 13), stride=(2, 2), pad=(1, 1, 1, 1)),
        geometry(30_000, 3, (2, 3), (3, 1), pad=(1, 0, 1, 0)),
        geometry(264, 264, (7, 7), groups=3, pad=(1, 1, 1, 1)),
        geometry(130, 130, (6, 7), groups=130, pad=(1, 1, 1, 1)),
    ],
    ids=["resnet", "stride", "wide", "groups", "depthwise"],
)
def test_large_binary_convolution(kernels: Kernels, g: Geometry) -> None:
    zeros = np.zeros(g.out_c, bool)
    s = Steps(threshold=np.zeros(g.out_c, np.float32), flip=zeros)
    run_bconv(kernels, g, s, 1, blocks(g, g.out_h, 1 << 20))


@pytest.mark.parametrize(
    "g",
    [
        *(geometry(channels, 65, (1, 2), (1, 1)) for channels in (252, 264, 65_535, 65_536, 70_000)),
        geometry(3, 3, (20, 19), (17, 16), groups=3),
    ],
    ids=lambda g: f"{g.in_c}x{g.kernel_h}x{g.kernel_w}",
)
def test_every_bit_may_differ(kernels: Kernels, g: Geometry) -> None:
    """Counts as large as can be, where sums of 8 and of 16 bits are about to overflow."""
    run_bconv(kernels, g, Steps(), 1, blocks(g, 1, 64), ones=1.0)


def run_conv(kernels: Kernels, g: Geometry, s: Steps, seed: int, parts: list[Block]) -> None:
    """On small integers, whose sums are exact in any order."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-8, 9, (g.in_h, g.in_w, g.in_c)).astype(np.float32)
    w = rng.integers(-8, 9, (g.out_c, g.kernel_h, g.kernel_w, g.in_c // g.groups)).astype(np.float32)
    packed, scratch = pack(g, w, kernels.conv_bytes(g), kernels.conv_pack), Buffer.noise(kernels.conv_scratch(g))
    layer, call, data = Conv(g, packed.address), Call(g, s), Buffer.of(real_layout(x))
    for part in parts:
        scratch.array[...] = 0xFF
        kernels.conv(byref(layer), byref(call.epilogue), data.address, scratch.address, part)
    call.check(oracle.correlate(x, w, g), s)


@given(data=st.data(), g=geometries(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_real_convolution(kernels: Kernels, data: st.DataObject, g: Geometry, seed: int) -> None:
    s = data.draw(steps(g, counts=False))
    parts = blocks(g, data.draw(st.integers(1, g.out_h)), data.draw(st.sampled_from([64, 128, 192])))
    run_conv(kernels, g, s, seed, parts)


@pytest.mark.parametrize(
    "g",
    [
        geometry(3, 64, (64, 64), (7, 7), stride=(2, 2), pad=(3, 3, 3, 3)),
        geometry(64, 130, (14, 13), (1, 1), stride=(2, 2)),
        geometry(512, 1000, (1, 1), (1, 1)),
        geometry(130, 130, (6, 7), groups=130, pad=(1, 1, 1, 1)),
    ],
    ids=["stem", "projection", "dense", "depthwise"],
)
def test_large_real_convolution(kernels: Kernels, g: Geometry) -> None:
    run_conv(kernels, g, Steps(), 1, blocks(g, g.out_h, 1 << 20))


def test_real_convolution_is_close_on_real_values(kernels: Kernels) -> None:
    rng, g = np.random.default_rng(0), geometry(70, 70, (9, 9), pad=(1, 1, 1, 1))
    x, w = rng.normal(size=(9, 9, 70)).astype(np.float32), rng.normal(size=(70, 3, 3, 70)).astype(np.float32)
    data, call = Buffer.of(real_layout(x)), Call(g, Steps())
    packed, scratch = pack(g, w, kernels.conv_bytes(g), kernels.conv_pack), Buffer.noise(kernels.conv_scratch(g))
    kernels.conv(
        byref(Conv(g, packed.address)), byref(call.epilogue), data.address, scratch.address, Block(0, 9, 0, 70)
    )
    assert call.real is not None
    np.testing.assert_allclose(call.real.array[..., :70], oracle.correlate(x.astype(float), w, g), rtol=1e-5, atol=1e-4)


@given(data=st.data(), channels=st.sampled_from([*CHANNELS, 200]), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_epilogue_alone(kernels: Kernels, data: st.DataObject, channels: int, seed: int) -> None:
    g = geometry(channels, channels, (3, 4), (1, 1))
    s = data.draw(steps(g, counts=False))
    v = np.random.default_rng(seed).integers(-8, 9, (3, 4, channels)).astype(np.float32) / 4
    v.flat[seed % v.size] = np.nan
    call, rows = Call(g, s), Buffer.of(real_layout(v))
    for first, count in ((0, 5), (5, 7)):
        start = rows.address + first * rows.array.shape[-1] * 4
        kernels.epilogue(byref(call.epilogue), start, channels, first, count)
    call.check(v, s)


@pytest.mark.parametrize(("rows", "columns"), [(3, 50), (64, 49), (5, 3), (66, 33), (50, 3), (1, 1)])
def test_transpose(kernels: Kernels, rows: int, columns: int) -> None:
    """Both pitches are larger than what is moved; what lies between stays."""
    values = np.random.default_rng(0).normal(size=(rows, columns + 3)).astype(np.float32)
    source, to = Buffer.of(values), Buffer.of(np.full((columns, rows + 5), 7, np.float32))
    kernels.transpose(source.address, columns + 3, to.address, rows + 5, rows, columns)
    np.testing.assert_array_equal(to.array[:, :rows], values[:, :columns].T)
    assert (to.array[:, rows:] == 7).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("pixels", [1, 31, 130])
def test_interleave(kernels: Kernels, channels: int, pixels: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (channels, pixels + 3)).astype(np.uint8)
    source, to = Buffer.of(values), Buffer.of(np.full(channels * pixels + 1, 7, np.uint8))
    kernels.interleave(source.address, pixels + 3, to.address, channels, pixels)
    np.testing.assert_array_equal(to.array, [*values[:, :pixels].T.flat, 7])


@pytest.mark.parametrize("lanes", [8, 16, 24, 72, 136])
def test_taps_of_pools(kernels: Kernels, lanes: int) -> None:
    """The first of two equal values stays, so that of a zero the sign tells which; NaN is never larger."""
    rng = np.random.default_rng(0)
    taps = rng.choice(np.float32([-1, 0.0, -0.0, 2, np.nan]), (5, lanes))
    taps[:, 0] = np.nan
    source = [Buffer.of(tap) for tap in taps]
    places = (c_void_p * 5)(*(buffer.address for buffer in source))
    later = (c_void_p * 3)(*places[2:])
    largest, total = (Buffer.of(np.full((lanes,), 7, np.float32)) for _ in range(2))
    found = np.full(lanes, -np.inf, np.float32)
    for tap in taps:
        found = np.where(tap > found, tap, found)
    kernels.max_taps(largest.address, places, 5, lanes, 0)
    np.testing.assert_array_equal(largest.array.view(np.uint32), found.view(np.uint32))
    kernels.max_taps(largest.address, places, 2, lanes, 0)
    kernels.max_taps(largest.address, later, 3, lanes, 1)
    np.testing.assert_array_equal(largest.array.view(np.uint32), found.view(np.uint32))
    kernels.add_taps(total.address, places, 5, lanes, 0, 3.0)
    np.testing.assert_array_equal(total.array, taps.sum(0) / np.float32(3))
    kernels.add_taps(total.address, places, 2, lanes, 0, 1.0)
    kernels.add_taps(total.address, later, 3, lanes, 1, 3.0)
    np.testing.assert_array_equal(total.array, taps.sum(0) / np.float32(3))
    kernels.add_taps(total.address, places, 0, lanes, 0, 0.0)  # a window wholly outside
    assert np.isnan(total.array).all()
