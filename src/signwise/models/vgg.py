"""VGG-small: six convolutions without residuals and one dense layer."""

from collections import OrderedDict

from torch import nn

from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError
from signwise.models.classifier import Classifier, FixedImage, conv_stem, linear_head
from signwise.models.options import positive
from signwise.models.registry import add_model
from signwise.nn.activation import activation
from signwise.nn.blocks import unit


def vgg_small(num_classes: int, in_channels: int, wiring: Wiring, width: int, image_size: int) -> Classifier:
    """conv w, then conv w, pool, 2w, 2w, pool, 4w, 4w, pool, then linear 4w (image_size/8)^2; w = ``width``.

    Each step is conv, [max pool 2x2], norm, activation: the pool stands before the norm, so that a binary layer pools
    integers and norm and sign fold into a threshold. With ``norm="before"``: norm, conv, [pool], activation.
    ``wiring.residual``, ``shortcut`` and ``norm_init`` do not apply.
    Shape: (N, in_channels, image_size, image_size) -> (N, num_classes); image_size a multiple of 8.
    Deploys as: integers and thresholds from the first binary layer to the classifier (class A).
    Source: IR-Net's released VGG-small; Zhang et al. 2018 (LQ-Nets).
    """
    width = positive("width", width)
    if positive("image_size", image_size) % 8:
        raise ConfigError(
            f"image_size={image_size}; allowed: a multiple of 8, as the model halves the image three times"
        )
    plan = ((width, True), (2 * width, False), (2 * width, True), (4 * width, False), (4 * width, True))
    steps = OrderedDict[str, nn.Module]()
    channels = width
    for index, (out, pooled) in enumerate(plan, start=1):
        steps[f"step{index}"] = _step(channels, out, pooled, wiring)
        channels = out
    return Classifier(
        FixedImage(in_channels, image_size),
        conv_stem(in_channels, width, wiring),
        nn.Sequential(steps),
        nn.Flatten(),
        linear_head(channels * (image_size // 8) ** 2, num_classes, wiring),
    )


def _step(in_channels: int, out_channels: int, pooled: bool, wiring: Wiring) -> nn.Sequential:
    layers = OrderedDict(unit(in_channels, out_channels, 1, wiring).named_children())
    if pooled:
        layers["pool"] = nn.MaxPool2d(2)
    if pooled and wiring.norm == "after":
        layers.move_to_end("norm")
    layers["activation"] = activation(wiring.activation, out_channels)
    return nn.Sequential(layers)


add_model("vgg_small", vgg_small, width=128, image_size=32)
add_model("vgg_small_tiny", vgg_small, wired_as="vgg_small", width=4, image_size=32)
