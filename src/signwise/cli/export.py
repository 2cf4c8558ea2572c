"""signwise export: a compiled network as a web page, as C source, or as ONNX."""

from pathlib import Path

from signwise.cli.options import VerbParser
from signwise.cli.output import show, show_json
from signwise.compiler.ir import Graph
from signwise.compiler.program import read_program
from signwise.core.errors import ConfigError

EXAMPLES = (
    "wasm net.swn demo.html",
    "wasm runs/quickstart/digits.swn digits.html",
    "c net.swn firmware/network",
    "c net.swn firmware/network --name digits",
    "onnx net.swn net.onnx --json",
)


def run(arguments: list[str]) -> int:
    """Write a compiled network in another form."""
    parser = VerbParser("export", "A compiled network as a web page that runs it, as C source, or as ONNX.", EXAMPLES)
    parser.add_argument(
        "form", choices=("wasm", "c", "onnx"), help="wasm: an HTML page; c: a folder of C files; onnx: an ONNX file"
    )
    parser.add_argument("file", help="a .swn file")
    parser.add_argument("out", help="where to write: a file, for C a folder")
    parser.add_argument("--name", help="for C: what the network's files and names begin with (default model)")
    options = parser.parse_args(arguments)
    if options.name is not None and options.form != "c":
        raise ConfigError(f"--name {options.name} with {options.form}; allowed with c only")
    program, out = read_program(options.file), Path(options.out)
    if options.form == "c":
        return _show_c(program.graph, out, options.name or "model", options.json)
    if options.form == "wasm":
        from signwise.export.wasm import export_wasm

        export_wasm(program.to_bytes(), out)
    else:
        from signwise.export.onnx import export_onnx

        export_onnx(program.graph, out)
    size = out.stat().st_size
    if options.json:
        show_json({"file": str(out), "bytes": size})
    else:
        show(f"{out}: {size:,} bytes")
    return 0


def _show_c(graph: Graph, folder: Path, name: str, as_json: bool) -> int:
    from signwise.export.c import export_c

    written = export_c(graph, folder, name)
    files = [str(path) for path in written.files]
    if as_json:
        show_json({"files": files, "constant_bytes": written.constants, "memory_bytes": written.memory})
    else:
        show("\n".join(files))
        show(f"constants {written.constants:,} bytes, static memory {written.memory:,} bytes")
    return 0
