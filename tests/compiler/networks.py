"""Every method on every tiny model, as if trained."""

import torch
from torch import nn

from signwise.convert import binarize_
from signwise.core.progress import Progress
from signwise.methods import get_method, list_methods
from signwise.models import create_model, list_models
from signwise.nn.layers import advance_

SIZES = {"mlp_tiny": 32, "vgg_small_tiny": 32, "resnet18_tiny": 41, "resnet34_tiny": 33, "reactnet_a_tiny": 37}
METHODS = list_methods()
MODELS = list_models("*_tiny")


def trained(method: str, model: str) -> nn.Module:
    """A binary model whose norms and shifts are random, with negative and zero scales among them."""
    torch.manual_seed(0)
    chosen = get_method(method)
    network = create_model(model, num_classes=4, wiring=chosen.wiring)
    binarize_(network, chosen)
    advance_(network, Progress(1, 4))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                for tensor in (module.running_mean, module.weight, module.bias):
                    tensor.normal_()
                module.running_var.uniform_(0.1, 2.0)
                module.weight[0] = 0.0
        for name, parameter in network.named_parameters():
            if name.endswith((".shift", ".before", ".after")):
                parameter.normal_()
    return network.eval()
