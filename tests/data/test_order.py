import pytest
import torch

from signwise.core.errors import ConfigError
from signwise.data.order import Order


def rows(order, epoch=0, start=0):
    return [step.rows.tolist() for step in order.steps(epoch, start)]


def flat(order, epoch):
    return [row for batch in rows(order, epoch) for row in batch]


def test_without_seed_rows_come_in_their_own_order():
    assert rows(Order(7, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert rows(Order(7, 3, drop_last=True)) == [[0, 1, 2], [3, 4, 5]]


def test_every_epoch_is_another_permutation_and_each_is_repeatable():
    order = Order(50, 10, seed=3)
    first, second = flat(order, 0), flat(order, 1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert flat(Order(50, 10, seed=3), 0) == first
    assert flat(Order(50, 10, seed=-4), 0) != first


def test_order_does_not_touch_the_global_generator():
    before = torch.random.get_rng_state()
    list(Order(10, 5, seed=0).steps(0, columns=3))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_numbers_depend_on_seed_epoch_and_batch_only():
    def numbers(seed, epoch):
        return [step.numbers for step in Order(20, 5, seed).steps(epoch, columns=2)]

    seen = [number for key in [(0, 0), (0, 1), (1, 0)] for number in numbers(*key)]
    assert len({tuple(number.flatten().tolist()) for number in seen}) == len(seen)
    assert all(torch.equal(a, b) for a, b in zip(numbers(0, 1), numbers(0, 1), strict=True))
    assert all(((number >= 0) & (number < 1)).all() for number in seen)


def test_start_skips_whole_batches():
    order = Order(20, 6, seed=5)
    whole, rest = list(order.steps(2, 0, 3)), list(order.steps(2, 2, 3))
    assert len(rest) == 2
    assert all(
        torch.equal(a.rows, b.rows) and torch.equal(a.numbers, b.numbers) for a, b in zip(whole[2:], rest, strict=True)
    )


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 5, 12, 13])
def test_evaluation_rows_are_shared_without_repetition(world, size):
    ranks = [Order(size, 4, rank=rank, world=world) for rank in range(world)]
    for order in ranks:
        batches = rows(order)
        assert len(batches) == len(order)
        assert all(batches)
    assert sorted(row for order in ranks for batch in rows(order) for row in batch) == list(range(size))


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match=r"rank=2 of world=2: must be 0 <= rank < world"):
        Order(10, 2, rank=2, world=2)
    with pytest.raises(ConfigError, match=r"data\.batch_size=5 does not divide by the 2 ranks"):
        Order(10, 5, seed=0, world=2)
    with pytest.raises(
        ConfigError, match=r"data\.batch_size=20 is larger than the training set of 10 images.*drop_last=false"
    ):
        Order(10, 20, seed=0, drop_last=True)
    with pytest.raises(
        ConfigError, match=r"the last training batch has 1 images for 2 ranks; set data\.drop_last=true"
    ):
        Order(9, 4, seed=0, world=2)
