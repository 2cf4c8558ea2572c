"""signwise: train, compile and understand binary neural networks."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signwise.analysis.summary import summarize as summarize
    from signwise.compiler.program import Program as Program
    from signwise.compiler.program import lower as lower
    from signwise.convert import binarize_ as binarize_
    from signwise.methods import get_method as get_method
    from signwise.methods import list_methods as list_methods
    from signwise.models import create_model as create_model
    from signwise.models import list_models as list_models
    from signwise.nn.layers import BinaryConv1d as BinaryConv1d
    from signwise.nn.layers import BinaryConv2d as BinaryConv2d
    from signwise.nn.layers import BinaryLinear as BinaryLinear
    from signwise.objectives import ContrastiveMI as ContrastiveMI
    from signwise.objectives import ContrastiveTeacher as ContrastiveTeacher
    from signwise.objectives import Distillation as Distillation
    from signwise.runtime.session import load as load
    from signwise.train import fit as fit
    from signwise.train import load_model as load_model
    from signwise.train import load_recipe as load_recipe

_HOMES = {
    "summarize": "signwise.analysis.summary",
    "Program": "signwise.compiler.program",
    "lower": "signwise.compiler.program",
    "binarize_": "signwise.convert",
    "get_method": "signwise.methods",
    "list_methods": "signwise.methods",
    "create_model": "signwise.models",
    "list_models": "signwise.models",
    "BinaryConv1d": "signwise.nn.layers",
    "BinaryConv2d": "signwise.nn.layers",
    "BinaryLinear": "signwise.nn.layers",
    "ContrastiveMI": "signwise.objectives",
    "ContrastiveTeacher": "signwise.objectives",
    "Distillation": "signwise.objectives",
    "load": "signwise.runtime.session",
    "fit": "signwise.train",
    "load_model": "signwise.train",
    "load_recipe": "signwise.train",
}
__all__ = sorted(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import signwise`` costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'signwise' has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
