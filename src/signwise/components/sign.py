"""The one sign of the project: sgn(0) = sgn(-0.0) = +1, with a chosen gradient estimator behind it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from signwise.components.estimator import Estimator, Identity

_MINUS_ONE = torch.tensor(-1.0)


def hard_sign(x: Tensor) -> Tensor:
    """Sign with values in {-1, +1} only; zero and minus zero give +1, NaN gives -1. No gradient.

    Forward: +1 where x >= 0, else -1. Shape: any. Deploys as: one bit (x < 0).

    >>> hard_sign(torch.tensor([-2.0, -0.0, 0.0, 3.0]))
    tensor([-1.,  1.,  1.,  1.])
    """
    # A comparison written into a float tensor is vectorised on CPUs; torch.where here takes 40 times as long.
    positive = torch.ge(x, 0, out=torch.empty_like(x))
    return torch.add(_MINUS_ONE, positive, alpha=2, out=positive)


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, estimator: Estimator, *coefficients: Tensor) -> Tensor:
        ctx.estimator = estimator
        ctx.save_for_backward(x if estimator.needs_input else None, *coefficients)
        return hard_sign(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *coefficients = ctx.saved_tensors
        return ctx.estimator.gradient(x, grads[0], *coefficients), None, *(None for _ in coefficients)


def sign(x: Tensor, estimator: Estimator = Identity(), *coefficients: Tensor) -> Tensor:
    """Sign whose backward pass follows ``estimator``.

    Forward: sgn(x), sgn(0) = +1. Backward: dL/dx = estimator.gradient(x, dL/dsgn, *coefficients). Shape: any.

    >>> x = torch.tensor([-0.5, 0.0, 2.0], requires_grad=True)
    >>> sign(x).sum().backward(); x.grad
    tensor([1., 1., 1.])
    """
    return _Sign.apply(x, estimator, *coefficients) if torch.is_grad_enabled() else hard_sign(x)


def _keeps_input(node: Any) -> bool:
    """Whether a node of the graph is a sign whose backward pass holds its input."""
    kind: Any = _Sign._backward_cls
    return isinstance(node, kind) and node.estimator.needs_input


def made_again(bits: Tensor) -> AbstractContextManager[Any]:
    """Operations on ``bits`` inside do not keep it for their backward pass: it is made again from the sign's input.

    ``bits`` comes straight from :func:`sign` and the estimator keeps the input anyway; otherwise it is kept as usual.
    Gradients are the same bit for bit. Within ``torch.compile``, which decides by itself, this does nothing.

    >>> from signwise.components.estimator import Window
    >>> x = torch.tensor([-0.5, 0.0, 2.0], requires_grad=True)
    >>> bits = sign(x, Window())
    >>> with made_again(bits):
    ...     loss = (bits * bits).sum()
    >>> loss.backward(); x.grad
    tensor([-2.,  2.,  0.])
    """
    if torch.compiler.is_compiling() or not _keeps_input(bits.grad_fn):
        return nullcontext()
    node: Any = bits.grad_fn
    place = bits.data_ptr()
    return saved_tensors_hooks(
        lambda tensor: node if tensor.data_ptr() == place else tensor,
        lambda kept: hard_sign(kept.saved_tensors[0]) if kept is node else kept,
    )
