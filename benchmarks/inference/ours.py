"""signwise: the binary network, compiled to a file and loaded from it."""

from collections.abc import Iterator
from pathlib import Path

from work import Contender, Work

import signwise


def contenders(work: Work, threads: int, folder: Path) -> Iterator[Contender]:
    file = signwise.lower(work.binary, work.image).save(folder / "net.swn")
    session = signwise.load(file, threads=threads)
    image = work.image.numpy()
    yield Contender("signwise", "binary", lambda: session(image), file, session.target)
