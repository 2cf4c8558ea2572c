"""Where a run stands in its stage plan, and the learning rate there: pure functions of the epoch and the step.

Nothing here has state, so a resumed run cannot disagree with one that was never stopped.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from signwise.components.stage import Stage
from signwise.core.errors import ConfigError
from signwise.core.progress import Progress
from signwise.train.recipe import ScheduleConfig


@dataclass(frozen=True)
class Span:
    """One stage and the epochs it covers: start <= epoch < stop."""

    stage: Stage
    start: int
    stop: int

    def progress(self, epoch: int) -> Progress:
        """The epoch counted within the stage."""
        return Progress(epoch - self.start, self.stop - self.start)


def plan(stages: tuple[Stage, ...], epochs: int) -> tuple[Span, ...]:
    """Divide the epochs over the stages in proportion to their shares; each gets one at least.

    >>> [(span.start, span.stop) for span in plan((Stage(), Stage(share=2)), 9)]
    [(0, 3), (3, 9)]
    """
    if epochs < len(stages):
        raise ConfigError(f"recipe: epochs={epochs} for a plan of {len(stages)} stages; allowed: {len(stages)} or more")
    total = sum(stage.share for stage in stages)
    edges, done = [0], 0.0
    for number, stage in enumerate(stages, 1):
        done += stage.share
        edges.append(min(max(round(epochs * done / total), edges[-1] + 1), epochs - (len(stages) - number)))
    return tuple(Span(stage, *edge) for stage, edge in zip(stages, pairwise(edges), strict=True))


def span_at(spans: tuple[Span, ...], epoch: int) -> Span:
    """The span that covers an epoch."""
    return next(span for span in spans if span.start <= epoch < span.stop)


def multiplier(schedule: ScheduleConfig, position: float, epochs: int) -> float:
    """Learning rate over its peak at ``position`` epochs into a stage of ``epochs``.

    Warm-up of w epochs: (position + 1) / w. Then with x = (position - w) / (epochs - w):
    cosine (1 + cos pi x)/2; linear 1 - x; step gamma^(milestones passed); constant 1.

    >>> multiplier(ScheduleConfig(), 5, 10)
    0.5
    """
    if position < schedule.warmup:
        return min((position + 1) / schedule.warmup, 1.0)
    x = (position - schedule.warmup) / max(epochs - schedule.warmup, 1)
    if schedule.name == "cosine":
        return (1 + math.cos(math.pi * x)) / 2
    if schedule.name == "linear":
        return 1 - x
    if schedule.name == "step":
        return schedule.gamma ** sum(x >= milestone for milestone in schedule.milestones)
    return 1.0
