"""signwise export: a compiled network as C, as a web page, or as ONNX."""

from pathlib import Path

from signwise.cli.options import VerbParser
from signwise.cli.output import show, show_json
from signwise.compiler.program import read_program

EXAMPLES = (
    "c net.swn firmware/model",
    "c net.swn firmware/model --json",
    "wasm net.swn demo.html",
    "onnx net.swn net.onnx",
    "onnx net.swn net.onnx --json",
)


def run(arguments: list[str]) -> int:
    """Write a compiled network in another form."""
    parser = VerbParser("export", "A compiled network as plain C, as a web page that runs it, or as ONNX.", EXAMPLES)
    parser.add_argument("form", choices=("c", "wasm", "onnx"), help="c: a folder; wasm: an HTML page; onnx: a file")
    parser.add_argument("file", help="a .swn file")
    parser.add_argument("out", help="where to write")
    options = parser.parse_args(arguments)
    program, out = read_program(options.file), Path(options.out)
    if options.form == "c":
        from signwise.export.c import export_c

        written = export_c(program.to_bytes(), out)
    elif options.form == "wasm":
        from signwise.export.wasm import export_wasm

        written = [export_wasm(program.to_bytes(), out)]
    else:
        from signwise.export.onnx import export_onnx

        export_onnx(program.graph, out)
        written = [out]
    sizes = {str(path): path.stat().st_size for path in written}
    if options.json:
        show_json(sizes)
    else:
        for path, size in sizes.items():
            show(f"{path}: {size:,} bytes")
    return 0
