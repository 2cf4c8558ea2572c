"""OpenVINO, float32 and int8, quantised by ONNX Runtime's tool.

Activations are int8 around zero: as fast as uint8, with which OpenVINO 2026.4 refuses ResNet-20 (padded channels).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openvino
from onnx_files import float_file, int8_file
from work import Contender, Work


def compiled(model: openvino.Model, threads: int, image: np.ndarray) -> Callable[[], np.ndarray]:
    """One request at a time. Float32 means float32: on processors that have bfloat16, OpenVINO would take that."""
    hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    hints["ENABLE_CPU_PINNING"] = False  # a pinned thread waits where another program has the core
    request = openvino.Core().compile_model(model, "CPU", hints).create_infer_request()
    return lambda: request.infer([image], share_inputs=True, share_outputs=True)[0]


def contenders(work: Work, threads: int, folder: Path) -> Iterator[Contender]:
    image = work.image.numpy()
    for name, file in {"fp32": float_file(work, folder), "int8": int8_file(work, folder, "int8")}.items():
        model = openvino.Core().read_model(file)
        yield Contender(f"openvino {name}", "real", compiled(model, threads, image), file, "its own choice")
