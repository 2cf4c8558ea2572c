"""ReActNet-A: a MobileNet-like body whose shortcuts have no weights."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from signwise.components.wiring import Wiring
from signwise.models.classifier import AnyImage, Classifier, average_pool, conv_stem, linear_head
from signwise.models.options import positive, positives
from signwise.models.registry import add_model
from signwise.nn.blocks import mobile_block


def reactnet_a(num_classes: int, in_channels: int, wiring: Wiring, width: int, blocks: Sequence[int]) -> Classifier:
    """conv3x3 stride 2, norm, [activation]; stages of mobile blocks; average pool, [norm], linear.

    The stem has ``width`` channels; stage i has ``blocks[i]`` mobile blocks, the first of which doubles the channels
    and, but for the first stage, halves the image. ``wiring.residual`` and ``wiring.shortcut`` do not apply.
    Shape: (N, in_channels, H, W) -> (N, num_classes), H and W of at least 2^stages.
    Source: Liu et al. 2020, ReActNet, section 4.1 and released code; the method's stem has no activation.
    """
    width, blocks = positive("width", width), positives("blocks", blocks)
    stages = OrderedDict[str, nn.Module]()
    channels = width
    for index, count in enumerate(blocks):
        out = 2 * channels
        first = mobile_block(channels, out, 2 if index else 1, wiring)
        stages[f"stage{index + 1}"] = nn.Sequential(
            first, *(mobile_block(out, out, 1, wiring) for _ in range(count - 1))
        )
        channels = out
    return Classifier(
        AnyImage(in_channels, smallest=2 ** len(blocks)),
        conv_stem(in_channels, width, wiring, stride=2),
        nn.Sequential(stages),
        average_pool(),
        linear_head(channels, num_classes, wiring),
    )


add_model("reactnet_a", reactnet_a, width=32, blocks=(1, 2, 2, 6, 2))
add_model("reactnet_a_tiny", reactnet_a, wired_as="reactnet_a", width=4, blocks=(1, 2, 1))
