"""Random graphs of primitives on which float32 arithmetic is exact, so that no rewriting may change a single bit.

Every real value is a whole multiple of its ``grain``, a power of two, and at most ``bound`` large; what would need more
than 24 bits is not written.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from signwise.compiler.interpreter import run
from signwise.compiler.ir import REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.ops import infer
from signwise.compiler.spec import check
from signwise.compiler.windows import largest

SCALES = np.float64([0.0, -0.0, 1, 1, -1, 2, -2, 0.5, 4])
LEVELS = ((1, 0), (0.5, 0.5), (2, 2), (-1, 0), (1, -1), (1, 0.5), (0, 1), (0.5, -1))


class Chain:
    """A graph under construction: ``limits`` holds grain and bound of every value."""

    def __init__(self, draw: Callable[[Any], Any]):
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        shape = (self.one_of(1, 2, 3, 4), self.one_of(1, 2, 4, 5), self.one_of(1, 2, 4, 5))
        self.input = Value("x", Type(REAL, shape))
        self.values, self.nodes, self.limits = [self.input], list[Node](), {"x": (1.0, 4.0)}

    def one_of(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def pick(self, fits: Callable[[Value], bool] = lambda value: True) -> Value | None:
        """Mostly the last value, so that operations follow each other."""
        found = [value for value in self.values if fits(value)]
        return self.one_of(*found[-1:] * 4, *found[-3:]) if found else None

    def add(
        self, op: str, inputs: list[Value], grain: float, bound: float, attrs: Any = None, consts: Any = None
    ) -> None:
        node = Node(op, tuple(value.name for value in inputs), (), attrs or {}, consts or {}, f"layer{len(self.nodes)}")
        (type,) = infer(node, [value.type for value in inputs])
        grain, bound = (1.0, 1.0) if type.kind == SIGN else (grain, bound)
        if bound / grain <= 2**22 and np.prod(type.shape) <= 400:
            out = Value(f"v{len(self.nodes)}", type)
            self.nodes.append(node.with_(outputs=(out,)))
            self.values.append(out)
            self.limits[out.name] = grain, bound

    # --- element by element ---

    def affine(self) -> None:
        x = self.pick()
        (grain, bound), channels = self.limits[x.name], x.type.shape[0]
        if x.type.kind == SIGN and self.one_of(False, True):
            scale, shift = (np.full(channels, float(c)) for c in self.one_of(*LEVELS))
        else:
            scale, shift = self.rng.choice(SCALES, channels), self.rng.integers(-3, 4, channels) * grain
        consts = {"scale": scale, "shift": shift.astype(np.float64)}
        self.add("affine", [x], grain / 2, 4 * bound + 3, consts=consts)

    def clamp(self) -> None:
        x = self.pick(lambda value: value.type.kind == REAL)
        low, high = self.one_of((-1.0, 1.0), (0.0, float("inf")), (0.0, 1.0), (-2.0, 3.0), (1.0, 2.0))
        grain, bound = self.limits[x.name]
        self.add("clamp", [x], min(grain, 1.0), max(bound, 2.0) if high > 9 else 3.0, {"low": low, "high": high})

    def prelu(self) -> None:
        x = self.pick(lambda value: value.type.kind == REAL)
        grain, bound = self.limits[x.name]
        slopes = self.one_of([0.5], [0.0, 1.0, 2.0], [-1.0, 0.5])
        slope = self.rng.choice(np.float32(slopes), x.type.shape[0])
        self.add("prelu", [x], grain / 2, 2 * bound, consts={"slope": slope})

    def sign(self) -> None:
        self.add("sign", [self.pick()], 1, 1)

    def arithmetic(self) -> None:
        x = self.pick()
        y = self.pick(lambda value: value.type.shape == x.type.shape)
        (a, m), (b, n) = self.limits[x.name], self.limits[y.name]
        self.add(self.one_of("add", "add", "add", "sub"), [x, y], min(a, b), m + n)

    def constant(self) -> None:
        value = self.rng.integers(-3, 4, self.pick().type.shape).astype(np.float32)
        self.add("constant", [], 1, 3, consts={"value": value})

    # --- windows ---

    def window(self, x: Type) -> dict[str, Any] | None:
        kernel = self.one_of((1, 1), (2, 2), (3, 3), (2, 1), x.shape[1:])
        before, after = self.one_of((0, 0), (0, 0), (1, 1), (0, 1))
        attrs = {
            "kernel": kernel,
            "stride": self.one_of((1, 1), (2, 2), (2, 1)),
            "dilation": self.one_of((1, 1), (2, 1)),
        }
        attrs["padding"] = tuple(edge * (kernel[i % 2] > 1) for i, edge in enumerate((before, before, after, after)))
        for i in range(2):
            if x.shape[i + 1] + sum(attrs["padding"][i::2]) < attrs["dilation"][i] * (kernel[i] - 1) + 1:
                return None
        # A window of nothing but padding has no largest element.
        return None if np.isinf(largest(np.zeros((1, *x.shape), np.float32), attrs)).any() else attrs

    def conv(self) -> None:
        x = self.pick()
        attrs, channels = self.window(x.type), x.type.shape[0]
        if attrs is None:
            return
        groups = self.one_of(1, 1, channels)
        shape = (groups * self.one_of(1, 2), channels // groups, *attrs.pop("kernel"))
        weight = self.rng.choice(np.float32([-1, 1]), shape)
        match self.one_of("signs", "signs", "scaled", "whole"):
            case "scaled":
                weight *= self.rng.choice(np.float32([0, 0.5, 1, 2]), (shape[0], 1, 1, 1))
            case "whole":
                weight = self.rng.integers(-1, 2, shape).astype(np.float32)
        grain, bound = self.limits[x.name]
        taps = int(np.prod(shape[1:]))
        self.add("conv", [x], grain / 2, 2 * bound * taps, {**attrs, "groups": groups}, {"weight": weight})

    def pool(self) -> None:
        x = self.pick()
        attrs = self.window(x.type)
        grain, bound = self.limits[x.name]
        if attrs is None:
            return
        if self.one_of(False, True, True):
            self.add("max_pool", [x], grain, bound, attrs)
        elif not any(attrs["padding"]) or attrs["kernel"] in ((2, 2), (2, 1)):
            taps = int(np.prod(attrs["kernel"]))
            divisors = ["window"] * (taps in (1, 2, 4)) + [4]
            self.add("avg_pool", [x], grain / 4, taps * bound, {**attrs, "divisor": self.one_of(*divisors)})

    def mean(self) -> None:
        x = self.pick(lambda value: value.type.shape[1:] in ((1, 1), (2, 2), (4, 4), (2, 4)))
        if x:
            grain, bound = self.limits[x.name]
            self.add("mean", [x], grain / 16, bound, {"axes": ("h", "w")})

    def block(self) -> None:
        """What stands around a binary convolution."""
        self.sign()
        if self.one_of(False, True):
            self.affine()
        if self.one_of(False, False, True):
            self.move()
        self.conv()
        for step in self.draw(st.permutations([self.affine, self.pool, self.clamp, self.affine, self.prelu])):
            if self.one_of(False, True):
                step()
        if self.one_of(False, False, True):
            self.arithmetic()

    # --- moves ---

    def move(self) -> None:
        x = self.pick()
        c, h, w = x.type.shape
        padding = {"padding": self.one_of((1, 1, 1, 1), (0, 1, 0, 2), (0, 0, 0, 0))}
        value = self.one_of(-1.0, 1.0) if x.type.kind == SIGN else self.one_of(0.0, -0.0, 1.0, -3.0)
        part = {"start": (0, h // 2, 0), "step": (2, 1, 2), "size": (-(-c // 2), -(-h // 2), -(-w // 2))}
        op, inputs, attrs, consts = self.one_of(
            ("pad", [x], {**padding, "value": value}, {}),
            ("slice", [x], part, {}),
            ("slice", [x], {"start": (0, 0, 0), "step": (1, 1, 1), "size": x.type.shape}, {}),
            ("concat", [x, self.pick(lambda v: (v.type.kind, v.type.shape[1:]) == (x.type.kind, (h, w)))], {}, {}),
            ("reshape", [x], {"shape": self.one_of((h, w, c), (c, w, h), (c, h, w))}, {}),
            ("flatten", [x], {}, {}),
            ("resize", [x], {"mode": "nearest", "align_corners": False, "size": (h, 2 * w)}, {}),
            ("channels", [x], {}, {"index": self.rng.integers(-1, c, c + 1, dtype=np.int32)}),
        )
        grains, bounds = zip(*(self.limits[value.name] for value in inputs), strict=True)
        self.add(op, inputs, min(*grains, 1.0), max(*bounds, 3.0), attrs, consts)


@st.composite
def graphs(draw: Callable[[Any], Any]) -> Graph:
    """One to six primitives or blocks of them; the last value is returned, and perhaps others."""
    chain = Chain(draw)
    elements = [chain.affine, chain.clamp, chain.prelu, chain.sign, chain.arithmetic, chain.constant]
    steps = [*[chain.block] * 8, *elements, chain.conv, chain.pool, chain.mean, chain.move]
    for step in draw(st.lists(st.sampled_from(steps), min_size=1, max_size=6)):
        step()
    chain.sign()
    names = [value.name for value in chain.values[1:]]
    outputs = {names[-1], *draw(st.lists(st.sampled_from(names), max_size=2))}
    graph = Graph(chain.input, tuple(chain.nodes), tuple(name for name in names if name in outputs))
    check(graph)
    return graph


def images(graph: Graph, seed: int = 0) -> np.ndarray:
    """Two images of small whole numbers, zeros of both signs among them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, (2, *graph.input.type.shape)).astype(np.float32)
    return np.where(x == 0, rng.choice(np.float32([0.0, -0.0]), x.shape), x)


def assert_same(before: Graph, after: Graph, x: np.ndarray | None = None, tolerance: float = 0, why: str = "") -> None:
    """Both graphs are well formed and give the same, to the last bit unless a ``tolerance`` of the largest is given."""
    check(after)
    x = images(before) if x is None else x
    wanted, found = run(before, x), run(after, x)
    assert list(wanted) == list(found)
    for name, value in wanted.items():
        assert value.dtype == found[name].dtype
        size = float(np.abs(value).max())
        np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerance * size, err_msg=f"{name} {why}")
