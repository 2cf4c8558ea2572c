"""Dense networks on flattened inputs."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from signwise.components.wiring import Wiring
from signwise.models.classifier import Classifier, Values, linear_head
from signwise.models.options import positive, positives
from signwise.models.registry import add_model
from signwise.nn.activation import activation
from signwise.nn.norm import batch_norm


def mlp(num_classes: int, in_channels: int, wiring: Wiring, hidden: Sequence[int], image_size: int) -> Classifier:
    """Flatten, dense layers of the widths in ``hidden``, each with norm and activation, then a linear classifier.

    The first hidden layer is the stem: linear, norm, [activation]. Further ones are linear, norm, activation, or norm,
    linear, activation with ``norm="before"``. ``wiring.residual``, ``shortcut`` and ``norm_init`` do not apply.
    Shape: (N, in_channels, image_size, image_size), or (N, in_channels image_size^2), -> (N, num_classes). For tables
    of F columns take in_channels=F and image_size=1.
    Deploys as: integers and thresholds from the second hidden layer to the classifier (class A).
    Source: Courbariaux et al. 2016, BinaryNet, section 2.1 (the dense network for MNIST; widths 4096).
    """
    widths = positives("hidden", hidden)
    count = in_channels * positive("image_size", image_size) ** 2
    stem = OrderedDict[str, nn.Module](
        flatten=nn.Flatten(),
        linear=nn.Linear(count, widths[0], bias=False),
        norm=batch_norm(widths[0], wiring, spatial=0),
    )
    if wiring.stem_activation:
        stem["activation"] = activation(wiring.activation, widths[0])
    steps = enumerate(pairwise(widths), start=1)
    body = OrderedDict[str, nn.Module]((f"step{index}", _step(*pair, wiring)) for index, pair in steps)
    head = linear_head(widths[-1], num_classes, wiring)
    return Classifier(Values(count), nn.Sequential(stem), nn.Sequential(body), nn.Identity(), head)


def _step(inputs: int, outputs: int, wiring: Wiring) -> nn.Sequential:
    linear = nn.Linear(inputs, outputs, bias=False)
    layers = OrderedDict[str, nn.Module](norm=batch_norm(inputs, wiring, spatial=0), linear=linear)
    if wiring.norm == "after":
        layers = OrderedDict(linear=linear, norm=batch_norm(outputs, wiring, spatial=0))
    layers["activation"] = activation(wiring.activation, outputs)
    return nn.Sequential(layers)


add_model("mlp", mlp, hidden=(1024, 1024, 1024), image_size=32)
add_model("mlp_tiny", mlp, wired_as="mlp", hidden=(16, 16, 16), image_size=32)
