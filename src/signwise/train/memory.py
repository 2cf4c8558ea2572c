"""The C library's allocator, told to keep what a training step frees."""

import ctypes
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # names of malloc.h


def keep_freed_memory() -> bool:
    """Ask glibc to reuse freed memory instead of giving it back to the system; whether it was asked.

    A training step on a CPU frees and takes hundreds of megabytes; given back, each page is zeroed and mapped again
    at every step. The process then holds its peak until it ends. Does nothing where the C library is not glibc.

    >>> keep_freed_memory() == (sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version"))
    True
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    # 32 MiB is glibc's largest; asking for more is refused.
    return bool(library.mallopt(_MMAP_THRESHOLD, 1 << 25) and library.mallopt(_TRIM_THRESHOLD, (1 << 31) - 1))
