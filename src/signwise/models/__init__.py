"""The models: float networks wired for a method; importing this package fills the registry."""

import importlib
import pkgutil

from signwise.models.registry import MODELS, create_from_config, create_model, list_models, wiring_of

__all__ = ["MODELS", "create_from_config", "create_model", "list_models", "wiring_of"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
