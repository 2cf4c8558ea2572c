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
    named = {"label": label, "group": group, "method": method, "seeds": [3, 5], "failed": [], "published": ""}
    return usual | named | changes


def table(*rows: dict[str, Any], **more: Any) -> list[str]:
    return markdown({"rows": rows, "versions": []} | more).splitlines()


def test_columns_without_a_value_are_left_out() -> None:
    assert table(row("irnet")) == [
        "| method | accuracy, last epoch | each seed | best epoch | epochs | seconds a run |",
        "|---|---|---|---|---|---|",
        "| irnet | 50.00 ± 10.00 | 40.00, 60.00 | 61.00 | 7 | 2.0 |",
    ]


def test_below_it_stand_seeds_machines_and_versions() -> None:
    here = {"signwise": "0.1.0", "machine": "x86_64", "processor": "AMD", "threads": 2, "gpus": [], "torch": "2.13.0"}
    lines = table(row("irnet"), row("bnn", seeds=[0, 3]), versions=[here, here | {"gpus": ["H200", "H200"]}])
    assert lines[-3:] == [
        "",
        "Seeds 0, 3, 5; AMD (x86_64), threads 2, signwise 0.1.0, torch 2.13.0.",
        "Seeds 0, 3, 5; H200, H200, threads 2, signwise 0.1.0, torch 2.13.0.",
    ]


def test_recipe_published_figure_failures_and_costs() -> None:
    none = {"mean": None, "std": None, "accuracies": [], "best_mean": None, "seconds": None}
    rows = [
        row("c/r20: irnet", published="86.5 % top-1, best test epoch [README]."),
        row("c/r18: irnet + contrastive_mi", published="None found [x]."),
        row("c/r18: bnn", failed=["SW303: bad", "SW303: worse"], **none),
    ]
    deployed = {"c/r20: irnet": {"bytes": 40152, "median_ms": 0.0925}}
    _, _, *lines = table(*rows, deployed=deployed)
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
