"""From a recipe to the objects that it names."""

import inspect
from dataclasses import replace

import torch
from torch import nn

from signwise.components.wiring import Wiring
from signwise.convert import Report, binarize_
from signwise.core.errors import ConfigError
from signwise.core.progress import Progress
from signwise.core.registry import suggestion
from signwise.data import DataSource
from signwise.methods import get_method
from signwise.models import MODELS, create_model, wiring_of
from signwise.nn.layers import advance_, recompute_
from signwise.objectives import OBJECTIVES, Objective
from signwise.train.checkpoint import load_model, start_from
from signwise.train.recipe import Recipe, check_keys


def build_network(recipe: Recipe, classes: int, channels: int, image_size: int) -> tuple[nn.Module, Report | None]:
    """The network a recipe names, with new weights: wired for the method, and binarized unless ``binary`` is false."""
    method = get_method(recipe.method, **recipe.method_options)
    check_keys(Wiring, recipe.wiring, "recipe.wiring")
    wiring = replace(wiring_of(recipe.model, method.wiring), **recipe.wiring)
    fixed_size = {"image_size": image_size} if "image_size" in MODELS[recipe.model].defaults else {}
    model = create_model(recipe.model, classes, channels, wiring, **(fixed_size | recipe.model_options))
    report = binarize_(model, method, recipe.overrides) if recipe.binary else None
    if recipe.recompute:
        recompute_(model)
    if recipe.channels_last:
        # What a convolution with such weights returns is laid out so too. PyTorch's types do not know the call.
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model, report


def build_model(recipe: Recipe, source: DataSource) -> nn.Module:
    """The network a recipe names, for a data set, as it starts training."""
    model, _ = build_network(recipe, len(source.classes), source.channels, source.size[0])
    advance_(model, Progress(0, recipe.epochs))
    if recipe.init_from:
        start_from(model, recipe.init_from)
    return model


def objective_options(name: str) -> list[str]:
    """The options that an objective takes; one that wants a teacher has ``teacher``."""
    return list(inspect.signature(OBJECTIVES[name]).parameters)


def build_objectives(recipe: Recipe) -> dict[str, Objective]:
    """The objectives a recipe names; an option ``teacher`` that is a path is loaded as a saved model."""
    built = {}
    for name, options in recipe.objectives.items():
        make = OBJECTIVES[name]
        known = objective_options(name)
        for option in options:
            if option not in known:
                raise ConfigError(f"objective {name!r} has no option {option!r}; {suggestion(option, known)}")
        if "teacher" in known:
            if "teacher" not in options:
                raise ConfigError(
                    f"objective {name!r} needs a teacher: the folder of a finished training run. "
                    f"Give it as --objectives.{name}.teacher=FOLDER."
                )
            options = options | {"teacher": load_model(options["teacher"])}
        try:
            built[name] = make(**options)
        except TypeError as error:
            raise ConfigError(f"objective {name!r} with options {options!r}: {error}") from error
    return built
