"""Queue and bank against python lists."""

import random

import pytest
import torch
from torch import Tensor

from signwise.objectives.memory import Bank, Queue


def unit_rows(*shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2), (3, 3, 3), (1, 4, 2, 5, 3), (5, 5), (7, 1, 12, 2)], ids=str)
def test_queue_holds_the_latest_rows(sizes: tuple[int, ...]) -> None:
    """Whatever the batch sizes, also above the queue's: the last five rows stored, each with its label and index."""
    torch.manual_seed(0)
    queue, stored, seen = Queue(2, 5, 3), [], 0
    for size in sizes:
        embeddings, index = unit_rows(2, 2, size, 3), torch.arange(seen, seen + size)
        queue.store(embeddings, index % 4, index)
        stored += [(int(i), int(i) % 4, embeddings[:, :, k]) for k, i in enumerate(index)]
        seen += size
        rows, label, index = queue.draw()
        assert rows.shape == (2, 2, 5, 3)
        latest = {i: (one_label, row) for i, one_label, row in stored[-5:]}
        assert sorted(i for i in index.tolist() if i >= 0) == sorted(latest)
        for place, i in enumerate(index.tolist()):
            if i >= 0:
                assert int(label[place]) == latest[i][0]
                assert torch.equal(rows[:, :, place], latest[i][1])
            else:
                assert int(label[place]) == -1
                assert not rows[:, :, place].any()


def test_queue_overwrites_the_oldest_row_first() -> None:
    queue = Queue(1, 4, 2)
    for index in range(6):
        queue.store(unit_rows(2, 1, 1, 2), torch.tensor([0]), torch.tensor([index]))
    assert queue.index.tolist() == [4, 5, 2, 3]
    assert int(queue.head) == 2


def test_rows_drawn_before_a_store_keep_their_values_for_the_backward() -> None:
    """The graph of a step holds the drawn rows; a store before its backward must not reach them."""
    for memory in (Queue(1, 3, 2), Bank(1, 3, 2, draws=3, momentum=0.5)):
        memory.store(unit_rows(2, 1, 3, 2), torch.zeros(3, dtype=torch.long), torch.arange(3))
        anchor = torch.randn(2, 1, 4, 2, requires_grad=True)
        rows = memory.draw()[0]
        before = rows.clone()
        out = (anchor @ rows.transpose(-1, -2)).sum()
        memory.store(unit_rows(2, 1, 3, 2), torch.zeros(3, dtype=torch.long), torch.arange(3))
        out.backward()
        assert anchor.grad is not None
        torch.testing.assert_close(anchor.grad, before.sum(2, keepdim=True).expand_as(anchor))


def test_stored_embeddings_carry_no_gradient() -> None:
    for memory in (Queue(1, 3, 2), Bank(1, 3, 2, draws=2, momentum=0.5)):
        memory.store(torch.randn(2, 1, 2, 2, requires_grad=True), torch.tensor([0, 1]), torch.tensor([0, 2]))
        assert not memory.rows.requires_grad


def test_bank_smooths_over_visits() -> None:
    torch.manual_seed(0)
    bank, mirror = Bank(2, 6, 3, draws=4, momentum=0.7), {}
    for _ in range(12):
        index = torch.tensor(random.Random(len(mirror)).sample(range(5), 2))
        embeddings = unit_rows(2, 2, 2, 3)
        bank.store(embeddings, index % 2, index)
        for k, i in enumerate(index.tolist()):
            new = embeddings[:, :, k]
            row = 0.7 * mirror[i] + 0.3 * new if i in mirror else new
            mirror[i] = row / row.norm(dim=-1, keepdim=True)
        for i in range(6):
            if i in mirror:
                torch.testing.assert_close(bank.rows[i], mirror[i])
                assert (int(bank.label[i]), int(bank.index[i])) == (i % 2, i)
            else:
                assert int(bank.index[i]) == int(bank.label[i]) == -1


def test_bank_draws_rows_with_their_own_label_and_index() -> None:
    torch.manual_seed(0)
    bank = Bank(1, 50, 4, draws=20, momentum=0.5)
    bank.store(unit_rows(2, 1, 50, 4), torch.arange(50) % 7, torch.arange(50))
    places = set()
    for _ in range(20):
        rows, label, index = bank.draw()
        assert rows.shape == (2, 1, 20, 4)
        assert torch.equal(label, index % 7)
        assert torch.equal(rows, bank.rows[index].permute(1, 2, 0, 3))
        places |= set(index.tolist())
    assert len(places) == 50


def test_bank_draws_no_more_rows_than_it_has() -> None:
    assert Bank(1, 3, 2, draws=4096, momentum=0.5).draw()[0].shape == (2, 1, 3, 2)


@pytest.mark.parametrize("make", [lambda: Queue(1, 4, 2), lambda: Bank(1, 4, 2, draws=4, momentum=0.5)])
def test_state_dict_carries_the_memory_over(make: object) -> None:
    memory, other = make(), make()  # type: ignore[operator]
    memory.store(unit_rows(2, 1, 3, 2), torch.tensor([1, 0, 1]), torch.tensor([2, 0, 1]))
    other.load_state_dict(memory.state_dict())
    more = unit_rows(2, 1, 2, 2)
    for one in (memory, other):
        one.store(more, torch.tensor([0, 0]), torch.tensor([3, 1]))
    for name, value in memory.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_backward_pass_behind_the_next_draw_is_an_error_and_no_wrong_gradient() -> None:
    bank = Bank(1, 5, 2, draws=3, momentum=0.5)
    anchor = torch.randn(2, 1, 4, 2, requires_grad=True)
    out = (anchor @ bank.draw()[0].mT).sum()
    bank.draw()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()
