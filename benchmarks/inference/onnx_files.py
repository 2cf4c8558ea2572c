"""The float twin as an ONNX file, in float32 and quantised to int8, for the rivals that read ONNX."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from work import Work


def float_file(work: Work, folder: Path) -> Path:
    path = folder / "real.onnx"
    if not path.exists():
        torch.onnx.export(work.real, (work.image,), str(path), input_names=["x"], opset_version=18, dynamo=False)
    return path


class _Images(quantization.CalibrationDataReader):
    """Random images, like the one that is timed."""

    def __init__(self, work: Work, count: int):
        rng = np.random.default_rng(1)
        shape = tuple(work.image.shape)
        self.images: Iterator[np.ndarray] = (rng.standard_normal(shape, dtype=np.float32) for _ in range(count))

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.images, None)
        return None if image is None else {"x": image}


def int8_file(work: Work, folder: Path, activations: str) -> Path:
    """Static quantisation, QDQ, weights int8 for each channel. ``activations``: "uint8", or "int8" around zero."""
    path, prepared = folder / f"{activations}.onnx", folder / "prepared.onnx"
    quant_pre_process(str(float_file(work, folder)), str(prepared))
    quantization.quantize_static(
        str(prepared),
        str(path),
        _Images(work, 8),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type={"uint8": quantization.QuantType.QUInt8, "int8": quantization.QuantType.QInt8}[activations],
        weight_type=quantization.QuantType.QInt8,
        extra_options={"ActivationSymmetric": activations == "int8"},
    )
    return path
