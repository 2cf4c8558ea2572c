"""What the verbs print: results on stdout, progress on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console

from signwise.core.process import is_main_process


def show(item: Any) -> None:
    """Print text, or anything rich can draw, on stdout; tables are as wide as they need where nobody looks."""
    if is_main_process():
        width = None if sys.stdout.isatty() else 200
        Console(width=width, highlight=False, markup=False, emoji=False).print(item)


def show_json(data: Any) -> None:
    """Print plain data as one JSON document on stdout."""
    if is_main_process():
        print(json.dumps(data, indent=1))


def note(text: str) -> None:
    """Print a line on stderr."""
    if is_main_process():
        print(text, file=sys.stderr, flush=True)


def markdown_table(lines: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, the heads on the first line.

    >>> print(markdown_table([("a", "b"), ("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    heads, *body = ("| " + " | ".join(line) + " |" for line in lines)
    return "\n".join([heads, "|" + "---|" * (heads.count(" | ") + 1), *body])


def percent(share: float | None, spread: float | None = None) -> str:
    """A share as a percentage, with the sample's standard deviation where there is one.

    >>> percent(0.9811), percent(0.9811, 0.0123), percent(None)
    ('98.11', '98.11 ± 1.23', '-')
    """
    if share is None:
        return "-"
    return f"{100 * share:.2f}" + ("" if spread is None else f" ± {100 * spread:.2f}")
