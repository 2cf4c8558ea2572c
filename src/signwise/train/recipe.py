"""Recipes: a training run as one typed, printable value; YAML is its printed form."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import jsonargparse
import yaml

from signwise.core.errors import ConfigError, UnknownName
from signwise.core.registry import suggestion
from signwise.data import DataConfig

RECIPES = Path(str(files("signwise") / "recipes"))
T = TypeVar("T")


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer; ``lr`` is its peak, reached after the warm-up."""

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class ScheduleConfig:
    """The learning rate over each stage.

    ``warmup`` epochs rise linearly to the peak; ``milestones`` (shares of the stage) multiply it by ``gamma``;
    ``interval`` says whether the rate changes once an epoch (as in the released codes) or at every step.
    """

    name: Literal["cosine", "linear", "step", "constant"] = "cosine"
    warmup: int = 0
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    interval: Literal["epoch", "step"] = "epoch"


@dataclass(frozen=True)
class LossConfig:
    """The loss on the labels; ``weight=0`` leaves training to the objectives (ReActNet's distillation)."""

    name: Literal["cross_entropy", "squared_hinge"] = "cross_entropy"
    weight: float = 1.0
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a training run.

    ``binary=False`` trains the float twin: the same wiring, nothing converted. ``overrides`` maps layers to methods as
    in ``binarize_``, ``objectives`` maps registered names to their options. ``published`` quotes the paper's figure and
    its source, ``reproduced`` ours at the same budget, empty where it has not been run. ``wiring`` changes single
    fields of the method's wiring. ``recompute`` makes binary activations again in the backward pass instead of keeping
    them: the same gradients, less memory, a little more time. ``channels_last`` lays images out as N H W C in memory,
    which tensor cores of GPUs prefer; results differ by rounding.

    >>> recipe = load_recipe("digits/resnet8_irnet")
    >>> recipe.method, recipe.replace(epochs=3).epochs
    ('irnet', 3)
    """

    model: str = "resnet8"
    model_options: dict[str, Any] = field(default_factory=dict)
    wiring: dict[str, Any] = field(default_factory=dict)
    method: str = "irnet"
    method_options: dict[str, Any] = field(default_factory=dict)
    binary: bool = True
    overrides: dict[str, str | None] = field(default_factory=dict)
    objectives: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    epochs: int = 10
    seed: int = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    compile: bool = False
    recompute: bool = False
    channels_last: bool = False
    init_from: str | None = None
    published: str = ""
    reproduced: str = ""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ConfigError(f"recipe: epochs={self.epochs}; allowed: 1 or more")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"recipe: seed={self.seed}; allowed: 0 to {2**32 - 1}")
        if self.optimizer.lr <= 0:
            raise ConfigError(f"recipe: optimizer.lr={self.optimizer.lr}; allowed: above 0")

    def replace(self, **changes: Any) -> "Recipe":
        """The recipe with top-level fields changed."""
        check_keys(Recipe, changes, "recipe")
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :func:`recipe_from_dict` reads back."""
        return _plain(asdict(self))

    def to_yaml(self) -> str:
        """The printed form."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def check_keys(kind: type, data: Mapping[str, Any], where: str) -> None:
    """Reject keys that ``kind`` does not have, at any depth, with what was probably meant."""
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    for key, value in data.items():
        if key not in known:
            raise ConfigError(f"{where} has no key {key!r}; {suggestion(key, known)}")
        if is_dataclass(hints[key]) and isinstance(value, Mapping):
            check_keys(hints[key], value, f"{where}.{key}")


def from_dict(kind: type[T], data: Mapping[str, Any], where: str) -> T:
    """Build a dataclass from plain data; unknown keys and wrong types are ConfigErrors that name the key."""
    check_keys(kind, data, where)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, None)
    try:
        return kind(**vars(parser.instantiate(parser.parse_object(dict(data)))))
    except (jsonargparse.ArgumentError, ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {' '.join(str(error).split())}") from error


def recipe_from_dict(data: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """Build a recipe from plain data. Errors: ConfigError."""
    return from_dict(Recipe, data, where)


def override_recipe(recipe: Recipe, arguments: Sequence[str]) -> Recipe:
    """Apply dotted options: ``--optimizer.lr=0.05``, ``--objectives.contrastive_mi.weight 0.3``.

    Values are read as YAML. What an option does not name stays, down to the single option of an objective.
    """
    data = recipe.to_dict()
    words = iter(arguments)
    for word in words:
        key, equals, text = word.removeprefix("--").partition("=")
        value = text if equals else next(words, None)
        if not word.startswith("--") or value is None:
            raise ConfigError(f"recipe options: found {word!r}; allowed: --key value or --key=value")
        *path, last = _path(Recipe, key.split("."), "recipe")
        place = data
        for name in path:
            place = place.setdefault(name, {})
        place[last] = yaml.safe_load(value)
    return recipe_from_dict(data, where=f"recipe options {' '.join(arguments)!r}")


def _path(kind: Any, names: list[str], where: str) -> list[str]:
    """Split a dotted key where the types do: the keys of an open mapping, such as layer names, may hold dots."""
    if not is_dataclass(kind):
        inner = get_args(kind)[1] if get_origin(kind) is dict else None
        return [names[0], ".".join(names[1:])] if get_origin(inner) is dict and names[1:] else [".".join(names)]
    check_keys(cast(type, kind), {names[0]: None}, where)
    if len(names) == 1:
        return names
    return [names[0], *_path(get_type_hints(kind)[names[0]], names[1:], f"{where}.{names[0]}")]


def list_recipes() -> list[str]:
    """Names of the recipes that ship with the package, ``<dataset>/<model>_<method>[_objective]``."""
    return shipped(RECIPES)


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a recipe file by its path (ending in .yaml)."""
    return recipe_from_dict(load_yaml("recipe", name, RECIPES, dict, "a mapping of recipe keys"), f"recipe {name}")


def shipped(root: Path) -> list[str]:
    """Names of the YAML files in a folder of the package."""
    return sorted(str(path.relative_to(root).with_suffix("")) for path in root.rglob("*.yaml"))


def load_yaml(what: str, name: str, root: Path, kind: type[T], allowed: str) -> T:
    """What the YAML file ``name`` of a folder of the package holds, or the file at the path ``name``."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else root / f"{name}.yaml"
    if not path.is_file():
        raise UnknownName(f"unknown {what} {name!r}; {suggestion(name, shipped(root))}, or a path that ends in .yaml")
    try:
        data = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{what} {path}: not readable as YAML: {error}") from error
    if not isinstance(data, kind):
        raise ConfigError(f"{what} {path}: holds a {type(data).__name__}; allowed: {allowed}")
    return data
