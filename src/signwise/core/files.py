"""Files that appear whole or not at all."""

import os
from pathlib import Path

from signwise.core.errors import SignwiseError

Content = bytes | memoryview | str  #: text is written as UTF-8


def write_atomically(path: Path, content: Content) -> None:
    """Fill a temporary neighbour of ``path``, then move it into place. Errors: OSError, which leaves nothing there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_result(path: Path, content: Content, kind: type[SignwiseError]) -> Path:
    """The same for a file that the user named. Errors: one of ``kind`` where it cannot be written."""
    try:
        write_atomically(path, content)
    except OSError as error:
        raise kind(
            f"cannot write {path}: {error.strerror or error}. Nothing was left there; give a file in a folder that "
            "exists, can be written and has space."
        ) from None
    return path
