"""Contrastive mutual-information maximisation between binary and latent real activations (CMIM, ECCV 2022)."""

import math
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from signwise.core.errors import ConfigError, TrainingError
from signwise.core.registry import suggestion
from signwise.nn.layers import BinaryLayer, binary_layers
from signwise.nn.modes import evaluating
from signwise.objectives.base import Objective, Setting, Step
from signwise.objectives.gather import gather, gather_constant, rank
from signwise.objectives.memory import Bank, Memory, Queue
from signwise.objectives.nce import info_nce, nce

CHOICES = {
    "critic": ("nce", "nce_paper", "info_nce"),
    "negatives": ("batch", "queue", "bank"),
    "labels": ("ignore", "exclude", "positive"),
    "gradient": ("both", "binary", "real", "heads"),
}


class ContrastiveMI(Objective):
    """Maximise I(sgn(a_k); a_k) of every binary layer k by noise-contrastive estimation, in one forward pass.

    Forward:   z_B = normalize(A_k vec(pool(sgn(a_k)))), z_F = normalize(A'_k vec(pool(a_k))), s = <z_B, z_F> / tau
               L = weight sum_k L_k / beta^(K-1-k), L_k the mean over both directions and the batch of
               -log h(pos) - sum_neg log(1 - h(neg)), h = u/(u + N c), u = exp(s)
    Backward:  autograd; through sgn by the layer's own estimator. ``gradient`` says where it may enter the network.
    Shapes:    a_k (N, C, H, W) or (N, C); images of one batch on all ranks are each other's negatives.
    Metrics:   ``mi/<layer>``, the bound log N - L_k in nats. Deploys as: nothing.

    weight        lambda
    beta          > 1 favours the later layers
    critic        ``nce``: c measured on the first step and kept (a buffer), as in the released code; ``nce_paper``:
                  c = 1/M, M the training set's size; ``info_nce``: softmax over the same scores
    negatives     ``batch``; ``queue``: and the latest ``capacity`` embeddings; ``bank``: and ``capacity`` rows drawn
                  from one stored row per training image, smoothed by ``momentum``
    labels        ``ignore``: every other image is a negative (the paper); ``exclude``: only other classes (the released
                  code); ``positive``: images of one class are positives of each other
    gradient      ``both`` sides, ``binary`` or ``real`` alone, or the ``heads`` only (a pure measurement)
    pool, dim     both sides are average-pooled to pool x pool before the heads into ``dim`` dimensions
    train_heads   whether the heads learn (False: fixed random projections, as in the released code)
    layers        shell patterns of layer names

    Source: paper section 3 (layer weights and critic as recorded there; head size, pooling, temperature and negatives
    are not known and chosen by ablation, see docs/objectives.md). The released code is another algorithm:
    :class:`ContrastiveTeacher`.

    >>> from signwise import binarize_
    >>> net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Linear(8, 2))
    >>> report = binarize_(net, "irnet")
    >>> objective = ContrastiveMI()
    >>> x, y = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    >>> objective.attach(net, Setting(x, samples=6, classes=2))
    >>> objective(Step(x, y, torch.arange(6), net(x))).ndim, list(objective.metrics)
    (0, ['mi/2'])
    """

    layer_weights: Tensor
    log_normalizer: Tensor

    def __init__(
        self,
        weight: float = 0.1,
        beta: float = 1.0,
        temperature: float = 0.1,
        critic: str = "info_nce",
        negatives: str = "batch",
        capacity: int = 4096,
        momentum: float = 0.5,
        labels: str = "ignore",
        gradient: str = "both",
        pool: int = 2,
        dim: int = 64,
        train_heads: bool = True,
        layers: tuple[str, ...] = ("*",),
    ):
        super().__init__()
        words = {"critic": critic, "negatives": negatives, "labels": labels, "gradient": gradient}
        for name, word in words.items():
            if word not in CHOICES[name]:
                raise ConfigError(f"ContrastiveMI({name}={word!r}); {suggestion(str(word), CHOICES[name])}")
        numbers = {"beta": beta, "temperature": temperature, "capacity": capacity, "dim": dim, "pool": pool}
        for name, value in numbers.items():
            if value <= 0:
                raise ConfigError(f"ContrastiveMI({name}={value}); allowed: above 0")
        self.weight, self.beta, self.temperature = weight, beta, temperature
        self.critic, self.negatives, self.labels, self.gradient = critic, negatives, labels, gradient
        self.capacity, self.momentum, self.pool, self.dim = capacity, momentum, pool, dim
        self.train_heads, self.layers = train_heads, tuple(layers)
        self.names: list[str] = []
        self._watched: tuple[BinaryLayer, ...] = ()
        self._pooled: dict[str, tuple[Tensor, Tensor]] = {}

    def attach(self, model: nn.Module, setting: Setting) -> None:
        chosen = {
            name: layer
            for name, layer in binary_layers(model).items()
            if any(fnmatchcase(name, pattern) for pattern in self.layers)
        }
        if not chosen:
            known = suggestion(self.layers[0] if self.layers else "", binary_layers(model))
            raise ConfigError(f"ContrastiveMI(layers={self.layers}) matches no binary layer; {known}")
        self.names, self._watched = list(chosen), tuple(chosen.values())
        for name, layer in chosen.items():
            self._handles.append(layer.binarizer.register_forward_hook(self._watcher(name)))
        self._measure(model, setting.example)
        widths = [self._pooled[name][0].shape[1] for name in self.names]
        self._pooled.clear()
        self.binary_heads = nn.ModuleList(nn.Linear(width, self.dim) for width in widths)
        self.real_heads = nn.ModuleList(nn.Linear(width, self.dim) for width in widths)
        for parameter in self.parameters():
            parameter.requires_grad_(self.train_heads)
        self.memory: Memory | None = None
        if self.negatives == "queue":
            self.memory = Queue(len(widths), self.capacity, self.dim)
        elif self.negatives == "bank":
            self.memory = Bank(len(widths), setting.samples, self.dim, self.capacity, self.momentum)
        exponents = torch.arange(len(widths) - 1, -1, -1.0)
        self.register_buffer("layer_weights", self.beta**-exponents)
        start = -math.log(setting.samples) if self.critic == "nce_paper" else math.nan
        self.register_buffer("log_normalizer", torch.full((2, len(widths), 1, 1), start))

    def _watcher(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], terms: tuple[tuple[Tensor, Tensor | None], ...]) -> None:
            if not module.training:
                return
            real, binary = inputs[0], terms[0][0]
            if self.gradient in ("binary", "heads"):
                real = real.detach()
            if self.gradient in ("real", "heads"):
                binary = binary.detach()
            self._pooled[name] = (_pool(binary, self.pool), _pool(real, self.pool))

        return hook

    @torch.no_grad()
    def _measure(self, model: nn.Module, example: Tensor) -> None:
        with evaluating(model):
            for layer in binary_layers(model).values():
                layer.binarizer.training = True  # where the hooks listen
            model(example)

    def forward(self, step: Step) -> Tensor:
        if not any(layer.binary_activations for layer in self._watched):  # a float stage: there is no pair to contrast
            self.metrics = {}
            return step.logits.new_zeros(())
        missing = [name for name in self.names if name not in self._pooled]
        if missing:
            raise TrainingError(
                f"ContrastiveMI saw no forward of {missing[0]!r} in training mode with binary activations since its "
                "last step. Call the model in training mode before the objective, once a step."
            )
        sides = torch.stack([self._embed(0, self.binary_heads), self._embed(1, self.real_heads)])
        self._pooled.clear()
        keys = gather(sides.transpose(0, 2)).transpose(0, 2)
        stored = keys[:, :, :0]
        label, index = gather_constant(step.label), gather_constant(step.index)
        fresh = keys.detach(), label, index
        if self.memory is not None:
            stored, old_label, old_index = self.memory.draw()
            label, index = torch.cat([label, old_label]), torch.cat([index, old_index])
        place = torch.arange(len(index), device=index.device)
        same_place = place == place[: len(step.index), None] + rank() * len(step.index)
        masks = self._masks(step, label, index, same_place)
        losses, bounds = self._losses(sides.flip(0) / self.temperature, keys, stored, *masks)
        if self.memory is not None:
            self.memory.store(*fresh)
        self.metrics = {f"mi/{name}": bound for name, bound in zip(self.names, bounds, strict=True)}
        return self.weight * (losses * self.layer_weights).sum()

    def _embed(self, side: int, heads: nn.ModuleList) -> Tensor:
        pooled = (self._pooled[name][side] for name in self.names)
        return torch.stack([F.normalize(head(x), dim=1) for head, x in zip(heads, pooled, strict=True)])

    def _masks(self, step: Step, label: Tensor, index: Tensor, same_place: Tensor) -> tuple[Tensor, Tensor]:
        same_class = step.label[:, None] == label
        other = (step.index[:, None] != index) & (index >= 0)
        if self.labels == "positive":
            return (same_class & (index >= 0)) | same_place, other & ~same_class
        return same_place, other & ~same_class if self.labels == "exclude" else other

    def _losses(
        self, anchors: Tensor, keys: Tensor, stored: Tensor, positive: Tensor, negative: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.critic == "info_nce":
            losses = info_nce(anchors, keys, stored, positive, negative)
            bounds = (positive | negative).sum(-1).log() - losses.detach()
        else:
            scores = anchors @ torch.cat([keys, stored], 2).mT
            losses = nce(scores, positive, negative, self._calibrated(scores.detach(), negative))
            bounds = negative.sum(-1).clamp_min(1).log() - losses.detach()
        return losses.mean((0, 2)), bounds.mean((0, 2))

    def _calibrated(self, scores: Tensor, negative: Tensor) -> Tensor:
        # 0 / 0, a batch without negatives, leaves the normalizer to be measured later; no value is read on the host.
        mean = scores.exp().masked_fill(~negative, 0.0).sum((2, 3), keepdim=True) / negative.sum()
        measured = gather_constant(mean[None]).mean(0).log()
        self.log_normalizer = torch.where(self.log_normalizer.isnan(), measured, self.log_normalizer)
        return self.log_normalizer.nan_to_num(0.0)


def _pool(x: Tensor, size: int) -> Tensor:
    """Average-pool the spatial dims to at most ``size`` each and flatten: (N, C, *) -> (N, features)."""
    if torch.compiler.is_compiling():
        return _pooled(x, size)
    # Backward looks at the sizes of what was pooled and at nothing else, so a view of one number stands for it.
    with saved_tensors_hooks(lambda x: x.new_empty(()).expand_as(x), lambda x: x):
        return _pooled(x, size)


def _pooled(x: Tensor, size: int) -> Tensor:
    if x.dim() == 4:
        return F.adaptive_avg_pool2d(x, (min(size, x.shape[2]), min(size, x.shape[3]))).flatten(1)
    if x.dim() == 3:
        return F.adaptive_avg_pool1d(x, min(size, x.shape[2])).flatten(1)
    return x.flatten(1)
