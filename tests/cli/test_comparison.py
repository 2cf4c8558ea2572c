"""What compare and reproduce print."""

import json
from pathlib import Path
from typing import Any

import pytest

from signwise.cli.comparison import markdown

ROOT = Path(__file__).parents[2]


def row(label: str, **changes: Any) -> dict[str, Any]:
    group, _, method = label.rpartition(": ")
    usual = {"mean": 0.5, "std": 0.1, "accuracies": [0.4, 0.6], "best_mean": 0.61, "seconds": 2.04, "epochs": 7}
    return usual | {"label": label, "group": group, "method": method, "failed": [], "published": ""} | changes


def test_columns_without_a_value_are_left_out() -> None:
    assert markdown({"rows": [row("irnet")]}).splitlines() == [
        "| method | accuracy, last epoch | each seed | best epoch | epochs | seconds a run |",
        "|---|---|---|---|---|---|",
        "| irnet | 50.00 ± 10.00 | 40.00, 60.00 | 61.00 | 7 | 2.0 |",
    ]


def test_recipe_published_figure_failures_and_costs() -> None:
    none = {"mean": None, "std": None, "accuracies": [], "best_mean": None, "seconds": None}
    rows = [
        row("c/r20: irnet", published="86.5 % top-1, best test epoch [README]."),
        row("c/r18: irnet + contrastive_mi", published="None found [x]."),
        row("c/r18: bnn", failed=["SW303: bad", "SW303: worse"], **none),
    ]
    deployed = {"c/r20: irnet": {"bytes": 40152, "median_ms": 0.0925}}
    _, _, *lines = markdown({"rows": rows, "deployed": deployed}).splitlines()
    assert lines == [
        "| c/r20 | irnet | 86.5 % top-1, best test epoch | 50.00 ± 10.00 | 40.00, 60.00 | 61.00 | 7 | 2.0 |  |"
        " 40,152 | 92.5 |",
        "| c/r18 | irnet + contrastive_mi |  | 50.00 ± 10.00 | 40.00, 60.00 | 61.00 | 7 | 2.0 |  | - | - |",
        "| c/r18 | bnn |  | - | - | - | 7 |  | SW303: bad; SW303: worse | - | - |",
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*.json")), ids=lambda path: path.stem)
def test_the_page_of_results_shows_what_is_kept(path: Path) -> None:
    table = markdown(json.loads(path.read_text(encoding="utf-8")))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert table in page, f"put this table of {path.name} into docs/results.md:\n{table}"
