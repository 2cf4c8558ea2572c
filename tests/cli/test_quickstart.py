"""signwise quickstart: the whole of it on the smallest network, and its report."""

import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from signwise.cli.findings import METHODS, OBJECTIVES, RECIPE
from signwise.core.errors import TargetError
from signwise.train import load_recipe
from signwise.train.compare import cells

Call = Callable[..., tuple[int, str, str]]
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Tags(HTMLParser):
    """Checks that what is opened is closed, and collects every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[tuple[str, str | None]] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.loads += [
            (name, value) for name, value in attrs if name in ("src", "href", "xlink:href", "data", "action")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def small(tiny: list[str]) -> list[str]:
    return [*tiny, "--seeds", "0", "1", "--objectives.contrastive_mi.dim", "8", "--epochs", "2"]


def test_trains_prints_and_writes_a_report_that_loads_nothing(tmp_path: Path, small: list[str], call: Call) -> None:
    code, out, _ = call("quickstart", *small, "--out", tmp_path)
    assert code == 0
    assert "irnet + contrastive_mi" in out
    assert "body.stage3.0.unit2.branch.conv" in out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\((?!#)|@import|<script|<link|<img|<iframe", page)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert set(tags.loads) == {("href", "digits.swn"), *[("href", "demo.html")] * (tmp_path / "demo.html").exists()}
    assert tags.seen.count("svg") == 2
    assert tags.seen.count("table") == 3
    assert not re.search(r"\$[a-z]", page)
    assert f"signwise quickstart --seeds 0 1 --out {tmp_path}" in page


def test_json_has_costs_and_information(tmp_path: Path, small: list[str], call_json: Callable[..., Any]) -> None:
    code, facts = call_json("quickstart", *small, "--out", tmp_path)
    assert code == 0
    assert [row["label"] for row in facts["rows"]] == ["float", "irnet", "irnet + contrastive_mi"]
    assert facts["costs"]["binary"]["bytes"] < facts["costs"]["float"]["bytes"]
    assert facts["costs"]["binary"]["ops"] < facts["costs"]["float"]["ops"]
    assert {len(curve) for curve in facts["information"].values()} == {2}
    assert Path(facts["report"]).exists()
    compiled = facts["compiled"]
    assert compiled["bytes"] == (tmp_path / "digits.swn").stat().st_size < compiled["twin"]["bytes"]
    assert compiled["verification"]["ok"] and compiled["median_ms"] > 0 < compiled["twin"]["median_ms"]
    assert (compiled["engine"].split()[0], compiled["twin"]["engine"].split()[0]) == ("signwise,", "ONNX")


def test_what_is_missing_is_said_and_left_out(
    tmp_path: Path, small: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler() -> bytes:
        raise TargetError("no compiler for WebAssembly")

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("signwise.export.wasm.wasm_module", no_compiler)
    code, out, said = call("quickstart", *small, "--seeds", "0", "--out", tmp_path)
    assert code == 0
    assert "the float twin is not timed (import of onnxruntime halted" in said
    assert "no web page (SW403: no compiler for WebAssembly)" in said
    assert "demo.html" not in out
    assert "The page to draw on was not written" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written(tmp_path: Path, small: list[str], call: Call) -> None:
    (tmp_path / "report.html").mkdir()
    code, _, said = call("quickstart", *small, "--seeds", "0", "--out", tmp_path)
    assert code == 2
    assert f"SW302: cannot write {tmp_path / 'report.html'}: Is a directory." in said


def test_the_recipe_with_the_objective_differs_in_nothing_else() -> None:
    plain, cmim = load_recipe("digits/resnet8_irnet"), load_recipe(RECIPE)
    assert set(cmim.objectives) == {"contrastive_mi"}
    assert plain == cmim.replace(objectives={}, published=plain.published)
    assert len(cells(cmim, METHODS, OBJECTIVES, (0, 1, 2))) == 9


@pytest.mark.slow
def test_one_bit_comes_within_a_point_of_floats(tmp_path: Path, call_json: Callable[..., Any]) -> None:
    _, facts = call_json("quickstart", "--out", tmp_path)
    means = {row["label"]: row["mean"] for row in facts["rows"]}
    assert means["float"] - means["irnet"] < 0.01
    assert means["float"] - means["irnet + contrastive_mi"] < 0.01
