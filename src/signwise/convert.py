"""Turn any float model into a binary one in place, and say for every layer what was done and why."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from torch import nn

from signwise.components.method import Method
from signwise.core.errors import ConversionError
from signwise.core.registry import suggestion
from signwise.core.text import plain_text
from signwise.methods import get_method
from signwise.nn.layers import BinaryConv1d, BinaryConv2d, BinaryLayer, BinaryLinear, binary_layers

BINARY_FORMS: dict[type[nn.Module], type[BinaryLayer]] = {
    nn.Conv1d: BinaryConv1d,
    nn.Conv2d: BinaryConv2d,
    nn.Linear: BinaryLinear,
}
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Row:
    """What became of one layer: ``method`` is None where it stayed real, ``reason`` says why."""

    name: str
    type: str
    shape: tuple[int, ...]
    method: str | None
    reason: str


@dataclass(frozen=True)
class Report:
    """The rows of :func:`binarize_`, in definition order; prints as a table."""

    rows: tuple[Row, ...]

    @property
    def binary(self) -> tuple[str, ...]:
        """Names of the layers that are binary now."""
        return tuple(row.name for row in self.rows if row.method)

    def to_dict(self) -> dict[str, Any]:
        return {"layers": [asdict(row) for row in self.rows]}

    def __rich__(self) -> Table:
        table = Table("layer", "type", "weight", "method", "reason")
        for row in self.rows:
            table.add_row(row.name, row.type, "x".join(map(str, row.shape)), row.method or "real", row.reason)
        return table

    def __str__(self) -> str:
        return plain_text(self, width=120)


def binarize_(
    model: nn.Module, method: Method | str, overrides: Mapping[str, Method | str | None] | None = None
) -> Report:
    """Replace convolutions and dense layers of ``model`` by binary ones, in place.

    Converted: ``Conv1d``, ``Conv2d`` (any groups, stride, dilation) and ``Linear``. Left real: the first and the
    last of them in definition order, everything under a module marked by ``keep_real``, and what has no binary form.
    ``overrides`` maps a layer's exact name, or "re:" and a pattern for the whole name, to the method it gets instead,
    or to None to leave it real; an exact name wins over a pattern, and any override over the rules above.
    Latent weights start at the float weights. Errors: ConversionError for an override that names no layer, or that
    asks for what has no binary form.

    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    >>> binarize_(model, "irnet").binary
    ('1',)
    >>> binarize_(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), "irnet", {"1": "xnor"}).binary
    ('1',)
    """
    overrides = overrides or {}
    layers = {name: module for name, module in model.named_modules() if isinstance(module, (*_WEIGHTED, BinaryLayer))}
    if isinstance(model, (*_WEIGHTED, BinaryLayer)):
        raise ConversionError(
            f"binarize_ got a bare {type(model).__name__}, which it cannot replace in place. "
            "Use BinaryConv2d/BinaryLinear.from_float(layer, method), or wrap it in nn.Sequential."
        )
    _check_overrides(overrides, layers)
    stays = _Rules(model, layers)
    rows, forms = [], {}
    for name, module in layers.items():
        wanted, reason = _decide(name, module, method, overrides, stays)
        used: Method | None = get_method(wanted) if isinstance(wanted, str) else wanted
        if used is not None:
            forms[id(module)] = BINARY_FORMS[type(module)].from_float(module, used)
        elif isinstance(module, BinaryLayer):
            used = module.method
        rows.append(Row(name, type(module).__name__, tuple(module.weight.shape), used.name if used else None, reason))
    _replace(model, forms)
    return Report(tuple(rows))


class _Rules:
    """Why a layer stays real when no override speaks about it."""

    def __init__(self, model: nn.Module, layers: Mapping[str, nn.Module]):
        self.marked = {name: m.real_reason for name, m in model.named_modules() if hasattr(m, "real_reason")}
        self.ends = [name for name, module in layers.items() if type(module) in BINARY_FORMS]

    def reason(self, name: str, module: nn.Module) -> str:
        if isinstance(module, BinaryLayer):
            return "already binary"
        if type(module) not in BINARY_FORMS:
            return f"{type(module).__name__} has no binary form"
        if getattr(module, "padding_mode", "zeros") != "zeros":
            return f"padding_mode {module.padding_mode!r} has no binary form"
        for owner, reason in self.marked.items():
            if name == owner or name.startswith(f"{owner}."):
                return reason
        if name == self.ends[0]:
            return "first layer"
        return "last layer" if name == self.ends[-1] else ""


def _decide(
    name: str,
    module: nn.Module,
    method: Method | str,
    overrides: Mapping[str, Method | str | None],
    rules: _Rules,
) -> tuple[Method | str | None, str]:
    patterns = (key for key in overrides if key.startswith("re:") and re.fullmatch(key[3:], name))
    key = name if name in overrides else next(patterns, None)
    if key is None:
        reason = rules.reason(name, module)
        return (None, reason) if reason else (method, "")
    if overrides[key] is not None and type(module) not in BINARY_FORMS:
        raise ConversionError(
            f"override {key!r}: layer {name!r} is a {type(module).__name__}, which has no binary form; "
            f"allowed: {', '.join(form.__name__ for form in BINARY_FORMS)}. Override it with None to leave it as it is."
        )
    return overrides[key], "override"


def _check_overrides(overrides: Mapping[str, Any], layers: Mapping[str, nn.Module]) -> None:
    for key in overrides:
        hit = any(re.fullmatch(key[3:], name) for name in layers) if key.startswith("re:") else key in layers
        if not hit:
            raise ConversionError(f"override {key!r} matches no layer; {suggestion(key.removeprefix('re:'), layers)}")


def _replace(model: nn.Module, forms: Mapping[int, nn.Module]) -> None:
    for parent in list(model.modules()):
        for attribute, child in list(parent._modules.items()):
            if id(child) in forms:
                setattr(parent, attribute, forms[id(child)])


def layer_methods(model: nn.Module) -> dict[str, dict[str, Any]]:
    """The method of every binary layer as plain data, for :func:`restore_methods_`."""
    return {name: layer.method.to_dict() for name, layer in binary_layers(model).items()}


def restore_methods_(model: nn.Module, methods: Mapping[str, dict[str, Any]]) -> None:
    """Make exactly the layers named in ``methods`` binary, each with its method."""
    every = {name: None for name, module in model.named_modules() if type(module) in BINARY_FORMS}
    binarize_(model, Method("none"), every | {name: Method.from_dict(data) for name, data in methods.items()})
