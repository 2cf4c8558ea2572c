"""ResNets of basic blocks: with the small stem of CIFAR and with the stem of ImageNet."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from signwise.components.wiring import Wiring
from signwise.models.classifier import AnyImage, Classifier, average_pool, conv_stem, linear_head
from signwise.models.options import positive, positives
from signwise.models.registry import add_model
from signwise.nn.blocks import basic_block


def cifar_resnet(num_classes: int, in_channels: int, wiring: Wiring, width: int, blocks: Sequence[int]) -> Classifier:
    """A ResNet for small images: conv3x3, norm, [activation]; stages; average pool, [norm], linear.

    ``width``: channels of the first stage, doubled in each further one; ``blocks``: basic blocks in each stage.
    Shape: (N, in_channels, H, W) -> (N, num_classes), H and W of at least 2^(stages - 1).
    Source: He et al. 2016, section 4.2 (ResNet-20: width 16, blocks 3, 3, 3); IR-Net's released networks.
    """
    width, blocks = positive("width", width), positives("blocks", blocks)
    rule = AnyImage(in_channels, smallest=2 ** (len(blocks) - 1))
    return _resnet(rule, conv_stem(in_channels, width, wiring), num_classes, wiring, width, blocks)


def imagenet_resnet(
    num_classes: int, in_channels: int, wiring: Wiring, width: int, blocks: Sequence[int]
) -> Classifier:
    """A ResNet for large images: conv7x7 stride 2, norm, [activation], max pool 3x3 stride 2; the rest as on CIFAR.

    Shape: (N, in_channels, H, W) -> (N, num_classes), H and W of at least 2^(stages + 1).
    Source: He et al. 2016, table 1; Bi-Real Net, ReActNet and IR-Net use this stem.
    """
    width, blocks = positive("width", width), positives("blocks", blocks)
    rule = AnyImage(in_channels, smallest=2 ** (len(blocks) + 1))
    stem = conv_stem(in_channels, width, wiring, kernel=7, stride=2)
    stem.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
    return _resnet(rule, stem, num_classes, wiring, width, blocks)


def _resnet(
    rule: AnyImage, stem: nn.Module, num_classes: int, wiring: Wiring, width: int, blocks: tuple[int, ...]
) -> Classifier:
    stages = OrderedDict[str, nn.Module]()
    channels = width
    for index, count in enumerate(blocks):
        out, stride = width * 2**index, 2 if index else 1
        first = basic_block(channels, out, stride, wiring)
        stages[f"stage{index + 1}"] = nn.Sequential(
            first, *(basic_block(out, out, 1, wiring) for _ in range(count - 1))
        )
        channels = out
    return Classifier(rule, stem, nn.Sequential(stages), average_pool(), linear_head(channels, num_classes, wiring))


add_model("resnet20", cifar_resnet, width=16, blocks=(3, 3, 3))
add_model("resnet20_tiny", cifar_resnet, wired_as="resnet20", width=4, blocks=(1, 1, 1))
add_model("resnet8", cifar_resnet, wired_as="resnet20", width=16, blocks=(1, 1, 1))
add_model("resnet18_cifar", cifar_resnet, width=64, blocks=(2, 2, 2, 2))
add_model("resnet18_cifar_tiny", cifar_resnet, wired_as="resnet18_cifar", width=4, blocks=(1, 1, 1, 1))
add_model("resnet18", imagenet_resnet, width=64, blocks=(2, 2, 2, 2))
add_model("resnet18_tiny", imagenet_resnet, wired_as="resnet18", width=4, blocks=(1, 1))
add_model("resnet34", imagenet_resnet, width=64, blocks=(3, 4, 6, 3))
add_model("resnet34_tiny", imagenet_resnet, wired_as="resnet34", width=4, blocks=(2, 1))
