"""A comparison with a threshold for each channel: a `map` that does nothing else."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from signwise.compiler.ir import SIGN, Node, Value

LARGEST = int(np.float32(np.finfo(np.float32).max).view(np.int32))  # its place among the float32 numbers
COMPARED = {"threshold", "direction"}


@dataclass(frozen=True)
class Step:
    """+1 where v >= ``threshold`` (float32), or v <= ``threshold`` where ``direction`` (int8) is -1; else -1."""

    threshold: np.ndarray
    direction: np.ndarray

    def __call__(self, v: np.ndarray) -> np.ndarray:
        """Of values (..., C): true for +1."""
        return np.where(self.direction < 0, v <= self.threshold, v >= self.threshold)

    def consts(self) -> dict[str, np.ndarray]:
        """What an epilogue needs: nothing for thresholds of 0, no direction where all values are compared upwards."""
        threshold = {"threshold": self.threshold} if self.threshold.any() else {}
        return threshold | ({"direction": self.direction} if (self.direction < 0).any() else {})

    def node(self, x: str, out: Value, source: str) -> Node:
        """The node that compares ``x``."""
        return Node("map", (x,), (out,), {}, self.consts(), source)


def step_of(node: Node) -> Step | None:
    """The step that a node is, if it is nothing else."""
    signs = [value.type.kind for value in node.outputs] == [SIGN]
    only = signs and node.op in ("map", "sign") and not node.attrs and set(node.consts) <= COMPARED
    return comparison(node) if only else None


def comparison(node: Node) -> Step:
    """The step at the end of an epilogue with a sign."""
    channels = node.outputs[0].type.shape[0]
    return Step(
        node.consts.get("threshold", np.zeros(channels, np.float32)),
        node.consts.get("direction", np.ones(channels, np.int8)),
    )


def find_step(rises: Callable[[np.ndarray], np.ndarray], channels: int) -> Step:
    """The step that a function of float32 (C,) to bool (C,) is, where it changes at most once between finite values.

    By bisection over all float32 numbers in their order: exact, whatever rounding is in the function.
    """
    low, high = np.full(channels, -LARGEST), np.full(channels, LARGEST)
    first, last = rises(_number(low)), rises(_number(high))
    while (high - low > 1).any():
        middle = (low + high) // 2
        as_last = rises(_number(middle)) == last
        low, high = np.where(as_last, low, middle), np.where(as_last, middle, high)
    constant = np.where(last, -np.inf, np.inf)
    edge = np.where(last, _number(high), _number(low))
    return Step(
        np.where(first == last, constant, edge).astype(np.float32),
        np.where(first & ~last, -1, 1).astype(np.int8),
    )


def _number(place: np.ndarray) -> np.ndarray:
    """The float32 numbers at places counted from 0.0; -0.0 has none of its own."""
    size = np.abs(place).astype(np.int32).view(np.float32)
    return np.where(place < 0, -size, size)
