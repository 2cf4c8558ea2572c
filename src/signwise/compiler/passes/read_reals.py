"""Where a kernel reads reals and the value is a sign, a `map` stands between."""

from signwise.compiler.ir import REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.ops import OPS
from signwise.compiler.passes.rewrite import Change, View, rewrite


def read_reals(graph: Graph) -> Graph:
    """Insert one such `map` for each sign value that is read as reals."""
    return rewrite(graph, _unpack)


def _unpack(node: Node, view: View) -> Change | None:
    for sign in node.outputs:
        real = Value(view.fresh(f"{sign.name}_real"), Type(REAL, sign.type.shape))
        readers = {r.outputs[0].name: (_rewired(r, sign.name, real.name),) for r in view.readers[sign.name]}
        if sign.type.kind == SIGN and any(real.name in reader.inputs for (reader,) in readers.values()):
            unpacked = Node("map", (sign.name,), (real,), source=node.source)
            return {**readers, node.outputs[0].name: (node, unpacked)}
    return None


def _rewired(reader: Node, sign: str, real: str) -> Node:
    """With ``real`` in place of ``sign`` where reals are read: everywhere, or as the residual."""
    op = OPS[reader.op]
    start = 0 if op.reads == REAL else 1 if op.epilogue else len(reader.inputs)
    inputs = tuple(real if index >= start and name == sign else name for index, name in enumerate(reader.inputs))
    return reader.with_(inputs=inputs)
