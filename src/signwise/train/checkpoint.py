"""The final model on disk: tensors as safetensors, and beside them the JSON that rebuilds it without the recipe."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from signwise.convert import layer_methods, restore_methods_
from signwise.core.errors import CheckpointError
from signwise.core.files import write_atomically
from signwise.models import create_from_config
from signwise.nn.layers import binary_layers

FORMAT = 1
WEIGHTS, CONFIG = "model.safetensors", "model.json"


def save_model(model: nn.Module, folder: Path, **facts: Any) -> None:
    """Write ``model.safetensors`` and ``model.json`` into ``folder``; ``facts`` (classes, mean, std, ...) go along.

    Each file appears whole or not at all. The JSON holds the model's config and every binary layer's method.
    """
    config = {"format": FORMAT, "model": getattr(model, "config", None), "methods": layer_methods(model), **facts}
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in model.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(tensors))
    write_atomically(folder / CONFIG, json.dumps(config, indent=1))


def read_config(folder: str | Path) -> dict[str, Any]:
    """The JSON beside a saved model. ``folder`` may also be the path of either file in it."""
    path = _folder(folder) / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(
            f"no {CONFIG} in {_folder(folder)}; expected the folder of a finished training run. "
            "Unfinished runs resume by the command that started them."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not readable JSON ({error}); write it again from its training run") from None
    if config.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {config.get('format')!r}; this version reads format {FORMAT}")
    return config


def load_model(folder: str | Path, model: nn.Module | None = None) -> nn.Module:
    """Rebuild a saved model in evaluation mode.

    A model of the registry is built from its config; any other must be given as ``model``, float, and is binarized
    as the saved one was. Errors: CheckpointError for missing, truncated or mismatched files.
    """
    config = read_config(folder)
    if model is None:
        if config["model"] is None:
            raise CheckpointError(
                f"{folder} holds a model of your own; rebuild it and pass it as load_model(path, model)"
            )
        model = create_from_config(config["model"])
    restore_methods_(model, config["methods"])
    load_weights(model, _folder(folder) / WEIGHTS)
    return model.eval()


def load_weights(model: nn.Module, path: Path, may_miss: Callable[[str], bool] = lambda name: False) -> None:
    """Load tensors into ``model``; every name and shape must match, but for the names that ``may_miss`` allows."""
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"no weights at {path}; expected a finished run's {WEIGHTS}") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is truncated or not a safetensors file ({error}); copy or train it again"
        ) from None
    expected = model.state_dict()
    problems = [f"missing {name}" for name in expected if name not in tensors and not may_miss(name)]
    problems += [f"unexpected {name}" for name in tensors if name not in expected]
    problems += [
        f"{name} is {tuple(tensors[name].shape)}, the model has {tuple(expected[name].shape)}"
        for name in expected
        if name in tensors and tensors[name].shape != expected[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:3]) + ("; ..." if len(problems) > 3 else "")
        raise CheckpointError(f"{path} does not fit the model: {shown}. Check model, num_classes and method.")
    model.load_state_dict(tensors, strict=False)


def start_from(model: nn.Module, folder: str | Path) -> None:
    """Start ``model`` from a saved model of the same architecture, float or binary.

    Only what the saved one cannot have, the parts' own tensors in binary layers, keeps its initial value.
    """
    parts = {
        f"{name}.{key}" for name, layer in binary_layers(model).items() for key in layer.state_dict() if "." in key
    }
    load_weights(model, _folder(folder) / WEIGHTS, may_miss=parts.__contains__)


def _folder(path: str | Path) -> Path:
    path = Path(path)
    return path.parent if path.name in (WEIGHTS, CONFIG) else path
