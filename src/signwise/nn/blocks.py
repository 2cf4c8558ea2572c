"""Residual blocks put together as a wiring says: which norm, which residual, which non-linearity, which shortcut."""

from collections import OrderedDict

from torch import Tensor, nn

from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError
from signwise.nn.activation import activation
from signwise.nn.norm import batch_norm
from signwise.nn.shortcut import shortcut


class Residual(nn.Module):
    """y = act(branch(x) + shortcut(x)).

    Shape: whatever ``branch`` and ``shortcut`` agree on. Deploys as: one add of real values per element, so a sign
    that follows needs the sum itself, not an integer threshold.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module, activation: nn.Module):
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.branch(x) + self.shortcut(x))


def unit(
    in_channels: int, out_channels: int, stride: int, wiring: Wiring, kernel: int = 3, norm_init: float = 1.0
) -> nn.Sequential:
    """A convolution and its batch norm: norm(conv(x)), or conv(norm(x)) for ``norm="before"``.

    Shape: (N, in, H, W) -> (N, out, ceil(H/stride), ceil(W/stride)). No bias; zero padding ``kernel // 2``.
    ``norm_init`` is the initial weight of the norm.
    Errors: ConfigError for ``norm_init`` with ``norm="before"``, where the norm does not close the branch.
    Deploys as: popcount, then one affine per channel (``after``); one affine per channel before the sign (``before``).

    >>> unit(3, 5, 2, Wiring())(torch.zeros(1, 3, 7, 7)).shape
    torch.Size([1, 5, 4, 4])
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    if wiring.norm == "before":
        if norm_init != 1.0:
            raise ConfigError(
                f"Wiring(norm='before', norm_init={norm_init}): no batch norm closes a residual branch there; "
                "allowed: norm_init=1.0. Leave norm_init out, or set norm='after'."
            )
        return nn.Sequential(OrderedDict(norm=batch_norm(in_channels, wiring), conv=conv))
    norm = batch_norm(out_channels, wiring, weight=norm_init)
    return nn.Sequential(OrderedDict(conv=conv, norm=norm))


def basic_block(in_channels: int, out_channels: int, stride: int, wiring: Wiring) -> nn.Module:
    """Two 3x3 units of a ResNet.

    Forward, ``residual="normal"``:  h = act(unit(x)),                  y = act(unit(h) + shortcut(x))
    Forward, ``residual="bireal"``:  h = act(unit(x) + shortcut(x)),    y = act(unit(h) + h)
    Shape: (N, in, H, W) -> (N, out, ceil(H/stride), ceil(W/stride)).
    Source: He et al. 2016 (normal); Liu et al. 2018, Bi-Real Net, section 3.1 (bireal).

    >>> basic_block(4, 8, 2, Wiring(residual="bireal", shortcut="pad"))(torch.zeros(1, 4, 6, 6)).shape
    torch.Size([1, 8, 3, 3])
    """
    past = shortcut(wiring.shortcut, in_channels, out_channels, stride, wiring)
    if wiring.residual == "bireal":
        first = unit(in_channels, out_channels, stride, wiring, norm_init=wiring.norm_init)
        return nn.Sequential(
            OrderedDict(
                unit1=Residual(first, past, activation(wiring.activation, out_channels)),
                unit2=_same_shape(out_channels, wiring),
            )
        )
    branch = OrderedDict[str, nn.Module](
        unit1=unit(in_channels, out_channels, stride, wiring),
        activation=activation(wiring.activation, out_channels),
        unit2=unit(out_channels, out_channels, 1, wiring, norm_init=wiring.norm_init),
    )
    return Residual(nn.Sequential(branch), past, activation(wiring.activation, out_channels))


def _same_shape(channels: int, wiring: Wiring) -> Residual:
    branch = unit(channels, channels, 1, wiring, norm_init=wiring.norm_init)
    return Residual(branch, nn.Identity(), activation(wiring.activation, channels))


def mobile_block(in_channels: int, out_channels: int, stride: int, wiring: Wiring) -> nn.Sequential:
    """A 3x3 unit C -> C and a 1x1 unit C -> C or 2C, each with its own shortcut without weights.

    Forward: h = act(unit3x3(x) + pool(x)),   y = act(unit1x1(h) + [h, h])   (only h where the channels stay)
    The paper draws the doubling as two 1x1 convolutions of h, each added to h, then concatenated; that is the one
    convolution with 2C filters written here, since filters and norms work per channel.
    Shape: (N, in, H, W) -> (N, out, ceil(H/stride), ceil(W/stride)). ``wiring.residual`` and ``wiring.shortcut`` do
    not apply.
    Source: Liu et al. 2020, ReActNet, section 4.1 and figure 3; as in the released code the 2C filters share one sign.

    >>> mobile_block(4, 8, 2, Wiring())(torch.zeros(1, 4, 6, 6)).shape
    torch.Size([1, 8, 3, 3])
    """
    spatial = Residual(
        unit(in_channels, in_channels, stride, wiring, norm_init=wiring.norm_init),
        shortcut("pool_duplicate", in_channels, in_channels, stride, wiring),
        activation(wiring.activation, in_channels),
    )
    pointwise = Residual(
        unit(in_channels, out_channels, 1, wiring, kernel=1, norm_init=wiring.norm_init),
        shortcut("pool_duplicate", in_channels, out_channels, 1, wiring),
        activation(wiring.activation, out_channels),
    )
    return nn.Sequential(OrderedDict(spatial=spatial, pointwise=pointwise))
