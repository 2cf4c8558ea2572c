"""OpenVINO's BinaryConvolution, for single layers: no front end produces it, so the layer is built by hand.

https://github.com/openvinotoolkit/openvino/issues/30367. The sign is a FakeQuantize of two levels, which OpenVINO turns
into packed bits; scale, shift, residual and clamp are fused into the convolution.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino
import torch
from openvino import opset13 as ops
from rival_openvino import compiled
from work import Contender, Layer, Work


def contenders(work: Work, threads: int, folder: Path) -> Iterator[Contender]:
    if isinstance(work.binary, Layer):
        call = compiled(_model(work), threads, work.image.numpy())
        yield Contender("openvino BinaryConvolution", "binary", call, target="its own choice")


def _model(work: Work) -> openvino.Model:
    signs, scale, shift = _constants(work)
    x = ops.parameter(list(work.image.shape), np.float32)
    zero = np.zeros((1, 1, 1, 1), np.float32)
    bits = ops.fake_quantize(x, zero, zero, zero, zero + 1, levels=2)
    y = ops.binary_convolution(bits, _packed(signs), [1, 1], [1, 1], [1, 1], [1, 1], "xnor-popcount", 0.0)
    y = ops.add(ops.add(ops.multiply(y, scale), shift), x)
    return openvino.Model([ops.clamp(y, -1.0, 1.0)], [x])


def _packed(signs: np.ndarray) -> openvino.Node:
    """A constant of bits in O I H W order, the first in the lowest bit, 1 for +1."""
    tensor = openvino.Tensor(np.packbits(signs > 0, bitorder="little"), openvino.Shape(signs.shape), openvino.Type.u1)
    return openvino.op.Constant(tensor, shared_memory=False)


def _constants(work: Work) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of -1 and +1, and what norm and weight scale do to the counts, for each channel."""
    layer = work.binary
    with torch.no_grad():
        signs = torch.where(layer.conv.weight >= 0, 1.0, -1.0)
        scale = layer.conv.weight.abs().mean((1, 2, 3))
        factor = layer.norm.weight / (layer.norm.running_var + layer.norm.eps).sqrt()
        shift = layer.norm.bias - layer.norm.running_mean * factor
    return signs.numpy(), (scale * factor).view(1, -1, 1, 1).numpy(), shift.view(1, -1, 1, 1).numpy()
