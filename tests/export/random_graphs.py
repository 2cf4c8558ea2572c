"""Random fused graphs on which float32 arithmetic leaves no choice, so that results can be compared to the last bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from signwise.compiler.ir import REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.ops import infer
from signwise.compiler.spec import check_fused
from signwise.compiler.windows import largest


class Chain:
    """A graph under construction. ``whole`` are real values of small integers, whose sums are exact in any order."""

    def __init__(self, draw: Callable[[Any], Any]):
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        shape = (self.one_of(1, 3, 8, 17, 65), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
        self.input = Value("x", Type(REAL, shape))
        self.values, self.whole, self.nodes = [self.input], {"x"}, list[Node]()

    def one_of(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def pick(self, fits: Callable[[Value], bool] = lambda value: True) -> Value | None:
        found = [value for value in self.values if fits(value)]
        return self.one_of(*found) if found else None

    def add(self, node: Node, inputs: list[Type], kinds: list[str] | None = None, whole: bool = False) -> None:
        (inferred, *_) = infer(node.with_(outputs=()), inputs)
        number = len(self.nodes)
        outputs = [
            Value(f"v{number}.{index}", Type(kind, inferred.shape))
            for index, kind in enumerate(kinds or [inferred.kind])
        ]
        self.nodes.append(node.with_(outputs=tuple(outputs), source=f"layer{number}"))
        self.values += outputs
        self.whole |= {value.name for value in outputs if whole and value.type.kind == REAL}

    # --- operations with an epilogue ---

    def fused(self, node: Node, x: Type) -> None:
        """A node and a random epilogue. What sums reals gets whole numbers: an optimiser may scale before it sums."""
        node = node.with_(attrs=dict(node.attrs), consts=dict(node.consts))
        (inferred, *_) = infer(node, [x])
        shape, kinds = inferred.shape, self.one_of([REAL], [SIGN], [REAL, SIGN])
        whole = node.op == "conv" or self.one_of(False, True)
        inputs = [x]
        if SIGN in kinds and self.one_of(False, True):
            node.consts["direction"] = self.rng.choice(np.int8([-1, 1]), shape[0])
        if node.op == "bconv" and kinds == [SIGN] and self.one_of(False, True):
            node.consts["count_threshold"] = self.count_thresholds(shape[0])
        else:
            node, residual = self.epilogue(node, Type(REAL, shape), whole)
            inputs += [Type(REAL, shape)] * residual
            if SIGN in kinds and self.one_of(False, True):
                node.consts["threshold"] = self.numbers(shape[0], whole)
        self.add(node, inputs, kinds, whole and node.op == "bconv" and len(inputs) == 1)

    def count_thresholds(self, channels: int) -> np.ndarray:
        found = self.rng.integers(-9, 10, channels, dtype=np.int32)
        return np.where(self.rng.random(channels) < 0.3, np.int32(self.one_of(-(2**31), 2**31 - 1)), found)

    def numbers(self, count: int, whole: bool) -> np.ndarray:
        return (self.rng.integers(-2, 3, count) if whole else self.rng.normal(size=count)).astype(np.float32)

    def epilogue(self, node: Node, out: Type, whole: bool) -> tuple[Node, bool]:
        def give(*names: str) -> None:
            node.consts.update({name: self.numbers(out.shape[0], whole) for name in names})

        if self.one_of(False, True):
            give("scale", "shift")
        residual = self.pick(lambda value: value.type == out and (not whole or value.name in self.whole))
        if residual and self.one_of(False, True):
            node.attrs["residual"] = 1
            node = node.with_(inputs=(*node.inputs, residual.name))
        activation = self.one_of(None, "clamp", "prelu")
        if activation:
            node.attrs["activation"] = activation
        if activation == "clamp":
            node.attrs.update(low=self.one_of(-2.0, -float("inf")) if whole else -1.1, high=1.0)
        elif activation == "prelu":
            give("slope", *self.one_of([], ["before", "after"]))
        return node, "residual" in node.attrs

    def convolution(self) -> None:
        x = self.pick(lambda value: value.type.kind == SIGN or value.name in self.whole)
        channels, window = x.type.shape[0], self.window(x.type)
        groups = self.one_of(1, channels)
        shape = (groups * self.one_of(1, 2, 3), channels // groups, *window.pop("kernel"))
        attrs = {**window, "groups": groups}
        if x.type.kind == SIGN:
            attrs["zero_point"], attrs["pad_value"] = self.one_of((0, 0), (0, 1), (0, -1), (1, 0))
            weight = self.rng.choice(np.int8([-1, 1]), shape)
        else:
            weight = self.rng.integers(-1, 2, shape).astype(np.float32)
        self.fused(Node("bconv" if x.type.kind == SIGN else "conv", (x.name,), (), attrs, {"weight": weight}), x.type)

    def window(self, x: Type) -> dict[str, Any]:
        """A kernel smaller than map and padding together."""
        pairs = [[self.draw(st.integers(1, 3)) for _ in range(3)] for _ in range(2)]
        sides = []
        for (kernel, _, dilation), size in zip(pairs, x.shape[1:], strict=True):
            missing = dilation * (kernel - 1) + 1 - size
            before, after = (self.draw(st.integers(0, kernel - 1)) for _ in range(2))
            sides.append((before, max(after, missing - before)))
        kernel, stride, dilation = zip(*pairs, strict=True)
        padding = (sides[0][0], sides[1][0], sides[0][1], sides[1][1])
        return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}

    def pool(self) -> None:
        x = self.pick(lambda value: value.type.kind == SIGN or value.name in self.whole)
        op = self.one_of("max_pool", "avg_pool") if x.type.kind == REAL else "max_pool"
        attrs = self.window(x.type)
        if any(max(attrs["padding"][i::2]) >= attrs["kernel"][i] for i in range(2)):
            return  # onnxruntime refuses it
        if np.isinf(largest(np.zeros((1, *x.type.shape), np.float32), attrs)).any():
            return  # a window of nothing but padding: onnxruntime gives the smallest float for -infinity
        if op == "avg_pool":
            attrs["divisor"] = self.one_of("window", 4, 7)
        self.fused(Node(op, (x.name,), (), attrs), x.type)

    def map(self) -> None:
        x = self.pick()
        self.fused(Node("map", (x.name,), ()), x.type)

    # --- the others ---

    def move(self) -> None:
        """Elements go elsewhere, into copies or away."""
        x = self.pick()
        c, h, w = x.type.shape
        part = {"start": (0, h // 2, 0), "step": (2, 1, 3), "size": (-(-c // 2), 1, -(-w // 3))}
        nodes = [
            Node("pad", (x.name,), (), {"padding": (1, 0, 2, 1), "value": 1.0}),
            Node("slice", (x.name,), (), part),
            Node("concat", (x.name, x.name), ()),
            Node("reshape", (x.name,), (), {"shape": (h, w, c)}),
            Node("flatten", (x.name,), ()),
        ]
        if x.type.kind == REAL:
            size = (self.draw(st.integers(1, 7)), self.draw(st.integers(1, 7)))
            resize = {"align_corners": self.one_of(False, True), "size": size}
            nodes += [Node("resize", (x.name,), (), {"mode": mode, **resize}) for mode in ("nearest", "bilinear")]
            index = self.rng.integers(-1, c, c + 2, dtype=np.int32)
            nodes.append(Node("channels", (x.name,), (), {}, {"index": index}))
        node = self.one_of(*nodes)
        whole = x.name in self.whole and node.attrs.get("mode") != "bilinear"
        self.add(node, [x.type] * len(node.inputs), whole=whole)

    def arithmetic(self) -> None:
        x = self.pick(lambda value: value.type.kind == REAL)
        y = self.pick(lambda value: value.type == x.type)
        self.add(Node(self.one_of("add", "sub", "mul"), (x.name, y.name), ()), [x.type, y.type])


@st.composite
def graphs(draw: Callable[[Any], Any]) -> Graph:
    """A map to make signs, then two to seven operations on any values so far; every value is an output."""
    chain = Chain(draw)
    chain.map()
    steps = [chain.convolution, chain.convolution, chain.pool, chain.map, chain.move, chain.arithmetic]
    for step in draw(st.lists(st.sampled_from(steps), min_size=2, max_size=7)):
        step()
    graph = Graph(chain.input, tuple(chain.nodes), tuple(value.name for value in chain.values[1:]), {"seed": "1"})
    check_fused(graph)
    return graph
