"""Charts: where the points land, and what text they become."""

import re

from signwise.cli.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Line, line_chart, sparkline


def test_ends_of_a_line_land_on_the_corners_of_the_frame() -> None:
    svg = line_chart([Line("a", ((0.0, 0.0), (10.0, 0.0)))], 0.0, 10.0, 5.0, "unit")
    (points,) = re.findall(r'<polyline class="line s0" points="([^"]*)"', svg)
    assert points == f"{LEFT:.1f},{HEIGHT - BOTTOM:.1f} {WIDTH - RIGHT:.1f},{TOP:.1f}"
    assert re.findall(r'text-anchor="end">([^<]*)<', svg) == ["0", "5", "10"]


def test_one_epoch_and_awkward_labels() -> None:
    svg = line_chart([Line("<a&b>", ((1.0, 0.5),))], 0.0, 2.0, 1.0, "unit")
    assert "&lt;a&amp;b&gt;" in svg
    assert "<a&b>" not in svg


def test_sparkline_is_clamped_and_keeps_the_last_value() -> None:
    assert sparkline([-5.0, 5.0], 0.0, 1.0) == "▁█"
    assert sparkline([0.5], 0.0, 1.0) == "▅"
    line = sparkline([0.0] * 99 + [1.0], 0.0, 1.0, width=10)
    assert line == "▁" * 9 + "█"
