import base64
import importlib.util
import json
import re

import numpy as np
import pytest

import signwise
from signwise.compiler import interpreter
from signwise.compiler.plan import read, write
from signwise.compiler.text import parse
from signwise.core.errors import PlanError, TargetError
from signwise.export import wasm_module as building
from signwise.export.wasm import export_wasm, facts, inner_view, page

CLASSIFIER = """meta "classes" = "a\\n</script>\\n&c"
input %x: real[1,4,3]@0
%s: sign[1,4,3]@1 = map(%x) threshold=float32[1]{100.0}
%t: sign[2,4,3]@2 = bconv(%s) stride=(1,1) padding=(1,1,1,1) dilation=(1,1) groups=1 pad_value=0 zero_point=0 \
weight=int8[2,1,3,3]{1,-1,-1,1,1,1,-1,1,-1,1,1,1,-1,-1,-1,1,-1,1} direction=int8[2]{1,-1} count_threshold=int32[2]{1,2}
%v: real[3,1,1]@3 = bconv(%t) stride=(1,1) padding=(0,0,0,0) dilation=(1,1) groups=1 pad_value=0 zero_point=0 \
weight=int8[3,2,4,3]{-1}
return %v"""


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])


def test_facts_count_what_the_file_holds():
    graph = parse(CLASSIFIER)
    assert facts(graph, b"12345") == {
        "input": (1, 4, 3),
        "classes": ["a", "</script>", "&c"],
        "bytes": 5,
        "floatBytes": 4 * (1 + 18 + 2 + 2 + 72),
        "binaryLayers": 2,
        "binaryWeights": 18 + 72,
        "otherNumbers": 1 + 2 + 2,
    }


def test_classes_without_names_are_numbered():
    assert facts(parse(CLASSIFIER.replace("\\n&c", "")), b"")["classes"] == ["0", "1", "2"]


def test_the_inner_view_is_the_network_up_to_its_sign_maps():
    graph = parse(CLASSIFIER)
    view = inner_view(graph)
    assert view.outputs == ("s", "t") and len(view.nodes) == 2
    image = np.float32([[[99, 100, 101], [0, 255, 0], [3, 200, 7], [120, 0, 255]]])
    found = signwise.load(write(view))(image[None])
    seen = interpreter.run(view, image[None])
    for name in view.outputs:
        np.testing.assert_array_equal(found[name], seen[name])
    assert found["s"][0, 0, 0].tolist() == [-1, 1, 1]


def test_a_network_without_sign_maps_has_no_inner_view():
    graph = parse("input %x: real[1,2,2]@0\n%y: real[4,1,1]@1 = flatten(%x)\nreturn %y")
    assert inner_view(graph) is None
    assert "view" not in data_of(page(graph, b"", b""))


def test_the_page_holds_everything_and_loads_nothing():
    graph = parse(CLASSIFIER)
    plan, module = write(graph), bytes(range(256))
    html = page(graph, plan, module)
    data = data_of(html)
    assert base64.b64decode(data["plan"]) == plan
    assert base64.b64decode(data["module"]) == module
    assert read(base64.b64decode(data["view"])).outputs == ("s", "t")
    assert data["classes"] == ["a", "</script>", "&c"]
    assert html.count("</script>") == 2
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|url\(|\bsrc=|\bhref=|\bimport\b", html)


def test_the_title_is_the_networks_name_escaped():
    html = page(parse('meta "name" = "a < b"\n' + CLASSIFIER), b"", b"")
    assert "<title>a &lt; b</title>" in html and "<h1>a &lt; b</h1>" in html


@pytest.mark.parametrize(
    "text, said",
    [
        (
            "input %x: real[2,4,4]@0\n%y: real[32,1,1]@1 = flatten(%x)\nreturn %y",
            "SW402: the network's input has shape (2, 4, 4); a page to draw on needs (1, H, W) or (3, H, W) with H "
            "and W from 2 to 64. Export this network as C or ONNX instead.",
        ),
        (
            "input %x: real[1,4,65]@0\n%y: real[260,1,1]@1 = flatten(%x)\nreturn %y",
            "SW402: the network's input has shape (1, 4, 65); a page to draw on needs (1, H, W) or (3, H, W) with H "
            "and W from 2 to 64. Export this network as C or ONNX instead.",
        ),
        (
            "input %x: real[1,4,4]@0\n%y: real[1,4,4]@1 = unary(%x) function=abs\nreturn %y",
            "SW402: the network's results are real[1,4,4]; a page needs one, real[classes,1,1]. "
            "Export this network as C or ONNX instead.",
        ),
    ],
)
def test_networks_that_a_drawing_does_not_fit(text, said, tmp_path):
    with pytest.raises(PlanError) as caught:
        export_wasm(write(parse(text)), tmp_path / "page.html")
    assert str(caught.value) == said
    assert not list(tmp_path.iterdir())


def test_a_page_that_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr("signwise.export.wasm.wasm_module", lambda: b"")
    path = tmp_path / "missing" / "page.html"
    with pytest.raises(PlanError) as caught:
        export_wasm(write(parse(CLASSIFIER)), path)
    assert str(caught.value) == (
        f"SW402: cannot write {path}: No such file or directory. Nothing was left there; give a file in a folder that "
        "exists, can be written and has space."
    )


@pytest.fixture
def no_module(monkeypatch, tmp_path):
    """An empty cache."""
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "cache"))
    building.wasm_module.cache_clear()
    yield tmp_path / "cache"
    building.wasm_module.cache_clear()


@pytest.fixture
def ziglang(monkeypatch, tmp_path):
    """Stands in for the package ziglang: does what it is told to."""

    def pretend(script):
        folder = tmp_path / "packages"
        folder.mkdir()
        (folder / "ziglang.py").write_text(script)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.syspath_prepend(str(folder))
        importlib.invalidate_caches()

    return pretend


def test_the_module_is_compiled_once(no_module, ziglang):
    ziglang("import sys; open(sys.argv[-1], 'wb').write(b'module')")
    assert building.wasm_module() == b"module"
    (cached,) = no_module.iterdir()
    assert re.fullmatch(r"signwise-[0-9a-f]{16}\.wasm", cached.name)
    cached.write_bytes(b"kept")
    building.wasm_module.cache_clear()
    assert building.wasm_module() == b"kept"


def test_without_ziglang(no_module, monkeypatch):
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TargetError) as caught:
        building.wasm_module()
    assert str(caught.value) == (
        "SW403: no compiler for WebAssembly: the package ziglang is not installed. "
        "Run `pip install ziglang`, then again"
    )


def test_ziglangs_own_words(no_module, ziglang):
    ziglang("import sys; sys.exit('error: no such CPU')")
    with pytest.raises(TargetError, match=r"(?s)^SW403: ziglang failed: .* cc -target wasm32-.*\nerror: no such CPU$"):
        building.wasm_module()
    assert not list(no_module.iterdir())


def test_a_cache_that_is_no_folder(no_module, ziglang):
    ziglang("")
    no_module.write_text("a file")
    with pytest.raises(TargetError) as caught:
        building.wasm_module()
    assert str(caught.value) == (
        f"SW403: cannot build the module in {no_module}: File exists. Set SIGNWISE_CACHE to a folder you can write to"
    )
