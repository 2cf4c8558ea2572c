"""The page in a real browser: what it computes, recognises and says."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from torch import nn

import signwise
from signwise.cli.compile import compile_folder
from signwise.compiler.plan import write
from signwise.compiler.text import parse
from signwise.export import wasm_module as building
from signwise.export.wasm import export_wasm, page
from signwise.nn.pixels import Pixels
from signwise.train import fit, load_recipe
from tests.export.browser import CHROMIUM, Browser
from tests.export.test_wasm import CLASSIFIER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM or not importlib.util.find_spec("ziglang"), reason="needs chromium and the package ziglang"
    ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def network(shape, classes):
    torch.manual_seed(0)
    method = signwise.get_method("irnet")
    model = signwise.create_model("resnet8", classes, shape[0], method.wiring)
    signwise.binarize_(model, method)
    whole = nn.Sequential(Pixels([0.5] * shape[0], [0.25] * shape[0]), model).eval()
    return signwise.lower(whole, torch.zeros(1, *shape), {"classes": "\n".join(map(str, range(classes)))})


@pytest.mark.parametrize("shape, classes, samples", [((1, 8, 8), 10, 10), ((3, 16, 16), 3, 0), ((1, 28, 28), 12, 0)])
def test_the_browser_computes_what_python_does(shape, classes, samples, tmp_path, browser):
    plan = network(shape, classes).to_bytes()
    browser.open(export_wasm(plan, tmp_path / "page.html"), "#selftest")
    found = json.loads(browser.evaluate("document.getElementById('selftest').textContent"))
    at = np.arange(np.prod(shape))
    images = np.stack([(at * at * 7 + at * 31 + index * 101) % 256 for index in range(4)])
    wanted = signwise.load(plan)(images.reshape(4, *shape).astype(np.float32)).reshape(4, classes)
    np.testing.assert_allclose(found["images"], wanted, rtol=0, atol=1e-6 * abs(wanted).max())
    assert found["target"] == "wasm" and np.shape(found["samples"])[:1] == (samples,)
    assert browser.evaluate("document.querySelectorAll('li').length") == min(classes, 10)
    assert browser.evaluate("document.body.className") == "ready"


def test_the_browser_says_in_words_what_is_wrong(tmp_path, browser):
    graph = parse(CLASSIFIER)
    plan = bytearray(write(graph))
    plan[-1] ^= 1
    path = tmp_path / "page.html"
    path.write_text(page(graph, bytes(plan), building.wasm_module()))
    browser.open(path)
    assert browser.evaluate("document.body.className") == "failed"
    assert browser.evaluate("document.getElementById('error').innerText") == (
        "The network cannot run here: the checksum does not match: the file is damaged. "
        "A current Chrome, Edge, Firefox or Safari can."
    )


@pytest.mark.parametrize("lack", ["delete globalThis.WebAssembly", "WebAssembly.validate = () => false"])
def test_a_browser_without_simd(lack, tmp_path, browser):
    path = export_wasm(write(parse(CLASSIFIER)), tmp_path / "page.html")
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=lack)["identifier"]
    browser.open(path)
    browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    assert browser.evaluate("document.getElementById('error').innerText") == (
        "The network cannot run here: this browser lacks WebAssembly with SIMD. "
        "A current Chrome, Edge, Firefox or Safari can."
    )


# Digits as a hand draws them, not those of the page: strokes of points from 0 to 1, some of them small and off centre.
HAND = (
    (((0.5, 0.2), (0.37, 0.35), (0.35, 0.6), (0.45, 0.8), (0.58, 0.72), (0.64, 0.5), (0.6, 0.28), (0.5, 0.2)),),
    (((0.55, 0.15), (0.5, 0.5), (0.46, 0.85)),),
    (((0.32, 0.28), (0.45, 0.17), (0.6, 0.2), (0.64, 0.35), (0.5, 0.6), (0.32, 0.83), (0.68, 0.83)),),
    (
        (
            (0.34, 0.22),
            (0.5, 0.15),
            (0.64, 0.25),
            (0.6, 0.4),
            (0.46, 0.47),
            (0.62, 0.55),
            (0.66, 0.7),
            (0.5, 0.84),
            (0.33, 0.78),
        ),
    ),
    (((0.6, 0.8), (0.6, 0.2), (0.3, 0.6), (0.75, 0.6)),),
    (((0.64, 0.27), (0.44, 0.27), (0.42, 0.45), (0.52, 0.43), (0.62, 0.5), (0.64, 0.62), (0.55, 0.73), (0.4, 0.7)),),
    (
        (
            (0.56, 0.14),
            (0.4, 0.35),
            (0.33, 0.6),
            (0.38, 0.8),
            (0.52, 0.85),
            (0.65, 0.76),
            (0.64, 0.6),
            (0.5, 0.54),
            (0.36, 0.64),
        ),
    ),
    (((0.3, 0.18), (0.7, 0.16), (0.46, 0.84)), ((0.36, 0.52), (0.64, 0.5))),
    (((0.62, 0.25), (0.5, 0.16), (0.4, 0.27), (0.6, 0.62), (0.52, 0.83), (0.4, 0.7), (0.6, 0.35), (0.62, 0.25)),),
    (((0.62, 0.3), (0.5, 0.18), (0.38, 0.32), (0.48, 0.48), (0.6, 0.4), (0.63, 0.28), (0.6, 0.85)),),
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The page of a digits network, trained for a while."""
    folder = tmp_path_factory.mktemp("digits")
    fit(load_recipe("digits/resnet8_irnet").replace(epochs=25), folder)
    compiled = compile_folder(str(folder), samples=0)
    return export_wasm(compiled.program.to_bytes(), folder / "page.html")


@pytest.mark.parametrize("touch, width", [(False, 1280), (True, 390)])
def test_drawings_by_hand_are_recognised(touch, width, digits, browser):
    browser.open(digits, width=width, touch=touch)
    seen = []
    for strokes in HAND:
        browser.evaluate("document.getElementById('clear').click()")
        box = "(({left, top, width}) => [left, top, width])(document.getElementById('board').getBoundingClientRect())"
        left, top, side = browser.evaluate(box)
        for stroke in strokes:
            browser.draw([(left + side * x, top + side * y) for x, y in stroke], touch=touch)
        seen.append(browser.evaluate("document.querySelector('#best b').textContent"))
    assert sum(answer == str(digit) for digit, answer in enumerate(seen)) >= 9, seen


def test_the_board_answers_to_keys_and_buttons(digits, browser):
    answer = "document.querySelector('#best b').textContent"
    browser.open(digits)
    browser.press("8")
    browser.wait(f"{answer} === '8' && document.getElementById('hint').textContent.includes('Your turn')")
    browser.press("Escape")
    assert browser.evaluate(answer) == "\N{EN DASH}"
    browser.evaluate("document.getElementById('board').focus()")
    for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", " ", *["ArrowDown"] * 10, " ", "ArrowLeft"):
        browser.press(key)
    assert browser.evaluate(answer) == "1"
    browser.evaluate("document.querySelector('#samples button').click()")
    browser.wait(f"{answer} === '0'")


def test_the_page_asks_for_nothing_and_complains_of_nothing(digits, browser):
    browser.events.clear()
    browser.open(digits)
    browser.press("5")
    browser.wait("document.querySelector('#best b').textContent === '5'")
    asked = [event["params"]["request"]["url"] for event in browser.events if "requestWillBeSent" in event["method"]]
    assert [url for url in asked if not url.startswith("file:")] == [] and len(asked) == 1
    assert not [event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
