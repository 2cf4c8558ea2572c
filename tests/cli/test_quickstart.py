"""signwise quickstart: the whole of it on the smallest network, and its report."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from signwise.cli.findings import METHODS, OBJECTIVES, RECIPE
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
    assert (tags.open, tags.loads) == ([], [])
    assert tags.seen.count("svg") == 2
    assert tags.seen.count("table") == 2
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
