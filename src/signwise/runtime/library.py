"""The shared library, found or built, with its functions' types."""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path

from signwise.core.errors import TargetError
from signwise.core.registry import suggestion
from signwise.runtime.build import build, library_name


class Model(ctypes.Structure):
    """sw_model."""

    _fields_ = (
        ("plan", POINTER(c_uint8)),
        ("length", c_uint64),
        *((name, c_uint32) for name in ("values", "nodes", "constants", "words", "outputs", "slots", "text", "failed")),
    )


_SHAPE = POINTER(c_int32)
_FUNCTIONS = {
    "sw_message": (c_char_p, [c_int]),
    "sw_open": (c_int, [c_void_p, c_uint64, POINTER(Model)]),
    "sw_input": (c_uint32, [POINTER(Model), _SHAPE]),
    "sw_output": (c_uint32, [POINTER(Model), c_uint32, _SHAPE]),
    "sw_takes_bytes": (c_int, [POINTER(Model)]),
    "sw_text": (c_void_p, [POINTER(Model)]),
    "sw_operation": (c_char_p, [POINTER(Model), c_uint32]),
    "sw_target_name": (c_char_p, [c_int32]),
    "sw_target_runs": (c_int, [c_char_p]),
    "sw_measure": (c_int, [POINTER(Model), c_char_p, c_int32, POINTER(c_uint64), POINTER(c_uint64)]),
    "sw_prepare": (c_int, [POINTER(Model), c_char_p, c_void_p, c_uint64, POINTER(c_void_p)]),
    "sw_net_target": (c_char_p, [c_void_p]),
    "sw_start": (c_int, [c_void_p, c_int32, c_void_p, c_uint64, POINTER(c_void_p)]),
    "sw_run": (c_int, [c_void_p, c_int64, c_void_p, POINTER(c_void_p), c_void_p, c_void_p]),
    "sw_run_bytes": (c_int, [c_void_p, c_int64, c_void_p, c_int, POINTER(c_void_p), c_void_p, c_void_p]),
    "sw_stop": (None, [c_void_p]),
    "sw_clock": (c_uint64, []),
}


def cache_folder() -> Path:
    """Where a library goes that is built on first use."""
    return Path(os.environ.get("SIGNWISE_CACHE") or Path.home() / ".cache" / "signwise")


@cache
def library() -> ctypes.CDLL:
    """The runtime: what was installed, or built before, or else built now from the sources.

    Errors: TargetError where there is no compiler or no place to build.
    """
    places = (Path(__file__).parent / library_name(), cache_folder() / library_name())
    path = next((place for place in places if place.is_file()), None) or build(cache_folder())
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise TargetError(f"cannot load the runtime {path}: {error}. Delete it, and it is built again") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def targets() -> list[str]:
    """The instruction sets that this machine can run, best first."""
    return [name for name in _known() if library().sw_target_runs(name.encode())]


def choose_target(name: str | None) -> str:
    """``name``, $SIGNWISE_TARGET or the best there is. Errors: TargetError for one that is unknown or not here."""
    here = targets()
    name = name or os.environ.get("SIGNWISE_TARGET") or here[0]
    if name in here:
        return name
    if name in _known():
        raise TargetError(f"this machine cannot run target {name!r}; it can run: {', '.join(here)}")
    raise TargetError(f"unknown target {name!r}; {suggestion(name, here)}")


def _known() -> list[str]:
    names, index = [], 0
    while name := library().sw_target_name(index):
        names.append(name.decode())
        index += 1
    return names
