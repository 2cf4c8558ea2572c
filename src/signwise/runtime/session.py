"""Runs a compiled network: ``load("net.swn")(images)``. Needs NumPy and no more; PyTorch tensors are welcome."""

import ctypes
import json
import mmap
import os
import sys
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signwise.core.errors import ConfigError, PlanError
from signwise.runtime.library import Model, choose_target, library

MAX_THREADS, BAD_VERSION, BAD_OPERATION = 64, 7, 12


@dataclass(frozen=True)
class Timing:
    """Nanoseconds of one operation, for all images of a call; ``source`` is the module it came from."""

    op: str
    source: str
    nanoseconds: int


def load(source: str | Path | bytes, threads: int = 1, target: str | None = None) -> "Session":
    """A compiled network, ready to run.

    ``source``: a ``.swn`` file, or its bytes. ``target``: an instruction set such as "scalar"; without one,
    $SIGNWISE_TARGET or the best that this machine has.
    A file stays mapped while sessions use it: replace it, do not write into it.
    Errors: PlanError for a missing or damaged file, TargetError for an instruction set that is unknown or not here.

    >>> import numpy as np
    >>> from signwise.compiler.plan import write
    >>> from signwise.compiler.text import parse
    >>> file = write(parse("input %x: real[2,1,1]@0\\n%y: real[2,1,1]@1 = unary(%x) function=square\\nreturn %y"))
    >>> load(file)(np.float32([[3, 4]]))
    array([[ 9., 16.]], dtype=float32)
    """
    name = "the bytes given" if isinstance(source, bytes) else str(source)
    return Session(Network(_bytes_of(source), name, choose_target(target)), threads)


def _bytes_of(source: str | Path | bytes) -> np.ndarray:
    if isinstance(source, bytes):
        return _aligned_copy(source)
    try:
        with open(source, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return _aligned_copy(b"")
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except OSError as error:
        raise PlanError(f"cannot read {source}: {error.strerror}; expected a .swn file") from None


def _aligned(size: int) -> np.ndarray:
    """Uninitialised bytes at an address that is a multiple of 64."""
    try:
        space = np.empty(size + 64, np.uint8)
    except (MemoryError, ValueError):
        raise PlanError(f"this network needs {size:,} bytes of memory, more than there are") from None
    start = -space.ctypes.data % 64
    return space[start : start + size]


def _aligned_copy(data: bytes) -> np.ndarray:
    data = data or b"\0"  # an empty array has no address
    copy = _aligned(len(data))
    copy[:] = np.frombuffer(data, np.uint8)
    return copy


class Network:
    """A file checked and prepared for one target; any number of sessions share it."""

    def __init__(self, plan: np.ndarray, name: str, target: str):
        self.plan, self.name, self.model, self.target = plan, name, Model(), target
        self._require(library().sw_open(plan.ctypes.data, plan.size, self.model))
        text = self._text()
        shape = (ctypes.c_int32 * 3)()
        library().sw_input(self.model, shape)
        self.input_shape: tuple[int, ...] = tuple(shape)
        self.takes_bytes = bool(library().sw_takes_bytes(self.model))
        self.output_shapes: dict[str, tuple[int, ...]] = {}
        for index in range(self.model.outputs):
            value = library().sw_output(self.model, index, shape)
            self.output_shapes[text["values"][value]] = tuple(shape)
        self.meta: Mapping[str, str] = text["meta"]
        self.steps = [
            (library().sw_operation(self.model, index).decode(), source) for index, source in enumerate(text["sources"])
        ]
        needed, _ = self.measure(1)
        self.memory = _aligned(needed)
        self.net = ctypes.c_void_p()
        self._require(
            library().sw_prepare(self.model, target.encode(), self.memory.ctypes.data, needed, ctypes.byref(self.net))
        )

    def measure(self, threads: int) -> tuple[int, int]:
        """Bytes of the prepared network, and of a session."""
        net, session = ctypes.c_uint64(), ctypes.c_uint64()
        self._require(library().sw_measure(self.model, self.target.encode(), threads, net, session))
        return net.value, session.value

    def _text(self) -> dict[str, Any]:
        raw = ctypes.string_at(library().sw_text(self.model), self.model.text)
        try:
            text = json.loads(raw.decode())
            named = [*text["values"], *text["sources"], *text["meta"], *text["meta"].values()]
            complete = len({*text["values"]}) == len(text["values"]) == self.model.values
            complete &= len(text["sources"]) == self.model.nodes
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            named, complete = [], False
        if not complete or not all(isinstance(name, str) for name in named):
            raise PlanError(f"{self.name}: its names are damaged. Copy the file again, or compile it again")
        return text

    def _require(self, status: int) -> None:
        if not status:
            return
        said = library().sw_message(status).decode()
        if status == BAD_VERSION:
            said = f"{said} ({int(self.plan[8:12].view('<u4')[0])}); update signwise"
        elif status >= BAD_OPERATION:
            said = f"node {self.model.failed}: {said}"
        raise PlanError(f"{self.name}: {said}. Copy the file again, or compile it again")


class Session:
    """A network and memory to run it in. One call at a time; ``clone`` gives another session on the same weights.

    ``session(images)``: float32 or uint8 (N, C, H, W), or (N, C) where H = W = 1, or uint8 (N, H, W, C) as cameras give
    them; array or tensor -> the result of the same sort, float32 (N, C, H, W) or (N, C) alike; with several results, a
    dict of them by name. Where ``takes_bytes``, the network computes with whole numbers 0 to 255, to which it rounds
    float32, and uint8 is fastest.
    Errors: PlanError for images of another shape or dtype.
    """

    def __init__(self, network: Network, threads: int = 1):
        if not isinstance(threads, int) or not 1 <= threads <= MAX_THREADS:
            raise ConfigError(f"threads={threads!r}; allowed: 1 to {MAX_THREADS}")
        self._network, self.threads, self.target = network, threads, network.target
        self.input_shape, self.output_shapes, self.meta = network.input_shape, network.output_shapes, network.meta
        self.takes_bytes = network.takes_bytes
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        _, needed = self._network.measure(self.threads)
        self._memory, self._handle, self._process = _aligned(needed), ctypes.c_void_p(), os.getpid()
        self._network._require(
            library().sw_start(
                self._network.net, self.threads, self._memory.ctypes.data, needed, ctypes.byref(self._handle)
            )
        )
        weakref.finalize(self, _stop, self._handle, self._process, self._memory, self._network)

    def __call__(self, images: Any) -> Any:
        return self._run(images, None)

    def profile(self, images: Any) -> list[Timing]:
        """Run once and say what every operation took, reading the input and writing the results included."""
        steps = [("input", ""), *self._network.steps, ("output", "")]
        times = np.zeros(len(steps), np.uint64)
        self._run(images, times)
        return [Timing(op, source, int(time)) for (op, source), time in zip(steps, times, strict=True)]

    def clone(self, threads: int | None = None) -> "Session":
        """Another session on the same weights, for a call at the same time."""
        return Session(self._network, self.threads if threads is None else threads)

    def __repr__(self) -> str:
        return f"Session({self._network.name!r}, target={self.target!r}, threads={self.threads})"

    def _run(self, images: Any, times: np.ndarray | None) -> Any:
        torch = sys.modules.get("torch")
        tensor = torch is not None and isinstance(images, torch.Tensor)
        batch = self._images(images.detach().cpu().numpy() if tensor else images)
        results = {
            name: np.empty((len(batch), *_trim(shape)), np.float32) for name, shape in self.output_shapes.items()
        }
        places = (ctypes.c_void_p * len(results))(*(result.ctypes.data for result in results.values()))
        clock = None if times is None else ctypes.cast(library().sw_clock, ctypes.c_void_p)
        with self._lock:
            if self._process != os.getpid():
                self._start()  # a fork has taken the memory along, but not the threads
            timed = places, clock, None if times is None else times.ctypes.data
            if batch.dtype == np.uint8:
                interleaved = batch.shape[1:] != self.input_shape
                status = library().sw_run_bytes(self._handle, len(batch), batch.ctypes.data, interleaved, *timed)
            else:
                status = library().sw_run(self._handle, len(batch), batch.ctypes.data, *timed)
        self._network._require(status)
        if torch is not None and tensor:
            results = {name: torch.from_numpy(result) for name, result in results.items()}
        return next(iter(results.values())) if len(results) == 1 else results

    def _images(self, images: Any) -> np.ndarray:
        channels, height, width = shape = self.input_shape
        allowed = f"float32 or uint8 of shape (N, {channels}, {height}, {width})"
        if height == width == 1:
            allowed += f" or (N, {channels})"
        if not isinstance(images, np.ndarray):
            found = type(images).__name__
            raise PlanError(
                f"images are a {found}; expected an array or tensor, {allowed}. Give numpy.asarray(images)."
            )
        if images.dtype not in (np.float32, np.uint8):
            raise PlanError(f"images have dtype {images.dtype}; expected {allowed}. Convert them to float32.")
        interleaved = images.dtype == np.uint8 and images.shape[1:] == (height, width, channels)
        if images.shape[1:] not in {shape, _trim(shape)} and not interleaved:
            raise PlanError(
                f"images have shape {images.shape}; expected {allowed}. Resize them, or add the missing axis."
            )
        if images.dtype == np.uint8 and not self.takes_bytes:
            planes = images.transpose(0, 3, 1, 2) if interleaved and images.shape[1:] != shape else images
            return np.ascontiguousarray(planes, np.float32)
        return np.ascontiguousarray(images)


def _trim(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(C,) for the shape (C, 1, 1) of a vector."""
    return shape[:1] if shape[1:] == (1, 1) else shape


def _stop(handle: ctypes.c_void_p, process: int, *_kept: Any) -> None:
    """End the threads, then let go of the memory they used."""
    if process == os.getpid():
        library().sw_stop(handle)
