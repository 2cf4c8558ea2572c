"""A quantizer that draws every kernel of a layer from a small learnt codebook."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from signwise.components.estimator import Estimator
from signwise.components.part import Site, State
from signwise.components.quantizer import Quantizer
from signwise.components.sign import hard_sign, sign
from signwise.core.errors import ConfigError


@dataclass(frozen=True)
class Codebook(Quantizer):
    """One basis whose kernels (the k = Kh Kw bits of one input channel) are 2^t learnt patterns: t/k bits a weight.

    Forward: for each kernel c of w the pattern with the largest <c, M_j>, that is the nearest; M_j = sgn(P_j), where
    an entry of P within ``dead_zone`` of 0 keeps the sign it had. P starts at different random patterns.
    Backward: w by the weight estimator; every ``every``-th step P_j by the sum of the gradients of its kernels. After
    those steps P is clamped to [-3, 3], and of equal patterns all but the first are drawn anew.
    A kernel of t taps or fewer (1x1, dense layers) has plain sign bits.
    Deploys as: t bits a kernel and the patterns of the layer in the file; expanded when it is loaded. (SNN, section 3.)

    >>> Codebook(6).stored_bits(torch.zeros(64, 64, 3, 3)) / (64 * 64 * 9)
    0.6822916666666666
    """

    index_bits: int = 6
    every: int = 25
    dead_zone: float = 1e-3

    def __post_init__(self) -> None:
        if not 1 <= self.index_bits <= 8 or self.every < 1:
            raise ConfigError(
                f"Codebook(index_bits={self.index_bits}, every={self.every}); allowed: 1 to 8 bits, every 1 or more"
            )

    def _applies(self, weight: Tensor) -> bool:
        return weight.dim() > 2 and weight[0, 0].numel() > self.index_bits

    def parameters(self, site: Site) -> dict[str, Tensor]:
        if not self._applies(site.weight):
            return {}
        patterns = site.weight.new_ones(2**self.index_bits, site.weight[0, 0].numel())
        return {"patterns": _different(patterns, torch.Generator().manual_seed(int(torch.randint(2**31, ()))))}

    def buffers(self, site: Site) -> dict[str, Tensor]:
        if not self._applies(site.weight):
            return {}
        shape = 2**self.index_bits, site.weight[0, 0].numel()
        return {"memory": site.weight.new_ones(shape), "step": torch.tensor(0)}

    def __call__(
        self, w: Tensor, estimator: Estimator, coefficients: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, ...]:
        if not self._applies(w):
            return (sign(w, estimator, *coefficients),)
        codebook = self._bits(state)
        with torch.no_grad():
            index = (w.flatten(2) @ codebook.T).argmax(-1)
        bits = codebook[index].view(w.shape)
        if not torch.is_grad_enabled():
            return (bits,)
        learning = (state.step + 1) % self.every == 0
        return (_Drawn.apply(w, state.patterns, bits, index, learning, estimator, *coefficients),)

    @torch.no_grad()
    def _bits(self, state: State) -> Tensor:
        sure = state.patterns.abs() >= self.dead_zone
        return torch.where(sure, hard_sign(state.patterns), state.memory)

    @torch.no_grad()
    def after_step(self, state: State) -> None:
        if not hasattr(state, "step"):
            return
        state.memory.copy_(self._bits(state))
        state.step += 1
        if int(state.step) % self.every == 0:
            # Numbered by the step, so that every process of a run draws the same.
            redrawn = _different(state.memory.clone(), torch.Generator().manual_seed(int(state.step)))
            changed = (redrawn != state.memory).any(1, keepdim=True)
            state.patterns.copy_(torch.where(changed, redrawn, state.patterns.clamp(-3.0, 3.0)))
            state.memory.copy_(redrawn)

    def stored_bits(self, weight: Tensor) -> int:
        if not self._applies(weight):
            return weight.numel()
        kernels, taps = weight.shape[:2].numel(), weight[0, 0].numel()
        return kernels * self.index_bits + 2**self.index_bits * taps


class _Drawn(torch.autograd.Function):
    """Kernels from the codebook; backward to the weight and, in a learning step, to the patterns."""

    @staticmethod
    def forward(
        ctx: Any,
        w: Tensor,
        patterns: Tensor,
        bits: Tensor,
        index: Tensor,
        learning: Tensor,
        estimator: Estimator,
        *coefficients: Tensor,
    ) -> Tensor:
        ctx.estimator = estimator
        ctx.save_for_backward(w, patterns, index, learning, *coefficients)
        return bits

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        w, patterns, index, learning, *coefficients = ctx.saved_tensors
        (g,) = grads
        sums = torch.zeros_like(patterns).index_add_(0, index.flatten(), g.reshape(-1, patterns.shape[1]))
        to_weight = ctx.estimator.gradient(w, g, *coefficients)
        return to_weight, sums * learning, *(None,) * (4 + len(coefficients))


def _different(patterns: Tensor, generator: torch.Generator) -> Tensor:
    """The patterns in {-1, +1}, those that equal an earlier one drawn anew until none does."""
    while True:
        equal = (patterns[:, None] == patterns).all(-1).tril(-1).any(1)
        if not equal.any():
            return patterns
        drawn = torch.randint(2, (int(equal.sum()), patterns.shape[1]), generator=generator) * 2.0 - 1.0
        patterns[equal] = drawn.to(patterns)
