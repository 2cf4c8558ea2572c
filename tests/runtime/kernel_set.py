"""A target's kernels through ctypes: built from source, called on buffers with guard pages. Mirrors csrc/kernels.h."""

import ctypes
import mmap
import subprocess
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_float, c_int32, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signwise.runtime.build import FLAGS, SOURCES, compiler

EXTRA = ("-fvisibility=default", "-Wall", "-Wextra", "-Werror", "-shared")
CLAMP, PRELU = 1, 2


class Geometry(Structure):
    _fields_ = [
        (field, c_int32)
        for names in (
            ("in_c", "in_h", "in_w", "out_c", "out_h", "out_w", "kernel_h", "kernel_w", "stride_h", "stride_w"),
            ("dilation_h", "dilation_w", "pad_top", "pad_left", "groups"),
        )
        for field in names
    ]


class Epilogue(Structure):
    _fields_ = [
        ("scale", c_void_p), ("shift", c_void_p), ("residual", c_void_p), ("activation", c_int32), ("low", c_float),
        ("high", c_float), ("slope", c_void_p), ("before", c_void_p), ("after", c_void_p), ("real", c_void_p),
        ("bits", c_void_p), ("threshold", c_void_p), ("flip", c_void_p), ("count_threshold", c_void_p),
    ]  # fmt: skip


class Block(Structure):
    _fields_ = [("y0", c_int32), ("y1", c_int32), ("c0", c_int32), ("c1", c_int32)]


class Bconv(Structure):
    _fields_ = [
        ("geometry", Geometry), ("weights", c_void_p), ("base", c_void_p), ("row_class", c_void_p),
        ("column_class", c_void_p), ("column_classes", c_int32),
    ]  # fmt: skip


class Conv(Structure):
    _fields_ = [("geometry", Geometry), ("weights", c_void_p), ("outside", c_void_p)]


SIZE = CFUNCTYPE(c_size_t, POINTER(Geometry))
PACK = CFUNCTYPE(None, POINTER(Geometry), c_void_p, c_void_p)
TAPS = c_void_p, POINTER(c_void_p), c_int32, c_int32, c_int32


class Kernels(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("bconv_bytes", SIZE),
        ("bconv_pack", PACK),
        ("bconv_scratch", SIZE),
        ("bconv", CFUNCTYPE(None, POINTER(Bconv), POINTER(Epilogue), c_void_p, c_void_p, Block)),
        ("conv_bytes", SIZE),
        ("conv_pack", PACK),
        ("conv_scratch", SIZE),
        ("conv", CFUNCTYPE(None, POINTER(Conv), POINTER(Epilogue), c_void_p, c_void_p, Block)),
        ("byte_conv_bytes", SIZE),
        ("byte_conv_pack", PACK),
        ("byte_conv_scratch", SIZE),
        ("byte_conv", CFUNCTYPE(None, POINTER(Conv), POINTER(Epilogue), c_void_p, c_void_p, Block)),
        ("epilogue", CFUNCTYPE(None, POINTER(Epilogue), c_void_p, c_int32, c_int64, c_int64)),
        ("transpose", CFUNCTYPE(None, c_void_p, c_int64, c_void_p, c_int64, c_int32, c_int64)),
        ("interleave", CFUNCTYPE(None, c_void_p, c_int64, c_void_p, c_int32, c_int64)),
        ("max_taps", CFUNCTYPE(None, *TAPS)),
        ("add_taps", CFUNCTYPE(None, *TAPS, c_float)),
    ]


def build(target: str, folder: Path) -> Kernels:
    """The kernels of csrc/<target>.c, compiled as they are shipped."""
    library = folder / f"{target}.so"
    subprocess.run([*compiler(), *FLAGS, *EXTRA, str(SOURCES / f"{target}.c"), "-o", str(library)], check=True)
    return Kernels.in_dll(ctypes.CDLL(str(library)), f"sw_{target}")


@dataclass
class Buffer:
    """64-byte aligned memory that ends, but for the 64 bytes that may be read past it, at an unmapped page."""

    array: np.ndarray
    address: int
    _memory: mmap.mmap

    @classmethod
    def of(cls, values: np.ndarray) -> "Buffer":
        page, size = mmap.PAGESIZE, -(-values.nbytes // 64) * 64 + 64
        total = -(-size // page) * page
        memory = mmap.mmap(-1, total + page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        ctypes.CDLL(None).mprotect(c_void_p(start + total), c_size_t(page), 0)
        array = np.frombuffer(memory, values.dtype, values.size, total - size).reshape(values.shape)
        array[...] = values
        memory_tail = np.frombuffer(memory, np.uint8, size - values.nbytes, total - size + values.nbytes)
        memory_tail[...] = 0xFF  # as floats NaN, as a table's offset far outside
        return cls(array, start + total - size, memory)

    @classmethod
    def noise(cls, size: int) -> "Buffer":
        return cls.of(np.full(size, 0xFF, np.uint8))


def real_layout(values: np.ndarray) -> np.ndarray:
    """(H, W, C) floats with the lanes that a real value has; those beyond C hold NaN."""
    height, width, channels = values.shape
    out = np.full((height, width, -(-channels // 8) * 8), np.nan, np.float32)
    out[..., :channels] = values
    return out


def bit_layout(bits: np.ndarray, multiple: int = 64) -> np.ndarray:
    """(..., C) zeros and ones as bytes, LSB first, C rounded up to ``multiple`` with zeros."""
    pad = -bits.shape[-1] % multiple
    padded = np.pad(bits.astype(np.uint8), [(0, 0)] * (bits.ndim - 1) + [(0, pad)])
    return np.packbits(padded, axis=-1, bitorder="little")


def constant(values: np.ndarray) -> np.ndarray:
    """Channel constants padded to a multiple of 64 with what would be noticed: all bits one."""
    pad = -values.shape[-1] % 64
    out = np.full((*values.shape[:-1], values.shape[-1] + pad), -1, values.dtype)
    out[..., : values.shape[-1]] = values
    return out
