"""The initial weights of the models."""

from torch import nn


def initialise_(model: nn.Module) -> None:
    """Draw every 2-d convolution from N(0, 2 / (Kh Kw O)): Kaiming normal, fan out. Dense layers keep torch's default.

    Source: the ResNet-20 and VGG-small of IR-Net; norms are set where they are built (``Wiring.norm_init``).
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
