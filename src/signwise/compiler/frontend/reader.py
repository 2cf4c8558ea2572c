"""Goes through an exported program once, operation by operation, and writes its graph."""

import operator
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, InputSpec, OutputKind
from torch.utils import _pytree as pytree

from signwise.compiler.frontend.builder import Builder, Wire
from signwise.compiler.frontend.levels import function_of_sign
from signwise.compiler.frontend.moves import MOVES, move, settle
from signwise.compiler.frontend.straight_through import remove_straight_through
from signwise.compiler.frontend.table import LOWERINGS
from signwise.compiler.ir import REAL, Graph, Type, Value
from signwise.core.errors import LoweringError

aten = torch.ops.aten
OUTSIDE = "Leave it out of the network and apply it to the results."
HINTS = {
    "_log_softmax": OUTSIDE,
    "_native_batch_norm_legit": "Give the norm running statistics: track_running_stats=True.",
    "_softmax": OUTSIDE,
    "argmax": OUTSIDE,
    "cond": "Use torch.where.",
    "convolution": "In place of a transposed convolution, enlarge with torch.nn.Upsample and convolve then.",
    "eq": "Compare with >= or <=.",
    "max_pool2d_with_indices": "Call the pool without return_indices.",
    "ne": "Compare with >= or <=.",
    "topk": OUTSIDE,
}
SHAPED_LIKE = frozenset({aten.empty_like.default, aten.full_like.default})  # constants, whatever is in their input


class Reader:
    """``found`` holds what each node of the program became: a Wire, a constant, or a tuple of them."""

    def __init__(self, program: ExportedProgram):
        self.program = program
        self.nodes = list(program.graph_module.graph.nodes)
        self.found: dict[fx.Node, Any] = {}

    def graph(self) -> Graph:
        """The graph of the whole program. Errors: LoweringError."""
        ...
