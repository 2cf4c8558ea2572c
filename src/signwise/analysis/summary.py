"""What a model costs, layer by layer: bits, parameters, memory, operations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from rich.table import Table
from torch import Tensor, nn

from signwise.core.text import plain_text
from signwise.nn.layers import BinaryLayer
from signwise.nn.modes import evaluating

_FORWARD = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
FLOAT_BITS = 32


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer for one sample; ``output_shape`` is without the batch, () if the layer did not run."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    weight_bits: float
    activation_bits: int
    parameters: int
    packed_bytes: int
    float_bytes: int
    binary_macs: int
    float_macs: int


_COUNTS = tuple(field.name for field in fields(LayerCost))[5:]


@dataclass(frozen=True)
class Summary:
    """The rows of :func:`summarize`, in definition order, and their totals; prints as a table."""

    input_size: tuple[int, ...]
    rows: tuple[LayerCost, ...]

    def total(self, count: str) -> int:
        """The sum of one of the counts of :class:`LayerCost` over the rows."""
        return sum(getattr(row, count) for row in self.rows)

    @property
    def parameters(self) -> int:
        return self.total("parameters")

    @property
    def packed_bytes(self) -> int:
        return self.total("packed_bytes")

    @property
    def float_bytes(self) -> int:
        return self.total("float_bytes")

    @property
    def binary_macs(self) -> int:
        return self.total("binary_macs")

    @property
    def float_macs(self) -> int:
        return self.total("float_macs")

    @property
    def ops(self) -> float:
        """Operations as the literature counts them: binary MACs / 64 + float MACs."""
        return self.binary_macs / 64 + self.float_macs

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the rows, and the totals under ``total``."""
        total = {count: self.total(count) for count in _COUNTS} | {"ops": self.ops}
        rows = [asdict(row) | {"output_shape": list(row.output_shape)} for row in self.rows]
        return {"input_size": list(self.input_size), "layers": rows, "total": total}

    def __rich__(self) -> Table:
        table = Table("layer", "type", "output", "W/A bits", title=f"input {_shape(self.input_size)}", show_footer=True)
        table.columns[0].footer = "total"
        table.columns[1].footer = f"OPs {self.ops:.4g}"
        for count in _COUNTS:
            table.add_column(count.replace("_", " "), f"{self.total(count):,}", justify="right")
        for row in self.rows:
            counts = (f"{getattr(row, count):,}" for count in _COUNTS)
            table.add_row(
                row.name, row.type, _shape(row.output_shape), f"{row.weight_bits:.3g}/{row.activation_bits}", *counts
            )
        return table

    def __str__(self) -> str:
        return plain_text(self, width=160)


def summarize(model: nn.Module, input_size: Sequence[int] = (3, 32, 32)) -> Summary:
    """Count bits, parameters, memory and operations of every layer, for one sample of ``input_size``.

    A layer is the outermost module that owns parameters; a tensor that two layers share is counted at the first.
    Bits: M/N for a binary layer of M weight and N activation bases, less than M where kernels come from a codebook,
    which is counted with them; 32 for what is real (a training stage included).
    Parameters: what training changes. Memory: 4 bytes each (``float_bytes``); packed, those bits for binary weights and
    4 bytes for all else, batch norms, thresholds and learnt scales included, running statistics and derived scales
    not (they fold into the affine of the norm), nor what transforms the weights (it is in their bits).
    Operations: multiply-adds of convolutions and dense layers, counted once each; binary, M N times, where weights and
    activations are both binary, else float, as are those of a network that computes thresholds. Norms, activations and
    pools are not counted.
    OPs = binary MACs / 64 + float MACs.
    One forward pass of zeros in evaluation mode without gradients; modes are restored, no state changes.

    With this count: ResNet-18 on ImageNet 1.81e9 MACs and 46.8 MB (as published); Bi-Real ResNet-18 1.68e9 binary and
    1.38e8 float MACs, 1.64e8 OPs, 33.5 Mbit (published: 1.63e8, 33.6 with one float scale a filter); ReActNet-A 4.82e9
    binary and 0.12e8 float MACs, 0.87e8 OPs (as published).

    >>> summary = summarize(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()), (3, 4, 4))
    >>> summary.parameters, summary.float_macs, summary.rows[0].output_shape
    (224, 3456, (8, 4, 4))
    """
    layers = dict(_layers(model, "", set()))
    macs = dict.fromkeys(layers, 0)
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(layers, ())

    def watch(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            macs[name] += _macs(module, inputs[0], output)
            shapes[name] = tuple(output.shape[1:])

        return hook

    first = next(model.parameters(), torch.zeros(()))
    handles = [module.register_forward_hook(watch(name)) for name, module in layers.items()]
    try:
        with evaluating(model), torch.no_grad():
            model(torch.zeros(1, *input_size, device=first.device, dtype=first.dtype))
    finally:
        for handle in handles:
            handle.remove()
    seen: set[int] = set()
    rows = tuple(_row(name, module, shapes[name], macs[name], seen) for name, module in layers.items())
    return Summary(tuple(input_size), rows)


def _layers(module: nn.Module, name: str, visited: set[int]) -> Iterator[tuple[str, nn.Module]]:
    """The outermost modules that own parameters, each once."""
    if id(module) in visited:
        return
    visited.add(id(module))
    if any(True for _ in module.parameters(recurse=False)):
        yield name, module
        return
    for key, child in module.named_children():
        yield from _layers(child, f"{name}.{key}" if name else key, visited)


def _row(name: str, module: nn.Module, shape: tuple[int, ...], macs: int, seen: set[int]) -> LayerCost:
    own = {id(parameter): parameter.numel() for parameter in module.parameters() if id(parameter) not in seen}
    seen.update(own)
    parameters = sum(own.values())
    weight_bits: float = FLOAT_BITS
    activation_bits = FLOAT_BITS
    products = extra = 0
    bits = FLOAT_BITS * parameters
    if isinstance(module, BinaryLayer) and module.binary_weights:
        quantizer = module.method.weight_quantizer
        stored = quantizer.stored_bits(module.weight)
        weight_bits, products = stored / module.weight.numel(), quantizer.bases
        trained = (module.weight, *module.weight_transform.parameters(), *module.weight_quantizer.parameters())
        if id(module.weight) in own:
            bits += stored - FLOAT_BITS * sum(own[id(parameter)] for parameter in trained)
    if isinstance(module, BinaryLayer) and module.binary_activations:
        activation_bits = module.method.activation_levels.bases
        products *= activation_bits
        extra = module.binarizer.macs() if macs else 0
    binary = FLOAT_BITS not in (weight_bits, activation_bits)
    return LayerCost(
        name=name,
        type=type(module).__name__,
        output_shape=shape,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        parameters=parameters,
        packed_bytes=-(-bits // 8),
        float_bytes=FLOAT_BITS // 8 * parameters,
        binary_macs=macs * products if binary else 0,
        float_macs=extra + (0 if binary else macs),
    )


def _macs(module: nn.Module, x: Tensor, y: Tensor) -> int:
    if isinstance(module, _FORWARD):
        return y[0].numel() * module.weight[0].numel()
    return x[0].numel() * module.weight[0].numel() if isinstance(module, _TRANSPOSED) else 0


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "-"
