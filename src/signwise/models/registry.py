"""The table of models, and the factory that builds one by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from signwise.components.part import decode, encode
from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError
from signwise.core.registry import Registry, suggestion
from signwise.models.classifier import Classifier
from signwise.models.initialise import initialise_
from signwise.models.options import positive

_CONFIG_KEYS = ("model", "num_classes", "in_channels", "wiring", "options")


@dataclass(frozen=True)
class Entry:
    """One registered model: its family's builder, its options with their defaults, the model it is wired as."""

    build: Callable[..., Classifier]
    defaults: Mapping[str, Any]
    wired_as: str


MODELS: Registry[Entry] = Registry("model")


def add_model(name: str, build: Callable[..., Classifier], wired_as: str | None = None, **defaults: Any) -> None:
    """Enter ``build(num_classes, in_channels, wiring, **options)`` under ``name`` with default options.

    ``wired_as`` is the name whose entry in ``Wiring.on`` applies when there is none for ``name``.
    """
    MODELS.add(name, Entry(build, defaults, wired_as or name))


def list_models(pattern: str = "*") -> list[str]:
    """Names of the models that match a shell pattern.

    >>> list_models("resnet18*")
    ['resnet18', 'resnet18_cifar', 'resnet18_cifar_tiny', 'resnet18_tiny']
    """
    return MODELS.names(pattern)


def wiring_of(name: str, wiring: Wiring) -> Wiring:
    """The wiring in force for a model: its own entry in ``wiring.on``, or that of the model it is wired as."""
    named = {model for model, _ in wiring.on}
    return wiring.resolve(name if name in named else MODELS[name].wired_as)


def create_model(
    name: str, num_classes: int = 10, in_channels: int = 3, wiring: Wiring = Wiring(), **options: Any
) -> Classifier:
    """A float model, freshly initialised, wired as ``wiring`` says for it; ``binarize_`` makes it binary.

    ``model.config`` is plain data from which :func:`create_from_config` builds the same model again (new weights).
    Errors: UnknownName for the model; ConfigError for an unknown option or a value that is out of range.

    >>> model = create_model("resnet20_tiny", num_classes=4, width=5)
    >>> model(torch.zeros(2, 3, 32, 32)).shape, model.config["options"]
    (torch.Size([2, 4]), {'width': 5, 'blocks': [1, 1, 1]})
    """
    entry = MODELS[name]
    for option in options:
        if option not in entry.defaults:
            raise ConfigError(f"model {name!r} has no option {option!r}; {suggestion(option, entry.defaults)}")
    options = {**entry.defaults, **options}
    wiring = wiring_of(name, wiring)
    model = entry.build(positive("num_classes", num_classes), positive("in_channels", in_channels), wiring, **options)
    initialise_(model)
    values = (name, num_classes, in_channels, encode(wiring), {key: encode(value) for key, value in options.items()})
    model.config = dict(zip(_CONFIG_KEYS, values, strict=True))
    return model


def create_from_config(config: Mapping[str, Any]) -> Classifier:
    """The model whose ``model.config`` this is, with new weights.

    Errors: ConfigError for a key that is missing or unknown, or a wiring that is not one.

    >>> model = create_model("mlp_tiny")
    >>> create_from_config(model.config).config == model.config
    True
    """
    for key in _CONFIG_KEYS:
        if key not in config:
            raise ConfigError(
                f"model config has no key {key!r}; it holds {sorted(config)}, needed: {', '.join(_CONFIG_KEYS)}"
            )
    for key in config:
        if key not in _CONFIG_KEYS:
            raise ConfigError(f"model config has the key {key!r}; {suggestion(key, _CONFIG_KEYS)}")
    wiring = decode(config["wiring"])
    if not isinstance(wiring, Wiring):
        raise ConfigError(f"model config: wiring is {config['wiring']!r:.80}; allowed: an encoded Wiring")
    return create_model(config["model"], config["num_classes"], config["in_channels"], wiring, **config["options"])
