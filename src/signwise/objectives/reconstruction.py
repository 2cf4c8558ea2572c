"""The distance between weights and their binary approximation (RBONN, ECCV 2022)."""

import torch
from torch import Tensor, nn

from signwise.core.errors import ConfigError
from signwise.nn.layers import BinaryLayer, binary_layers
from signwise.nn.modes import evaluating
from signwise.objectives.base import Objective, Setting, Step


class Reconstruction(Objective):
    """Tie the real weights to what stands for them.

    Forward:   L = (weight / 2) sum_layers ||w - sum_m s_m B_m - o||^2, w the transformed weight, o the offset, mostly 0
    Backward:  autograd with the B_m constant: dL/dw = weight r, dL/ds = -weight sum r B, r the difference; s is the
               scale as evaluation has it, without a gradient rule of its own.
    Metrics:   ``error``, sum r^2 / sum w^2 over all layers. Deploys as: nothing.
    Errors:    on attach, ConfigError for a model without binary layers.

    Layers whose weights are real in this stage are left out.
    Source: released code of RBONN (weight 1e-4), where the term is hidden in the backward pass of the layer.

    >>> from signwise import binarize_
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    >>> report, objective = binarize_(net, "rbonn"), Reconstruction()
    >>> x, y = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    >>> objective.attach(net, Setting(x, samples=6, classes=2))
    >>> objective(Step(x, y, torch.arange(6), net(x))).ndim, list(objective.state_dict())
    (0, [])
    """

    def __init__(self, weight: float = 1e-4):
        super().__init__()
        self.weight = weight
        self._layers: list[BinaryLayer] = []

    def attach(self, model: nn.Module, setting: Setting) -> None:
        self._layers = list(binary_layers(model).values())
        if not self._layers:
            raise ConfigError(
                "Reconstruction: the model has no binary layer; allowed: one or more. Convert it first: binarize_."
            )

    def forward(self, step: Step) -> Tensor:
        error = size = step.logits.new_zeros(())
        for layer in self._layers:
            if layer.binary_weights:
                w = layer.transformed_weight()
                error = error + (w - _approximation(layer)).square().sum()
                size = size + w.detach().square().sum()
        self.metrics = {"error": error.detach() / size.clamp_min(torch.finfo(size.dtype).tiny)}
        return self.weight / 2 * error


def _approximation(layer: BinaryLayer) -> Tensor:
    bases = [bits.detach() for bits, _ in layer.weight_terms()]
    with evaluating(layer):
        scales = [scale for _, scale in layer.weight_terms()]
    offset = layer.weight_offset()
    total = torch.stack([b if s is None else s * b for b, s in zip(bases, scales, strict=True)]).sum(0)
    return total if offset is None else total + offset
