"""A compiled network as an ONNX file that stock runtimes carry out, and back.

Every operation of the graph is one node in the domain ``signwise``, calling a function that the file brings along: the
same thing in standard operators (``onnx_bodies.py``). A function is shared by all nodes that need the same steps, since
it takes sizes and numbers from the node's attributes; of one operation there may be several ("overloads").
Reading goes by node, attribute and initialiser: the functions' bodies are not looked into.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signwise.compiler.ir import BYTE, REAL, SIGN, Graph, Node, Type, Value
from signwise.compiler.ops import OPS
from signwise.compiler.spec import check_fused
from signwise.core.errors import LoweringError, PlanError, TargetError
from signwise.core.files import write_result
from signwise.export.onnx_bodies import FLOAT, INT8, PACKED, Ref, body, pack_weight, unpack_weight

if TYPE_CHECKING:
    import onnx

DOMAIN, OPSET, IR_VERSION = "signwise", 18, 10
DTYPES = {REAL: FLOAT, SIGN: INT8}
AGAIN = "Only files that signwise wrote are read; for another network, lower its PyTorch module with signwise.lower."


def _library() -> Any:
    try:
        import onnx
        import onnx.helper
    except ImportError:
        raise TargetError(
            "the package onnx is missing; the ONNX export needs it. Install it with: pip install 'signwise[onnx]'"
        ) from None
    return onnx


def export_onnx(graph: Graph, path: str | Path) -> Path:
    """:func:`write_onnx` into a file. Errors: as there, and PlanError where the file cannot be written."""
    return write_result(Path(path), write_onnx(graph).SerializeToString(), PlanError)


def import_onnx(path: str | Path) -> Graph:
    """:func:`read_onnx` of a file. Errors: as there, and PlanError where the file cannot be read."""
    onnx = _library()
    from google.protobuf.message import DecodeError  # of the package protobuf, which onnx brings

    try:
        return read_onnx(onnx.ModelProto.FromString(Path(path).read_bytes()))
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}; expected an ONNX file") from None
    except DecodeError:
        raise LoweringError(f"{path} is not an ONNX file. {AGAIN}") from None


def write_onnx(graph: Graph) -> "onnx.ModelProto":
    """A fused graph as an ONNX model: weights of 1 bit, any number of images.

    Shape: input float32 (N, C, H, W); outputs (N, C, H, W), float32 where real, int8 in {-1, +1} where sign.
    Integers of binary convolutions and their epilogues are bit for bit those of ``compiler.interpreter``.
    Errors: LoweringError for a graph that is not fused or takes bytes, TargetError without the package onnx.
    """
    onnx = _library()
    check_fused(graph)
    if graph.input.type.kind == BYTE:
        raise LoweringError(
            f"input %{graph.input.name} is {graph.input.type}; ONNX files are written for real inputs only. Compile "
            "without pixels=True, and the network takes the same values as float32."
        )
    types = {name: value.type for name, value in graph.values().items()}
    functions: dict[bytes, Any] = {}
    nodes, initializers = [], []
    for node in graph.nodes:
        call = _call(graph, node)
        function = _function(onnx, call, [types[name] for name in call.inputs])
        key = function.SerializeToString()
        if key not in functions:
            function.overload = str(sum(other.name == node.op for other in functions.values()))
            functions[key] = function
        nodes.append(_node(onnx, call, functions[key]))
        initializers += [onnx.numpy_helper.from_array(array, _constant(node, k)) for k, array in call.consts.items()]
    inner = [_info(onnx, value) for node in graph.nodes for value in node.outputs if value.name not in graph.outputs]
    outputs = [_info(onnx, graph.values()[name]) for name in graph.outputs]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, DOMAIN, [_info(onnx, graph.input)], outputs, initializers, value_info=inner),
        functions=list(functions.values()),
        opset_imports=[onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name=DOMAIN,
    )
    onnx.helper.set_model_props(model, dict(graph.meta))
    return model


def _call(graph: Graph, node: Node) -> Node:
    """The node as it stands in the file: bits for weights, and the images for a constant to be repeated for."""
    if node.op == "bconv":
        weight = node.consts["weight"]
        attrs = {**node.attrs, "channels": weight.shape[1:2]}
        return node.with_(attrs=attrs, consts={**node.consts, "weight": pack_weight(weight)})
    return node if node.inputs else node.with_(inputs=(graph.input.name,))


def _constant(node: Node, name: str) -> str:
    """An initialiser's name; no value's has a slash."""
    return f"{node.outputs[0].name}/{name}"


def _function(onnx: Any, call: Node, inputs: Sequence[Type]) -> Any:
    steps = []
    for step in body(call, inputs):
        proto = onnx.helper.make_node(step.op, step.inputs, [step.output])
        for name, value in step.attrs.items():
            if isinstance(value, Ref):
                kind = onnx.helper.make_attribute(name, _plain(onnx, call.attrs[value.name])).type
                proto.attribute.append(onnx.AttributeProto(name=name, ref_attr_name=value.name, type=kind))
            else:
                proto.attribute.append(onnx.helper.make_attribute(name, _plain(onnx, value)))
        steps.append(proto)
    function = onnx.helper.make_function(
        DOMAIN,
        call.op,
        [*(f"x{index}" for index in range(len(call.inputs))), *call.consts],
        [f"y{index}" for index in range(len(call.outputs))],
        steps,
        [onnx.helper.make_opsetid("", OPSET)],
        [*call.attrs],
    )
    function.doc_string = PACKED if call.op == "bconv" else ""
    return function


def _node(onnx: Any, call: Node, function: Any) -> Any:
    return onnx.helper.make_node(
        call.op,
        [*call.inputs, *(_constant(call, name) for name in call.consts)],
        [value.name for value in call.outputs],
        name=call.outputs[0].name,
        doc_string=call.source,
        domain=DOMAIN,
        overload=function.overload,
        **{name: _plain(onnx, value) for name, value in call.attrs.items()},
    )


def _plain(onnx: Any, value: Any) -> Any:
    """An attribute as ONNX has it; floats as tensors, because its own have 32 bits, and booleans, which it lacks."""
    exact = isinstance(value, float | bool | np.ndarray)
    return onnx.numpy_helper.from_array(np.asarray(value)) if exact else value


def _info(onnx: Any, value: Value) -> Any:
    info = onnx.helper.make_tensor_value_info(value.name, DTYPES[value.type.kind], ["N", *value.type.shape])
    if value.slot is not None:
        info.metadata_props.add(key="slot", value=str(value.slot))
    return info


# --- reading ----------------------------------------------------------------------------------------------------------


def read_onnx(model: "onnx.ModelProto") -> Graph:
    """The graph that :func:`write_onnx` was given, to the last bit.

    Errors: LoweringError for a model that signwise did not write, or that was changed into what is no graph.
    """
    onnx = _library()
    foreign = [node for node in model.graph.node if node.domain != DOMAIN]
    if foreign or not model.graph.node:
        found = f"node {foreign[0].op_type!r} of domain {foreign[0].domain!r}" if foreign else "no node"
        raise LoweringError(f"the ONNX model has {found}; expected: domain {DOMAIN!r} in every node. {AGAIN}")
    try:
        graph = _graph(onnx, model)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise LoweringError(f"the ONNX model is damaged: {type(error).__name__}: {error}. Export it again.") from None
    check_fused(graph)
    return graph


def _graph(onnx: Any, model: Any) -> Graph:
    arrays = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    infos = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    values = {info.name: _value(info) for info in infos}
    formal = {(function.name, function.overload): function.input for function in model.functions}
    nodes = [_read_node(onnx, node, formal[node.op_type, node.overload], values, arrays) for node in model.graph.node]
    (source,) = model.graph.input
    outputs = tuple(info.name for info in model.graph.output)
    return Graph(values[source.name], tuple(nodes), outputs, {item.key: item.value for item in model.metadata_props})


def _value(info: Any) -> Value:
    (kind,) = (kind for kind, dtype in DTYPES.items() if dtype == info.type.tensor_type.elem_type)
    _, *shape = (dim.dim_value for dim in info.type.tensor_type.shape.dim)
    c, h, w = shape
    slots = [int(item.value) for item in info.metadata_props if item.key == "slot"]
    return Value(info.name, Type(kind, (c, h, w)), slots[0] if slots else None)


def _read_node(
    onnx: Any, node: Any, formal: Sequence[str], values: Mapping[str, Value], arrays: Mapping[str, np.ndarray]
) -> Node:
    op = OPS[node.op_type]
    given = dict(zip(formal, node.input, strict=True))
    attrs = {item.name: _attribute(onnx, item) for item in node.attribute}
    consts = {name: arrays[place] for name, place in given.items() if name in op.consts}
    if node.op_type == "bconv":
        consts["weight"] = unpack_weight(consts["weight"], *attrs.pop("channels"))
    inputs = tuple(place for name, place in given.items() if name not in op.consts) if op.inputs != 0 else ()
    return Node(node.op_type, inputs, tuple(values[name] for name in node.output), attrs, consts, node.doc_string)


def _attribute(onnx: Any, attribute: Any) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value).item()
    if isinstance(value, list):
        return tuple(item.decode() if isinstance(item, bytes) else item for item in value)
    return value.decode() if isinstance(value, bytes) else value
