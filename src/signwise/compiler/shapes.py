"""The output shape (C, H, W) of every operation, from its inputs' types, its attributes and its constants."""

import math
from collections.abc import Sequence

from signwise.compiler.ir import SIGN, Node, Type
from signwise.core.errors import LoweringError

Shape = tuple[int, int, int]


def describe(node: Node) -> str:
    """How messages name a node: operation, first output, module.

    >>> describe(Node("conv", ("x",), (), source="layer1.0.conv1"))
    'conv (layer1.0.conv1)'
    """
    return " ".join([node.op, *(f"%{v.name}" for v in node.outputs[:1]), *([f"({node.source})"] * bool(node.source))])


def wrong(node: Node, text: str) -> LoweringError:
    """The error for a node that is not as it should be."""
    return LoweringError(f"{describe(node)}: {text}")


def same(node: Node, inputs: Sequence[Type]) -> Shape:
    return inputs[0].shape


def _window(node: Node, x: Type, channels: int, kernel: tuple[int, int]) -> Shape:
    top, left, bottom, right = node.attrs["padding"]
    sizes = []
    for i, padding in enumerate((top + bottom, left + right)):
        reach = node.attrs["dilation"][i] * (kernel[i] - 1) + 1
        sizes.append((x.shape[i + 1] + padding - reach) // node.attrs["stride"][i] + 1)
    return channels, sizes[0], sizes[1]


def conv(node: Node, inputs: Sequence[Type]) -> Shape:
    out_channels, per_group, *kernel = node.consts["weight"].shape
    groups = node.attrs["groups"]
    if inputs[0].shape[0] != groups * per_group or out_channels % groups or min(kernel) < 1:
        raise wrong(
            node,
            f"weight {node.consts['weight'].shape} with groups={groups} does not fit {inputs[0]}; expected "
            "(O, C / groups, KH, KW) of at least 1 each, O a multiple of groups",
        )
    return _window(node, inputs[0], out_channels, (kernel[0], kernel[1]))


def pool(node: Node, inputs: Sequence[Type]) -> Shape:
    return _window(node, inputs[0], inputs[0].shape[0], node.attrs["kernel"])


def broadcast(node: Node, inputs: Sequence[Type]) -> Shape:
    a, b = (x.shape for x in inputs)
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        raise wrong(
            node, f"inputs {inputs[0]} and {inputs[1]} do not fit; every size must be equal, or 1 in one of them"
        )
    c, h, w = (n if m == 1 else m for m, n in zip(a, b, strict=True))
    return c, h, w


def mean(node: Node, inputs: Sequence[Type]) -> Shape:
    c, h, w = (1 if axis in node.attrs["axes"] else n for axis, n in zip("chw", inputs[0].shape, strict=True))
    return c, h, w


def pad(node: Node, inputs: Sequence[Type]) -> Shape:
    if inputs[0].kind == SIGN and node.attrs["value"] not in (-1, 1):
        raise wrong(node, f"value is {node.attrs['value']}; a sign value is padded with -1.0 or 1.0")
    (c, h, w), (top, left, bottom, right) = inputs[0].shape, node.attrs["padding"]
    return c, h + top + bottom, w + left + right


def slice(node: Node, inputs: Sequence[Type]) -> Shape:
    start, step, size = (node.attrs[name] for name in ("start", "step", "size"))
    if any(start[i] + step[i] * (size[i] - 1) >= inputs[0].shape[i] for i in range(3)):
        raise wrong(node, f"start={start} step={step} size={size} leaves {inputs[0]}; take less")
    return size


def channels(node: Node, inputs: Sequence[Type]) -> Shape:
    index, (channels, h, w) = node.consts["index"], inputs[0].shape
    if index.size and not -1 <= index.min() <= index.max() < channels:
        raise wrong(node, f"index has {index.min()} to {index.max()}; expected -1 to {channels - 1} for {inputs[0]}")
    return index.size, h, w


def concat(node: Node, inputs: Sequence[Type]) -> Shape:
    if len({(x.kind, x.shape[1:]) for x in inputs}) > 1:
        raise wrong(
            node, f"inputs {', '.join(map(str, inputs))} do not fit; expected one kind, one height and one width"
        )
    return sum(x.shape[0] for x in inputs), *inputs[0].shape[1:]


def reshape(node: Node, inputs: Sequence[Type]) -> Shape:
    if math.prod(node.attrs["shape"]) != math.prod(inputs[0].shape):
        raise wrong(node, f"shape {node.attrs['shape']} has another number of elements than {inputs[0]}")
    return node.attrs["shape"]


def flatten(node: Node, inputs: Sequence[Type]) -> Shape:
    return math.prod(inputs[0].shape), 1, 1


def resize(node: Node, inputs: Sequence[Type]) -> Shape:
    return inputs[0].shape[0], *node.attrs["size"]


def constant(node: Node, inputs: Sequence[Type]) -> Shape:
    c, h, w = node.consts["value"].shape
    return c, h, w
