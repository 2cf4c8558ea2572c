import math

import pytest

from signwise.components.stage import Stage
from signwise.core.errors import ConfigError
from signwise.train.recipe import ScheduleConfig
from signwise.train.schedule import multiplier, plan, span_at


def test_cosine_with_warmup_follows_the_formula():
    schedule = ScheduleConfig("cosine", warmup=5)
    rates = [multiplier(schedule, epoch, 25) for epoch in range(25)]
    assert rates[:5] == [0.2, 0.4, 0.6, 0.8, 1.0]
    for epoch in range(5, 25):
        assert rates[epoch] == pytest.approx(0.5 * (1 + math.cos(math.pi * (epoch - 5) / 20)))


def test_linear_reaches_zero_at_the_end_and_step_drops_at_milestones():
    linear, step = ScheduleConfig("linear"), ScheduleConfig("step", milestones=(0.5, 0.75), gamma=0.1)
    assert [multiplier(linear, e, 4) for e in (0, 1, 4)] == [1.0, 0.75, 0.0]
    assert [multiplier(step, e, 8) for e in (0, 3, 4, 5, 6)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert multiplier(ScheduleConfig("constant"), 7, 8) == 1.0


def test_position_within_an_epoch_moves_the_rate():
    assert multiplier(ScheduleConfig("linear"), 1.5, 4) == pytest.approx(1 - 1.5 / 4)


@pytest.mark.parametrize("epochs", [2, 3, 7, 100])
def test_stages_cover_all_epochs_once(epochs):
    spans = plan((Stage(share=1), Stage(share=3)), epochs)
    assert [e for span in spans for e in range(span.start, span.stop)] == list(range(epochs))
    assert all(span.stop > span.start for span in spans)
    assert span_at(spans, epochs - 1) is spans[-1]


def test_too_few_epochs_for_the_plan():
    with pytest.raises(ConfigError, match=r"SW102: recipe: epochs=1 for a plan of 2 stages; allowed: 2 or more"):
        plan((Stage(), Stage()), 1)
