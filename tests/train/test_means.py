"""An epoch's means go on, with as many ranks as before or with others."""

import pytest
import torch

from signwise.train.means import Means


def ranks(values, gather=torch.stack):
    """The state that ranks with one loss each, of two samples, save together."""
    means = [Means() for _ in values]
    for mean, value in zip(means, values, strict=True):
        mean.add("loss", torch.tensor(value), 2)
    tables = []
    for mean in means:
        mean.state_dict(lambda table: tables.append(table) or table)
    return means[0].state_dict(lambda table: gather(tables))


def overall(state, world):
    """The mean over all samples when ``world`` ranks go on, each with one more sample of loss 10."""
    parts = []
    for rank in range(world):
        means = Means()
        means.load_state_dict(state, rank, world)
        means.add("loss", torch.tensor(10.0), 1)
        parts.append(means.take()["loss"])
    return sum(mean.item() * size for mean, size in parts) / sum(size for _, size in parts)


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_no_sum_is_lost_whatever_the_number_of_ranks(world):
    assert overall(ranks([1.0, 4.0, 7.0]), world) == pytest.approx((2 * 1 + 2 * 4 + 2 * 7 + world * 10) / (6 + world))


def test_a_rank_gets_its_own_sum_back():
    means = Means()
    means.load_state_dict(ranks([1.0, 4.0, 7.0]), rank=1, world=3)
    assert means.take() == {"loss": (torch.tensor(4.0), 2)}
    assert means.take() == {}


def test_an_epoch_without_sums_saves_none():
    means = Means()
    means.load_state_dict(Means().state_dict(torch.clone), rank=0, world=1)
    assert means.take() == {}
