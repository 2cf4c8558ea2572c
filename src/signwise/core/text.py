"""Rich tables as plain text."""

from typing import Any

from rich.console import Console


def plain_text(item: Any, width: int) -> str:
    """What rich draws for ``item`` at a width, as a string."""
    console = Console(width=width)
    with console.capture() as capture:
        console.print(item)
    return capture.get()
