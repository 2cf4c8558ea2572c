"""ONNX Runtime, float32 and static int8 (activations uint8, which it runs up to six times as fast as int8)."""

from collections.abc import Iterator
from pathlib import Path

import onnxruntime
from onnx_files import float_file, int8_file
from work import Contender, Work


def contenders(work: Work, threads: int, folder: Path) -> Iterator[Contender]:
    image = {"x": work.image.numpy()}
    for name, file in {"fp32": float_file(work, folder), "int8": int8_file(work, folder, "uint8")}.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        yield Contender(
            f"onnxruntime {name}", "real", lambda session=session: session.run(None, image)[0], file, "its own choice"
        )
