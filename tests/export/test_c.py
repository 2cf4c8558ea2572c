"""Exported C, compiled with the system's compiler under the sanitizers, computes what the interpreter does."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings

from signwise.compiler.ir import Graph
from signwise.compiler.passes.plan_memory import plan_memory
from signwise.compiler.text import parse
from signwise.core.errors import ConfigError, LoweringError, PlanError
from signwise.export.c import export_c, model_header, model_source
from tests.export.c_machine import FLAGS, HOSTED, assert_same, compiled, network, results, small_numbers, write_sources
from tests.export.random_graphs import graphs
from tests.runtime.plans import every_op

SANITIZERS = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ONE_WINDOW = "stride=(1,1) padding=(0,0,0,0) dilation=(1,1)"
TINY = "input %x: real[2,3,1]@0\n%y: real[2,3,1]@1 = unary(%x) function=abs  // {}\nreturn %y"

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Exports a network, compiles it under the sanitizers and runs it; the runtime is compiled once."""
    runtime = tmp_path_factory.mktemp("runtime")
    export_c(parse(TINY), runtime)
    parts = [runtime / "signwise_runtime.c", HOSTED[1]]
    for part in parts:
        subprocess.run(["cc", *FLAGS, *SANITIZERS, "-c", part, "-o", runtime / f"{part.stem}.o"], check=True)
    objects = [runtime / f"{part.stem}.o" for part in parts]

    def run_here(graph: Graph, images: np.ndarray) -> dict[str, np.ndarray]:
        folder = tmp_path_factory.mktemp("network")
        network, _ = write_sources(graph, images, folder)
        program = compiled(["cc", *FLAGS, *SANITIZERS], [network, HOSTED[0], *objects], folder)
        return results([str(program)], graph, len(images))

    return run_here


def check(host, graph: Graph) -> None:
    images = small_numbers(graph, 2)
    assert_same(host(graph, images), graph, images)


@needs_compiler
def test_every_operation(host):
    check(host, every_op())


@needs_compiler
def test_a_whole_word_of_channels_compared_from_above(host):
    check(
        host,
        parse("input %x: real[64,1,2]@0\n%s: sign[64,1,2]@1 = map(%x) direction=int8[64]{-1}\nreturn %s"),
    )


@needs_compiler
@pytest.mark.parametrize(
    "line",
    [
        f"%y: real[2,1,1] = conv(%x) {ONE_WINDOW} groups=1 weight=float32[2,16,2,300]{{0.5}}",
        f"%y: real[2,1,1] = bconv(%s) {ONE_WINDOW} groups=1 pad_value=0 zero_point=0 weight=int8[2,16,2,300]{{1}}",
        f"%y: sign[16,1,300] = max_pool(%s) kernel=(2,1) {ONE_WINDOW} activation=clamp low=0.0 high=1.0",
        "%y: real[16,2,300] = map(%s)",
        "%y: real[16,1,300] = mean(%x) axes=(h)",
    ],
    ids=["conv", "bconv", "max_pool", "map", "mean"],
)
def test_scratch_memory_is_large_enough(line, host):
    """What is too little is a write past the static memory, or over the session in it."""
    graph = parse(f"input %x: real[16,2,300]\n%s: sign[16,2,300] = map(%x)\n{line}\nreturn %y")
    check(host, plan_memory(graph))


@needs_compiler
@settings(max_examples=8, deadline=None)
@given(graphs())
def test_random_graphs(host, graph):
    check(host, plan_memory(graph))


@needs_compiler
@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(graphs())
def test_more_random_graphs(host, graph):
    check(host, plan_memory(graph))


@needs_compiler
@pytest.mark.parametrize(
    "model, method, real",
    [
        ("resnet8", "irnet", "float32"),
        ("resnet8", "irnet", "int8"),
        ("resnet20_tiny", "reactnet", "float32"),
        ("resnet20_tiny", "adabin", "float32"),
    ],
)
def test_networks(model, method, real, host):
    graph, images = network(model, method, real)
    assert_same(host(graph, images), graph, images, near=True)


@needs_compiler
@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm")
def test_nothing_is_needed_from_outside_and_only_the_arena_can_be_written(tmp_path):
    sources = write_sources(every_op(), small_numbers(every_op(), 1), tmp_path)
    flags = ("-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pie")
    objects = [source.with_suffix(".o") for source in sources]
    for source, output in zip(sources, objects, strict=True):
        subprocess.run(["cc", *FLAGS, *flags, "-c", source, "-o", output], check=True)
    listed = subprocess.run(["nm", *objects], capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[-1]: line.split()[-2] for line in listed.splitlines() if len(line.split()) > 1}
    assert {name for name, kind in symbols.items() if kind == "U"} == {"memcpy", "memset"}
    assert {name for name, kind in symbols.items() if kind in "bBdDcC"} == {"memory", "session"}


@pytest.mark.skipif(not shutil.which("c++"), reason="needs a C++ compiler")
def test_the_header_serves_cpp(tmp_path):
    graph = parse(TINY)
    export_c(graph, tmp_path, "edge")
    (tmp_path / "use.cpp").write_text(
        '#include "edge.h"\nstatic_assert(EDGE_INPUT_SIZE == 6 && EDGE_OUTPUT_SIZE == 6, "sizes");\n'
        "int use(const float *in, float *out) { return edge_run(in, out) == EDGE_OK; }\n"
    )
    command = ["c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-c", "use.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)
    listed = subprocess.run(["nm", "use.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert " U edge_run\n" in listed


@needs_compiler
def test_two_networks_share_one_runtime(tmp_path):
    for name, function in (("first", "abs"), ("second", "square")):
        export_c(parse(TINY.replace("abs", function)), tmp_path, name)
    (tmp_path / "main.c").write_text(
        '#include "first.h"\n#include "second.h"\n'
        "int main(void) {\n    const float x[6] = {-3}; float y[6], z[6];\n"
        "    return first_run(x, y) || second_run(x, z) || y[0] != 3 || z[0] != 9;\n}\n"
    )
    command = ["cc", *FLAGS, "first.c", "second.c", "signwise_runtime.c", "main.c", "-o", "both"]
    subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "both"], check=True)


def test_the_header():
    header = model_header(parse("input %x: real[2,3,1]@0\n%s: sign[2,3,1]@1 = map(%x)\nreturn %s"), "edge")
    assert " *     input   (2, 3, 1)\n *     output  (2, 3, 1)\n */\n" in header
    assert "#define EDGE_INPUT_SIZE 6\n#define EDGE_OUTPUT_SIZE 6\n" in header
    assert "int edge_run(const float *input, float *output);" in header


def test_several_results_follow_one_another():
    graph = every_op()
    header, (source, *_) = model_header(graph, "edge"), model_source(graph, "edge")
    assert "output  (6, 2, 2), from output[90] on\n *     output  (1, 2, 3), from output[114] on\n" in header
    assert "#define EDGE_OUTPUT_SIZE 452\n" in header
    assert "results[] = {output + 0, output + 90, output + 114, output + 120, output + 192, output + 272};" in source


def test_what_is_written(tmp_path):
    graph = parse(TINY)
    written = export_c(graph, tmp_path / "new" / "folder", "edge")
    names = ["edge.h", "edge.c", "signwise_runtime.h", "signwise_runtime.c"]
    assert [path.name for path in written.files] == names
    assert all(path.is_file() for path in written.files)
    # Two maps of 3 pixels and 8 lanes each, no scratch, 64 bytes behind each, and the session.
    assert (written.constants, written.memory) == (8, 256 + 256 + 64)
    assert "static _Alignas(64) uint8_t memory[576];" in written.files[1].read_text()


def test_a_modules_name_cannot_end_its_comment():
    graph = parse(TINY)
    (node,) = graph.nodes
    source, *_ = model_source(graph.with_nodes((node.with_(source="a.b_1 */ #error\n"),)), "edge")
    assert "    /* unary a.b_1  error */\n" in source


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "é", "a\n", "sw", "signwise_runtime"])
def test_names_that_c_cannot_take(name, tmp_path):
    with pytest.raises(ConfigError) as caught:
        export_c(parse(TINY), tmp_path, name)
    assert str(caught.value) == (
        f"SW102: the network's name in C is {name!r}; allowed: a letter, then letters, digits and underscores, "
        "but not signwise_runtime or sw"
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("kept")
    with pytest.raises(PlanError) as caught:
        export_c(parse(TINY), path)
    assert str(caught.value) == (f"SW402: cannot make the folder {path}: File exists; give one that can be written")
    assert path.read_text() == "kept"


def test_a_graph_that_is_not_fused(tmp_path):
    graph = parse("input %x: real[2,3,1]@0\n%y: sign[2,3,1]@1 = sign(%x)\nreturn %y")
    with pytest.raises(LoweringError, match="sign"):
        export_c(graph, tmp_path)
