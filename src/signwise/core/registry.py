"""One table of named things, with close-match suggestions when a name is not in it."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from signwise.core.errors import UnknownName

T = TypeVar("T")


def suggestion(name: str, options: Iterable[str]) -> str:
    """Say what was probably meant by ``name``, and what there is.

    >>> suggestion("irnett", ["irnet", "rbnn"])
    "did you mean 'irnet'? Known: irnet, rbnn"
    >>> suggestion("zzz", ["irnet", "rbnn"])
    'known: irnet, rbnn'
    """
    options = sorted(options)
    known = f"nown: {', '.join(options)}"
    close = get_close_matches(name, options, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}? K{known}" if close else f"k{known}"


class Registry(Generic[T]):
    """Names to things of one kind.

    >>> methods = Registry("method")
    >>> methods.add("irnet", 1)
    1
    >>> methods["irnet"], methods.names("ir*")
    (1, ['irnet'])
    >>> methods["irnett"]
    Traceback (most recent call last):
    signwise.core.errors.UnknownName: SW101: unknown method 'irnett'; did you mean 'irnet'? Known: irnet
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Enter ``item`` under ``name``; a name can be taken only once."""
        if name in self._items:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._items[name] = item
        return item

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of :meth:`add`."""
        return lambda item: self.add(name, item)

    def __getitem__(self, name: str) -> T:
        try:
            return self._items[name]
        except KeyError:
            raise UnknownName(f"unknown {self.kind} {name!r}; {suggestion(name, self._items)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self, pattern: str = "*") -> list[str]:
        """Names that match a shell pattern, sorted."""
        return sorted(name for name in self._items if fnmatchcase(name, pattern))
