"""From a PyTorch module to the graph of primitives."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from signwise.compiler.frontend.builder import BATCH
from signwise.compiler.frontend.positive import remove_positive_factors
from signwise.compiler.frontend.reader import Reader, results_of
from signwise.compiler.frontend.straight_through import remove_straight_through
from signwise.compiler.frontend.table import LOWERINGS
from signwise.compiler.ir import Graph
from signwise.core.errors import LoweringError, SignwiseError


def capture(model: nn.Module, example: Tensor) -> Graph:
    """The graph of primitives that a module in evaluation mode carries out on one image.

    Whatever depends on weights alone is computed here, once. Comparisons become signs: x >= c, where(x >= c, a, b) and
    everything computed from them element by element are a ``sign`` and, unless the levels are -1 and +1, an ``affine``.
    The result is the module's up to float rounding, with two exceptions: x > c and x < c are true where x is NaN, and
    the straight-through trick (q - x).detach() + x gives q itself. A positive factor before a sign is left out.

    Shape: example float32 (N, C), (N, C, L) or (N, C, H, W), of which only the first image is used; the graph's input
    is (C, 1, 1), (C, 1, L) or (C, H, W). Outputs are named "output", "output_0", ... or by the keys of a dict.
    Errors: LoweringError for a module in training mode or on a device, another kind of example, and what the graph
    cannot express.

    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()).eval()
    >>> [(node.op, str(node.output.type)) for node in capture(model, torch.zeros(1, 3, 5, 5)).nodes]
    [('conv', 'real[8,3,3]'), ('affine', 'real[8,3,3]'), ('clamp', 'real[8,3,3]')]
    """
    for name, module in model.named_modules():
        if module.training:
            where = f"{name} ({type(module).__name__})" if name else type(module).__name__
            raise LoweringError(f"{where} is in training mode; allowed: evaluation mode. Call model.eval() first.")
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.device.type != "cpu":
            raise LoweringError(f"{name} is on {tensor.device}; allowed: the CPU. Call model.cpu() first.")
    if example.dtype != torch.float32 or not 2 <= example.dim() <= 4 or not len(example):
        raise LoweringError(
            f"the example is {example.dtype} of shape {tuple(example.shape)}; allowed: float32 of shape (N, C), "
            "(N, C, L) or (N, C, H, W) with N of at least 1. Give images as the network gets them."
        )
    program = exported(model, example)
    return Reader(program).graph(results_of(program))


def exported(model: nn.Module, example: Tensor) -> ExportedProgram:
    """The module as ATen operations without side effects: those of ``LOWERINGS`` whole, others in core operations.

    What signs do not see is already removed. Errors: LoweringError for what torch.export cannot follow.
    """
    batch = example[:1].repeat_interleave(BATCH, 0)
    table = torch.export.default_decompositions()
    for operation in LOWERINGS:
        table.pop(operation, None)
    try:
        with torch.no_grad(), _quiet():
            program = torch.export.export(model, (batch,), strict=False).run_decompositions(table)
    except SignwiseError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise LoweringError(
            f"torch.export cannot follow {type(model).__name__}: {reason}. Allowed: a forward pass that runs on "
            f"a batch of {BATCH}, by steps that do not depend on the input's values. Use torch.where, not `if`."
        ) from error
    remove_straight_through(program.graph)
    remove_positive_factors(program.graph)
    return program


@contextmanager
def _quiet() -> Iterator[None]:
    """torch's logs and notices of changes to come are off: what matters to the user is in its exceptions."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.disable(level)
