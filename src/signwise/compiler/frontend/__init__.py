"""The front end: a PyTorch module in, the graph of primitives of docs/compiler.md out. The rest of the compiler never
sees torch. Importing this package fills the table of lowerings."""

import importlib
import pkgutil

from signwise.compiler.frontend.capture import capture

__all__ = ["capture"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
