"""signwise: the binary network, compiled to a file and loaded from it; whole networks also on bytes, with int8 weights.

The latter takes the image as pixels, rounded to bytes, and normalises them: its "error" includes that rounding.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import nn
from work import Contender, Layer, Work

import signwise
from signwise.nn.pixels import Pixels

MEAN, STD = 0.5, 0.25


def contenders(work: Work, threads: int, folder: Path) -> Iterator[Contender]:
    file = signwise.lower(work.binary, work.image).save(folder / "net.swn")
    session = signwise.load(file, threads=threads)
    image = work.image.numpy()
    yield Contender("signwise", "binary", lambda: session(image), file, session.target)
    if isinstance(work.binary, Layer):
        return
    network = nn.Sequential(Pixels([MEAN] * 3, [STD] * 3), work.binary).eval()
    small = signwise.lower(network, work.image, pixels=True, real="int8").save(folder / "int8.swn")
    on_bytes = signwise.load(small, threads=threads)
    pixels = np.clip(np.rint((image * STD + MEAN) * 255), 0, 255).astype(np.uint8)
    yield Contender(
        "signwise, bytes and rounded real weights", "binary", lambda: on_bytes(pixels), small, on_bytes.target
    )
