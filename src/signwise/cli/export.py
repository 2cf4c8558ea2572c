"""signwise export: a compiled network as a web page, or as ONNX."""

from pathlib import Path

from signwise.cli.options import VerbParser
from signwise.cli.output import show, show_json
from signwise.compiler.program import read_program

EXAMPLES = (
    "wasm net.swn demo.html",
    "wasm net.swn demo.html --json",
    "wasm runs/quickstart/digits.swn digits.html",
    "onnx net.swn net.onnx",
    "onnx net.swn net.onnx --json",
)


def run(arguments: list[str]) -> int:
    """Write a compiled network in another form."""
    parser = VerbParser("export", "A compiled network as a web page that runs it, or as ONNX.", EXAMPLES)
    parser.add_argument("form", choices=("wasm", "onnx"), help="wasm: an HTML page; onnx: an ONNX file")
    parser.add_argument("file", help="a .swn file")
    parser.add_argument("out", help="where to write")
    options = parser.parse_args(arguments)
    program, out = read_program(options.file), Path(options.out)
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
