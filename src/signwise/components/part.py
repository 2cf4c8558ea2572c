"""What every part of a method is: a frozen value that knows its maths and owns no tensor.

A part that learns or remembers tensors names them in ``parameters`` and ``buffers``. The layer keeps them in
a :class:`State`, one per part, and hands that state back on every call. A part is therefore printable,
comparable and serialisable, and everything that must survive a restart is in the layer's ``state_dict``.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from signwise.core.errors import ConfigError
from signwise.core.progress import Progress
from signwise.core.registry import Registry, suggestion

PARTS: Registry[type] = Registry("part")


@dataclass(frozen=True)
class Site:
    """Where a part is put: the latent weight (O, I/groups, *K), the input channels and the spatial dims."""

    weight: Tensor
    in_channels: int
    spatial: int

    def per_channel(self, value: float = 0.0) -> Tensor:
        """A per-input-channel tensor that broadcasts against the layer's input, (C, 1, 1) for a 2-d conv."""
        return torch.full((self.in_channels,) + (1,) * self.spatial, value, dtype=self.weight.dtype)

    def per_filter(self, value: Tensor) -> Tensor:
        """A per-filter tensor (O,) reshaped to broadcast against the weight, (O, 1, 1, 1) for a 2-d conv."""
        return value.reshape(-1, *(1,) * (self.weight.dim() - 1))


class Part:
    """Base of all parts; subclasses are frozen dataclasses and register under their class name."""

    dynamic: ClassVar[bool] = False  #: True where inference needs a reduction over the layer's own input

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        PARTS.add(cls.__name__, cls)

    def parameters(self, site: Site) -> dict[str, Tensor]:
        """Initial values of the tensors this part learns."""
        return {}

    def buffers(self, site: Site) -> dict[str, Tensor]:
        """Initial values of the tensors this part remembers."""
        return {}

    def advance(self, state: "State", weight: Tensor | None, progress: Progress) -> None:
        """Called at the start of every epoch; writes to buffers only.

        ``weight`` is the tensor that a weight part is about to see, None for an activation part.
        """


class State(nn.Module):
    """The tensors of one part at one site; attribute access gives parameters and buffers by name."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Tensor: ...

    def __init__(self, part: Part, site: Site):
        super().__init__()
        for name, tensor in part.parameters(site).items():
            self.register_parameter(name, nn.Parameter(tensor))
        for name, tensor in part.buffers(site).items():
            self.register_buffer(name, tensor)


def encode(value: Any) -> Any:
    """Turn a part, or a value made of parts, into plain data (dict, list, number, string, None)."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"part": type(value).__name__} | {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def decode(data: Any) -> Any:
    """Inverse of :func:`encode`; names are resolved through the part registry alone."""
    if isinstance(data, list):
        return tuple(decode(item) for item in data)
    if not isinstance(data, dict):
        return data
    if "part" not in data:
        raise ConfigError(f"cannot read a part from {data!r}: the key 'part' is missing")
    part = PARTS[data["part"]]
    known = [f.name for f in fields(part)]
    for key in data:
        if key != "part" and key not in known:
            raise ConfigError(f"{data['part']} has no field {key!r}; {suggestion(key, known)}")
    return part(**{key: decode(item) for key, item in data.items() if key != "part"})


def one_of(owner: Part, field: str, allowed: tuple[str, ...]) -> None:
    """Check that a string field of a part is one of the allowed words."""
    value = getattr(owner, field)
    if value not in allowed:
        raise ConfigError(f"{type(owner).__name__}({field}={value!r}); {suggestion(str(value), allowed)}")
