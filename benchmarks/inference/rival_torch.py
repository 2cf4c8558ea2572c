"""PyTorch, float32, eager, in both memory layouts."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from work import Contender, Work


def contenders(work: Work, threads: int, folder: Path) -> Iterator[Contender]:
    torch.set_num_threads(threads)
    target = torch.backends.cpu.get_cpu_capability()
    layouts = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
    for name, layout in layouts.items():
        yield Contender(f"torch fp32, {name}", "real", _call(work, layout), target=target)


def _call(work: Work, layout: torch.memory_format) -> Callable[[], np.ndarray]:
    model = copy.deepcopy(work.real).to(memory_format=layout)
    image = work.image.to(memory_format=layout)

    def call() -> np.ndarray:
        with torch.inference_mode():
            return model(image).numpy()

    return call
