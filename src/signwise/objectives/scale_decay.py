"""L2 on the learnt weight scales, in place of weight decay on the latent weights (Xu and Cheung, BMVC 2019)."""

import torch
from torch import Tensor, nn

from signwise.core.errors import ConfigError
from signwise.nn.layers import binary_layers
from signwise.objectives.base import Objective, Setting, Step


class ScaleDecay(Objective):
    """Keep the learnt scales of the binary weights small.

    Forward:   L = weight sum_layers sum_o alpha_o^2
    Backward:  autograd: dL/dalpha = 2 weight alpha.
    Metrics:   ``rms``, the root of the mean of alpha^2. Deploys as: nothing.
    Errors:    on attach, ConfigError for a model in which no method learns its scale.

    Latent weights need no decay of their own (``optimizer.weight_decay: 0`` in the recipe): only their signs count.
    Source: the abstract; the size of the weight is not known.

    >>> from signwise import binarize_
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    >>> report, objective = binarize_(net, "xucheung"), ScaleDecay()
    >>> x, y = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    >>> objective.attach(net, Setting(x, samples=6, classes=2))
    >>> objective(Step(x, y, torch.arange(6), net(x))).ndim, list(objective.state_dict())
    (0, [])
    """

    def __init__(self, weight: float = 1e-4):
        super().__init__()
        self.weight = weight
        self._scales: list[Tensor] = []

    def attach(self, model: nn.Module, setting: Setting) -> None:
        layers = binary_layers(model)
        self._scales = [scale for layer in layers.values() for scale in layer.weight_scale.parameters()]
        if not self._scales:
            found = ", ".join(sorted({layer.method.name for layer in layers.values()})) or "no binary layer"
            raise ConfigError(
                f"ScaleDecay: no weight scale is learnt here (found: {found}); allowed: a method with a learnt scale, "
                "such as xucheung, rbnn or recu. Leave the objective out."
            )

    def forward(self, step: Step) -> Tensor:
        squares = torch.cat([scale.flatten() for scale in self._scales]).square()
        self.metrics = {"rms": squares.detach().mean().sqrt()}
        return self.weight * squares.sum()
