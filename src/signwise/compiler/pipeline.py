"""From the graph of primitives to the graph that the runtime carries out: the passes and their order."""

from collections.abc import Callable

from signwise.compiler.ir import Graph
from signwise.compiler.passes.binary_conv import binary_conv
from signwise.compiler.passes.count_thresholds import count_thresholds
from signwise.compiler.passes.fold_affine import fold_affine
from signwise.compiler.passes.fuse_epilogue import fuse_epilogue
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.compiler.passes.push_sign import push_sign
from signwise.compiler.passes.quantize import quantize
from signwise.compiler.passes.read_reals import read_reals
from signwise.compiler.passes.take_bytes import take_bytes
from signwise.compiler.passes.thresholds import thresholds
from signwise.compiler.passes.tidy import tidy
from signwise.compiler.spec import check, check_fused

Pass = Callable[[Graph], Graph]


def binarize(graph: Graph) -> Graph:
    """Three passes in turn until nothing changes, as each makes work for the others: a sign that has passed a pool
    meets the affine before it, a sign that has passed a padding makes it the padding of a count.
    """
    before = None
    while graph is not before:
        before, graph = graph, push_sign(thresholds(binary_conv(graph)))
    return graph


PASSES: tuple[Pass, ...] = (
    tidy,  # first, so that no later pass has to look through what computes nothing
    binarize,  # before fold_affine: thresholds are exact because they see every rounding that the network has
    fold_affine,  # in float64, before constants become float32
    fuse_epilogue,
    count_thresholds,  # once it is known that nothing but a sign reads the accumulator
    read_reals,  # last, so that no pass takes the maps it adds for work
)


def lower_graph(graph: Graph, pixels: bool = False, real: str = "float32") -> Graph:
    """The fused graph with slots, checked after every pass. With ``pixels`` its input is bytes; ``real`` "int8" rounds
    real weights.

    Errors: LoweringError for a graph that is not as docs/compiler.md says.

    >>> from signwise.compiler.text import parse, to_text
    >>> affine = "affine(%x) scale=float64[1]{2.0} shift=float64[1]{-1.0}"
    >>> lines = ["input %x: real[1,1,3]", f"%a: real[1,1,3] = {affine}", "%s: sign[1,1,3] = sign(%a)", "return %s"]
    >>> print(to_text(lower_graph(parse("\\n".join(lines))), constants=True))
    input %x: real[1,1,3]@0
    %s: sign[1,1,3]@1 = map(%x) threshold=float32[1]{0.5}
    return %s
    """
    check(graph)
    options = (*[take_bytes] * pixels, *[quantize] * (real == "int8"))
    for run in (*PASSES, *options, plan_memory):
        graph = run(graph)
        check(graph)
    check_fused(graph)
    return graph
