"""Does the compiled network do what the PyTorch module does? Integers exactly, results to rounding."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from signwise.compiler.frontend.capture import exported
from signwise.compiler.ir import REAL, Graph, Node, Type, Value
from signwise.compiler.ops import EPILOGUE_ATTRS
from signwise.compiler.plan import write
from signwise.core.errors import PlanError
from signwise.runtime.session import load

if TYPE_CHECKING:
    from signwise.compiler.program import Program

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Verification:
    """What was compared: binary layers by their integer accumulators, results by value and by largest entry.

    ``layers``: (module, accumulators compared, accumulators that differ), each layer fed with PyTorch's own signs.
    ``error``: the largest difference of a result, relative to the largest result of its image. Where a real value lies
    within rounding of a threshold, PyTorch and the runtime may take different signs; ``borderline`` counts the images
    whose results differ by more than the tolerance for that reason alone (their layers' integers being right).
    """

    images: int
    layers: tuple[tuple[str, int, int], ...]
    error: float
    borderline: int
    same_largest: int

    @property
    def ok(self) -> bool:
        """Every integer equal, every image's largest result at the same place, and not every image borderline."""
        exact = sum(wrong for _, _, wrong in self.layers) == 0
        return exact and self.same_largest == self.images and self.borderline < max(2, self.images)

    def to_dict(self) -> dict[str, Any]:
        layers = [{"module": name, "accumulators": count, "wrong": wrong} for name, count, wrong in self.layers]
        return {
            "ok": self.ok,
            "images": self.images,
            "layers": layers,
            "relative_error": self.error,
            "borderline": self.borderline,
            "same_argmax": self.same_largest,
        }

    def __str__(self) -> str:
        count, wrong = sum(count for _, count, _ in self.layers), sum(wrong for _, _, wrong in self.layers)
        return (
            f"{'verified' if self.ok else 'NOT THE SAME'} on {self.images} images: {count:,} integer accumulators of "
            f"{len(self.layers)} binary layers, {wrong} wrong; largest relative error {self.error:.1e}, "
            f"{self.borderline} images with a borderline sign; same largest result on {self.same_largest}"
        )


def verify(program: "Program", model: nn.Module, samples: Tensor) -> Verification:
    """Compare a program with the module it was lowered from, on real images.

    Errors: PlanError where the shapes do not fit.
    """
    with torch.no_grad():
        expected = model(samples)
    if not isinstance(expected, Tensor):
        raise PlanError(f"verify: the network returns {type(expected).__name__}; allowed: one tensor")
    ours = np.asarray(program.session()(samples.numpy()), np.float32).reshape(len(samples), -1)
    theirs = expected.numpy().reshape(len(samples), -1)
    errors = np.abs(ours - theirs).max(1) / np.maximum(np.abs(theirs).max(1), 1e-30)
    return Verification(
        len(samples),
        tuple(_layers(program.graph, model, samples)),
        float(errors.max()),
        int((errors > TOLERANCE).sum()),
        int((ours.argmax(1) == theirs.argmax(1)).sum()),
    )


def _layers(graph: Graph, model: nn.Module, samples: Tensor) -> Iterator[tuple[str, int, int]]:
    """Every binary layer of the graph, fed with the signs that PyTorch computed for it."""
    products = _Products(exported(model, samples))
    with torch.no_grad():
        products.run(samples[[0, -1]])
    for node in graph.nodes:
        if node.op == "bconv":
            x, out = products.of(node)
            expected = np.rint(out * (1 + node.attrs["zero_point"])).reshape(len(out), -1)
            found = _accumulators(node, graph.values()[node.inputs[0]].type, x)
            yield node.source, expected.size, int((expected != found).sum())


class _Products(torch.fx.Interpreter):
    """Runs an exported module and keeps what every convolution and dense layer saw: module, x, weight, result."""

    def __init__(self, program: torch.export.ExportedProgram):
        super().__init__(program.module())
        self.seen: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]] = []

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_function" and any(word in str(n.target) for word in ("conv", "linear")):
            (x, weight, *_), _ = self.fetch_args_kwargs_from_env(n)
            path, _ = list(n.meta["nn_module_stack"].values())[-1]
            self.seen.append((path, x.numpy(), weight.numpy(), result.numpy()))
        return result

    def of(self, node: Node) -> tuple[np.ndarray, np.ndarray]:
        """Input and result of the convolution that became ``node``; the result as integers of a weight of -1 and +1."""
        bits = node.consts["weight"]
        for source, x, weight, out in self.seen:
            if source == node.source and np.array_equal(np.sign(weight).ravel(), bits.ravel()):
                factor = np.abs(weight).reshape(len(weight), -1)[:, :1]
                return x, out.reshape(len(out), len(weight), -1) / factor
        raise PlanError(f"verify: {node.source} has no convolution with the weights of the compiled one")


def _accumulators(node: Node, type: Type, x: np.ndarray) -> np.ndarray:
    """The runtime's integers of one binary layer for two-valued x, (N, elements) in C, H, W order."""
    shape = node.outputs[0].type.shape
    attrs = {key: value for key, value in node.attrs.items() if key not in EPILOGUE_ATTRS}
    consts = {"weight": node.consts["weight"]}
    graph = Graph(
        Value("x", Type(REAL, type.shape), 0),
        (
            Node("map", ("x",), (Value("signs", type, 1),)),
            Node("bconv", ("signs",), (Value("counts", Type(REAL, shape), 2),), attrs, consts),
        ),
        ("counts",),
    )
    signs = np.where(x > 0, 1, -1).astype(np.float32).reshape(len(x), *type.shape)
    return np.asarray(load(write(graph))(signs)).reshape(len(x), -1)
