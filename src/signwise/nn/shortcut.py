"""What carries a block's input past its convolutions where the shape changes."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from signwise.components.wiring import SHORTCUTS, Wiring
from signwise.core.errors import ConfigError, ShapeError
from signwise.core.registry import suggestion
from signwise.nn.complex import ComplexConv2d
from signwise.nn.norm import batch_norm
from signwise.nn.real import keep_real


class Subsample(nn.Module):
    """Every ``stride``-th pixel from the first on: (N, C, H, W) -> (N, C, ceil(H/stride), ceil(W/stride))."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride]

    def extra_repr(self) -> str:
        return f"stride={self.stride}"


class PadChannels(nn.Module):
    """Zero channels on both sides, the odd ones behind: (N, C, H, W) -> (N, C + before + after, H, W).

    ``before`` is a multiple of ``unit``, so that units of channels stay whole.

    >>> PadChannels(2, 5)(torch.ones(1, 2, 1, 1)).flatten()
    tensor([0., 1., 1., 0., 0.])
    """

    def __init__(self, in_channels: int, out_channels: int, unit: int = 1):
        super().__init__()
        self.before = (out_channels - in_channels) // (2 * unit) * unit
        self.after = out_channels - in_channels - self.before

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))

    def extra_repr(self) -> str:
        return f"before={self.before}, after={self.after}"


class RepeatChannels(nn.Module):
    """The channels over and over until there are ``out_channels``: channel o is the input's o mod C.

    >>> RepeatChannels(2, 5)(torch.tensor([3.0, 7.0]).view(1, 2, 1, 1)).flatten()
    tensor([3., 7., 3., 7., 3.])
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.times = -(-out_channels // in_channels)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat(1, self.times, 1, 1)[:, : self.out_channels]

    def extra_repr(self) -> str:
        return f"out_channels={self.out_channels}"


def shortcut(kind: str, in_channels: int, out_channels: int, stride: int, wiring: Wiring = Wiring()) -> nn.Module:
    """The shortcut of one kind of ``wiring.SHORTCUTS``, or the identity where the shape does not change.

    Shape: (N, in_channels, H, W) -> (N, out_channels, ceil(H/stride), ceil(W/stride)), as a padded 3x3 convolution.
    Average pools have size and stride ``stride``; at an odd border they average the pixels there are (the released
    codes meet even sizes only). ``conv`` and ``pool_conv`` are marked to stay real, ``binary_conv`` is not.
    Of ``wiring`` only ``numbers`` counts here: complex channels stay in pairs, and projections are complex.
    Errors: ConfigError for an unknown kind; ShapeError where a kind without weights would have to drop channels.
    Source: ``pad`` is option A of ResNet and of IR-Net's and RBNN's ResNet-20; ``conv`` IR-Net; ``binary_conv`` RBNN's
    ResNet-18; ``pool_conv`` Bi-Real and ReActNet's ResNet-18; ``pool_pad`` ReCU; ``pool_duplicate`` ReActNet-A.

    >>> shortcut("pool_duplicate", 4, 8, stride=2)(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    """
    if kind not in SHORTCUTS:
        raise ConfigError(f"unknown shortcut {kind!r}; {suggestion(kind, SHORTCUTS)}")
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    if kind.endswith("conv"):
        return _projection(kind, in_channels, out_channels, stride, wiring)
    if out_channels < in_channels:
        raise ShapeError(
            f"shortcut {kind!r} from {in_channels} to {out_channels} channels; allowed: at least as many out as in. "
            "Use 'conv', 'binary_conv' or 'pool_conv' to reduce channels."
        )
    shrink = _pool(stride) if kind.startswith("pool") else Subsample(stride)
    if kind == "pool_duplicate":
        widen: nn.Module = RepeatChannels(in_channels, out_channels)
    else:
        widen = PadChannels(in_channels, out_channels, unit=1 if wiring.numbers == "real" else 2)
    return nn.Sequential(OrderedDict(shrink=shrink, widen=widen))


def _projection(kind: str, in_channels: int, out_channels: int, stride: int, wiring: Wiring) -> nn.Module:
    pooled = kind == "pool_conv"
    layers = OrderedDict[str, nn.Module]()
    if pooled:
        layers["shrink"] = _pool(stride)
    form = nn.Conv2d if wiring.numbers == "real" or kind == "binary_conv" else ComplexConv2d
    layers["conv"] = form(in_channels, out_channels, 1, 1 if pooled else stride, bias=False)
    layers["norm"] = batch_norm(out_channels, wiring)
    projection = nn.Sequential(layers)
    return projection if kind == "binary_conv" else keep_real(projection, f"shortcut {kind!r} of the wiring is real")


def _pool(stride: int) -> nn.Module:
    return nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else nn.Identity()
