"""The pictures of a comparison: what is drawn of the figures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from signwise.cli import figures
from signwise.train.compare import Row


def row(objective: str, *accuracies: float, recipe: str = "r", **varied: Any) -> Row:
    mean, std = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    return Row(
        group="-".join([recipe, *(f"{key}={value}" for key, value in varied.items())]),
        varied={f"objectives.mi.{key}": value for key, value in varied.items()},
        method="irnet",
        objective=objective,
        seeds=tuple(range(len(accuracies))),
        accuracies=accuracies,
        mean=mean,
        std=std,
        best_mean=mean,
        seconds=1.0,
        failed=(),
        epochs=6,
        published="",
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    kept: list[Figure] = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: kept.append(figure))
    return kept


def test_each_option_that_varies_has_a_panel_with_the_other_rows_across(drawn: list[Figure]) -> None:
    weights = [row("mi", 0.5, 0.7, weight=0.1), row("mi", 0.6, 0.9, weight=10.0)]
    words = [row("mi", 0.4, 0.5, layers=["*a*", "b"]), row("mi", 0.1, 0.2, layers=["*c*"])]
    switch = [row("mi", 0.3, 0.4, frozen=False)]
    teacher = row("none", 0.9, 0.9, recipe="float")
    figures.save_sweeps([teacher, row("none", 0.7, 0.8), row("mi", 0.8, 0.8), *weights, *words, *switch], Path("x.png"))
    (figure,) = drawn
    panels = {axis.get_xlabel(): axis for axis in figure.axes}
    assert list(panels) == ["mi.weight", "mi.layers", "mi.frozen"]
    curve = panels["mi.weight"].containers[0].lines[0]
    np.testing.assert_allclose(curve.get_xdata(orig=False), [0.1, 10])
    np.testing.assert_allclose(curve.get_ydata(orig=False), [60, 75])
    assert panels["mi.weight"].get_xscale() == "log"
    for axis in panels.values():
        across = [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"]
        np.testing.assert_allclose(across, [75, 80])
    assert [label.get_text() for label in panels["mi.layers"].get_xticklabels()] == ["*a* b", "*c*"]
    assert [label.get_text() for label in panels["mi.frozen"].get_xticklabels()] == ["False"]


def test_one_seed_draws_and_nothing_varied_draws_nothing(drawn: list[Figure], tmp_path: Path) -> None:
    figures.save_sweeps([row("none", 0.7, 0.8)], tmp_path / "x.png")
    assert not drawn
    figures.save_sweeps([replace(row("mi", 0.5, 0.6, weight=1.0), std=None, accuracies=(0.5,))], tmp_path / "x.png")
    assert len(drawn) == 1


def test_the_picture_is_written(tmp_path: Path) -> None:
    figures.save_sweeps([row("mi", 0.5, 0.6, weight=1.0), row("none", 0.5, 0.6)], tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
