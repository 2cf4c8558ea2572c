"""A compiled network: what `lower` returns, `save` writes and the runtime carries out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signwise.compiler.ir import Graph
from signwise.compiler.pipeline import lower_graph
from signwise.compiler.plan import read, write
from signwise.compiler.text import to_text
from signwise.core.errors import ConfigError, PlanError
from signwise.core.files import write_result
from signwise.core.registry import suggestion

if TYPE_CHECKING:
    import torch
    from torch import nn

    from signwise.compiler.verify import Verification
    from signwise.runtime.session import Session

REALS = ("float32", "int8")


@dataclass(frozen=True, eq=False)
class Program:
    """A network as the runtime carries it out. Printing it shows one line an operation.

    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, bias=False), torch.nn.Hardtanh()).eval()
    >>> print(lower(model, torch.zeros(1, 1, 3, 3)))  # doctest: +ELLIPSIS
    input %input: real[1,3,3]...
    """

    graph: Graph

    def __str__(self) -> str:
        return to_text(self.graph)

    def to_bytes(self) -> bytes:
        """The ``.swn`` file."""
        return write(self.graph)

    def save(self, path: str | Path) -> Path:
        """Write the file whole or not at all. Errors: PlanError where it cannot be written."""
        return write_result(Path(path), self.to_bytes(), PlanError)

    def session(self, threads: int = 1, target: str | None = None) -> "Session":
        """The network ready to run: ``program.session()(images)``."""
        from signwise.runtime.session import load

        return load(self.to_bytes(), threads=threads, target=target)

    def verify(self, model: "nn.Module", samples: "torch.Tensor") -> "Verification":
        """Compare with the PyTorch module that was lowered; see :func:`signwise.compiler.verify.verify`."""
        from signwise.compiler.verify import verify

        return verify(self, model, samples)


def lower(
    model: "nn.Module",
    example: "torch.Tensor",
    meta: Mapping[str, Any] | None = None,
    *,
    pixels: bool = False,
    real: str = "float32",
) -> Program:
    """Compile a PyTorch module in evaluation mode.

    ``example``: one image or more, (N, C, H, W) or (N, C); only its shape counts. ``meta``: texts kept in the file.
    ``pixels``: images hold whole numbers 0 to 255, which the module normalises itself; the network then takes bytes.
    ``real``: "int8" rounds the weights of real layers (:mod:`signwise.compiler.passes.quantize`), which changes results
    a little; with ``pixels`` the first convolution then computes with integers. Binary layers stay as they are.
    Errors: LoweringError for what cannot be expressed, naming module, operation and shape; ConfigError for another
    ``real``.

    >>> import signwise
    >>> method = signwise.get_method("bireal")
    >>> model = signwise.create_model("mlp_tiny", 10, 1, method.wiring, image_size=4)
    >>> report, images = signwise.binarize_(model, method), torch.randn(3, 1, 4, 4)
    >>> program = signwise.lower(model.eval(), images)
    >>> program.session()(images).shape, program.verify(model, images).ok
    (torch.Size([3, 10]), True)
    """
    from signwise.compiler.frontend import capture

    if real not in REALS:
        raise ConfigError(f"real={real!r}; {suggestion(real, REALS)}")
    graph = lower_graph(capture(model, example), pixels, real)
    return Program(replace(graph, meta={**graph.meta, **{key: str(value) for key, value in (meta or {}).items()}}))


def read_program(path: str | Path) -> Program:
    """The program in a ``.swn`` file. Errors: PlanError for a missing or damaged file."""
    try:
        return Program(read(Path(path).read_bytes()))
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}; expected a .swn file") from None
