"""Decoded images on disk, so that a set is decoded once per machine."""

import json
import os
import tempfile
import warnings
import zlib
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

ENVIRONMENT = "SIGNWISE_CACHE"
VERSION = 1  #: raise it when the meaning of a cached file changes

Decoded = tuple[Tensor, Tensor, tuple[str, ...]]  #: images, labels, class names


def folder() -> Path:
    """SIGNWISE_CACHE, or ~/.cache/signwise."""
    return Path(os.environ.get(ENVIRONMENT) or "~/.cache/signwise").expanduser()


def fingerprint(files: Sequence[Path], *options: object) -> str:
    """A key that changes with the parent and file names, sizes and times of ``files``, and with ``options``."""
    entries = []
    for file in files:
        status = file.stat()
        entries.append([file.parent.name, file.name, status.st_size, status.st_mtime_ns])
    return blake2b(json.dumps([VERSION, options, entries], default=str).encode(), digest_size=12).hexdigest()


def cached(key: str, build: Callable[[], Decoded]) -> Decoded:
    """What ``build`` returns, from the cache if it is there and whole; written to it otherwise.

    A file that is corrupt (truncated, or its checksum does not fit) is built again. A cache that cannot be written
    costs a warning, not the run.
    """
    file = folder() / "images" / f"{key}.safetensors"
    found = _load(file)
    if found is not None:
        return found
    decoded = build()
    try:
        _save(file, decoded)
    except OSError as error:
        warnings.warn(f"cannot write the cache {file}: {error}; set {ENVIRONMENT} to another folder", stacklevel=2)
    return decoded


def _load(file: Path) -> Decoded | None:
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as content:
            images, labels = content.get_tensor("images"), content.get_tensor("labels")
            metadata = content.metadata()
        whole = metadata["crc"] == _crc(images, labels)
        return (images, labels, tuple(json.loads(metadata["classes"]))) if whole else None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _save(file: Path, decoded: Decoded) -> None:
    """Write to a temporary file beside ``file``, then rename, so that no reader sees half a file."""
    images, labels, classes = decoded
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=".partial")
    os.close(handle)
    try:
        tensors = {"images": images.contiguous(), "labels": labels.contiguous()}
        save_file(tensors, temporary, {"classes": json.dumps(classes), "crc": _crc(images, labels)})
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _crc(images: Tensor, labels: Tensor) -> str:
    first, second = (tensor.contiguous().numpy().data for tensor in (images, labels))
    return str(zlib.crc32(second, zlib.crc32(first)))
