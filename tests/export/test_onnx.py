"""What stock onnxruntime makes of an exported file is what the interpreter makes of the graph."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler import interpreter
from signwise.compiler.ir import Graph, equal
from signwise.compiler.text import parse
from signwise.core.errors import LoweringError, PlanError, TargetError
from signwise.export.onnx import export_onnx, import_onnx, read_onnx, write_onnx
from tests.export.random_graphs import graphs

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

LAYER = "stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0"
SMALL = f"""meta "classes" = "zero\\none"
input %x: real[3,4,4]@0
%s: sign[3,4,4]@1 = map(%x)
%y: real[2,4,4]@2, %t: sign[2,4,4]@3 = bconv(%s) {LAYER} activation=clamp low=-1.1 high=1.0 \
weight=int8[2,3,3,3]{{1}} scale=float32[2]{{0.1,-0.2}} shift=float32[2]{{0.5}} direction=int8[2]{{-1,1}}  // layer1.conv
%z: real[2,4,4] = resize(%y) mode=bilinear align_corners=true size=(4,4)
return %z, %t"""


def runtime(graph: Graph, x: np.ndarray, optimised: bool = True) -> dict[str, np.ndarray]:
    """The outputs of stock onnxruntime, which knows nothing of signwise."""
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    content = write_onnx(graph).SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return dict(zip(graph.outputs, session.run([*graph.outputs], {graph.input.name: x}), strict=True))


def agree(graph: Graph, x: np.ndarray, optimised: bool = True, rtol: float = 0) -> None:
    expected, found = interpreter.run(graph, x), runtime(graph, x, optimised)
    for name in graph.outputs:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_allclose(found[name], expected[name], rtol=rtol, atol=0)


def images(graph: Graph, batch: int = 2) -> np.ndarray:
    """Small integers, many of them 0 and -0.0."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (batch, *graph.input.type.shape)).astype(np.float32)
    return np.where(rng.random(x.shape) < 0.2, np.float32(-0.0), x)


def of(line: str, shape: str, out: str) -> Graph:
    """A graph of one operation."""
    return parse(f"input %x: real[{shape}]\n%y: real[{out}] = {line}\nreturn %y")


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(1, 3), st.booleans())
def test_random_graphs_agree_to_the_last_bit_and_come_back(graph: Graph, batch: int, optimised: bool) -> None:
    agree(graph, images(graph, batch), optimised)
    model = write_onnx(graph)
    onnx.checker.check_model(model, full_check=True)
    assert equal(read_onnx(onnx.ModelProto.FromString(model.SerializeToString())), graph)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("corners", ["true", "false"])
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (10, 10), (14, 6)])
def test_resize_takes_the_same_places(mode: str, corners: str, size: tuple[int, int]) -> None:
    h, w = size
    graph = of(f"resize(%x) mode={mode} align_corners={corners} size=({h},{w})", "2,7,3", f"2,{h},{w}")
    agree(graph, np.random.default_rng(0).standard_normal((2, 2, 7, 3)).astype(np.float32))


@pytest.mark.parametrize("function", ["abs", "sqrt", "exp", "sigmoid", "tanh", "reciprocal", "square"])
def test_functions_agree(function: str) -> None:
    graph = of(f"unary(%x) function={function}", "3,4,5", "3,4,5")
    agree(graph, np.random.default_rng(0).uniform(0.1, 3, (2, 3, 4, 5)).astype(np.float32), rtol=1e-6)


@pytest.mark.parametrize(("axes", "out"), [("c", "1,4,8"), ("h,w", "4,1,1"), ("c,h,w", "1,1,1")])
def test_mean_over_axes(axes: str, out: str) -> None:
    graph = of(f"mean(%x) axes=({axes})", "4,4,8", out)
    agree(graph, images(graph))


def test_a_constant_stands_for_every_image_of_a_batch() -> None:
    text = "input %x: real[2,1,2]\n%c: real[1,1,2] = constant() value=float32[1,1,2]{2.0,3.0}\n"
    text += "%y: real[3,1,2] = concat(%x, %c)\n%z: real[2,1,2] = div(%x, %c)\nreturn %y, %z, %c"
    agree(parse(text), np.ones((3, 2, 1, 2), np.float32))
    assert equal(read_onnx(write_onnx(parse(text))), parse(text))


def test_nan_is_minus_one_and_zeros_are_plus_one() -> None:
    graph = parse("input %x: real[1,1,4]\n%s: sign[1,1,4] = map(%x) activation=clamp low=0.0 high=1.0\nreturn %s")
    x = np.array([np.nan, -0.0, 0.0, -1.0], np.float32).reshape(1, 1, 1, 4)
    assert runtime(graph, x)["s"].ravel().tolist() == [-1, 1, 1, 1]


def test_every_operation_of_the_file_is_a_standard_one_and_none_is_sign() -> None:
    model = write_onnx(parse(SMALL))
    used = {(node.domain, node.op_type) for function in model.functions for node in function.node}
    assert {domain for domain, _ in used} == {""}
    assert ("", "GreaterOrEqual") in used
    assert ("", "Sign") not in used
    assert {node.domain for node in model.graph.node} == {"signwise"}
    (bconv,) = (function for function in model.functions if function.name == "bconv")
    assert "the first in the lowest bit; bit 1 is -1" in bconv.doc_string


def test_layers_that_differ_in_sizes_only_share_a_function() -> None:
    first = (
        "%a: sign[8,2,2] = bconv(%s) stride=(2,2) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0"
    )
    lines = ["input %x: real[4,4,4]", "%s: sign[4,4,4] = map(%x)", f"{first} weight=int8[8,4,3,3]{{1}}"]
    lines += [f"%b: sign[3,2,2] = bconv(%a) {LAYER} weight=int8[3,8,3,3]{{-1}}"]
    lines += [f"%c: sign[3,2,2] = bconv(%b) {LAYER.replace('zero_point=0', 'zero_point=1')} weight=int8[3,3,3,3]{{-1}}"]
    graph = parse("\n".join([*lines, "return %c"]))
    model = write_onnx(graph)
    assert [(node.op_type, node.overload) for node in model.graph.node] == [
        ("map", "0"),
        ("bconv", "0"),
        ("bconv", "0"),
        ("bconv", "1"),
    ]
    agree(graph, images(graph))


def test_a_weight_takes_one_bit() -> None:
    weight = np.random.default_rng(0).choice(np.int8([-1, 1]), (512, 512, 3, 3))
    text = f"input %x: real[512,7,7]\n%s: sign[512,7,7] = map(%x)\n%y: real[512,7,7] = bconv(%s) {LAYER} "
    graph = parse(f"{text}weight=int8[512,512,3,3]{{1}}\nreturn %y")
    *others, node = graph.nodes
    graph = graph.with_nodes((*others, node.with_(consts={"weight": weight})))
    assert weight.size / 8 < len(write_onnx(graph).SerializeToString()) < 1.01 * weight.size / 8
    agree(graph, images(graph, batch=1))


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    path = export_onnx(parse(SMALL), tmp_path / "net.onnx")
    assert equal(import_onnx(path), parse(SMALL))


# --- errors -----------------------------------------------------------------------------------------------------------

AGAIN = "Only files that signwise wrote are read; for another network, lower its PyTorch module with signwise.lower."


def foreign(*nodes: Any) -> Any:
    x, y = (onnx.helper.make_tensor_value_info(name, 1, ["N", 1, 1, 1]) for name in "xy")
    return onnx.helper.make_model(onnx.helper.make_graph([*nodes], "g", [x], [y]))


def test_a_foreign_model_is_refused() -> None:
    found = "node 'Relu' of domain ''; expected: domain 'signwise' in every node. "
    with pytest.raises(LoweringError, match=f"^SW401: the ONNX model has {re.escape(found + AGAIN)}$"):
        read_onnx(foreign(onnx.helper.make_node("Relu", ["x"], ["y"])))
    with pytest.raises(LoweringError, match=r"^SW401: the ONNX model has no node; expected"):
        read_onnx(foreign())


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\xff" * 9)
    with pytest.raises(LoweringError, match=f"^SW401: {re.escape(f'{path} is not an ONNX file. {AGAIN}')}$"):
        import_onnx(path)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "net.onnx"
    with pytest.raises(PlanError, match=r"^SW402: cannot read .*: No such file or directory; expected an ONNX file$"):
        import_onnx(path)
    with pytest.raises(
        PlanError, match=r"^SW402: cannot write .*: No such file .*; give a file in a folder that exists, can be"
    ):
        export_onnx(parse(SMALL), path)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("initializer", "is damaged: KeyError: 'y/weight'. Export it again."),
        ("value_info", "is damaged: KeyError: 's'. Export it again."),
    ],
)
def test_a_damaged_model_is_refused(field: str, message: str) -> None:
    model = write_onnx(parse(SMALL))
    del getattr(model.graph, field)[0]
    with pytest.raises(LoweringError, match=f"^SW401: the ONNX model {re.escape(message)}$"):
        read_onnx(model)


def test_a_model_that_says_what_the_compiler_does_not_allow_is_refused() -> None:
    model = write_onnx(parse(SMALL))
    (stride,) = (item for item in model.graph.node[1].attribute if item.name == "stride")
    stride.ints[0] = 0
    with pytest.raises(LoweringError, match=r"^SW401: bconv %y \(layer1.conv\): attribute 'stride' is \(0, 1\)"):
        read_onnx(model)


def test_a_graph_that_is_not_fused_is_refused() -> None:
    graph = parse("input %x: real[1,1,1]\n%y: sign[1,1,1] = sign(%x)\nreturn %y")
    with pytest.raises(LoweringError, match=r"^SW401: sign %y: is left over"):
        write_onnx(graph)


def test_without_the_package_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = "SW403: the package onnx is missing; the ONNX export needs it. Install it with: pip install "
    with pytest.raises(TargetError, match=f"^{re.escape(message)}'signwise\\[onnx\\]'$"):
        write_onnx(parse(SMALL))


def test_weights_of_int8_are_read_as_they_are() -> None:
    line = (
        "conv(%x) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 weight=int8[2,3,3,3]{7} scale=float32[2]{0.5}"
    )
    graph = of(f"{line} shift=float32[2]{{0.0}}", "3,4,4", "2,4,4")
    agree(graph, images(graph))
    assert equal(read_onnx(write_onnx(graph)), graph)


def test_a_graph_that_takes_bytes_is_refused() -> None:
    with pytest.raises(
        LoweringError, match=re.escape("%x is byte[1,1,1]; ONNX files are written for real inputs only")
    ):
        write_onnx(parse("input %x: byte[1,1,1]\n%y: real[1,1,1] = map(%x)\nreturn %y"))
