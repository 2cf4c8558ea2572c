"""Two processes with half a batch each against one process with the whole batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from signwise.methods import get_method
from signwise.nn.layers import BinaryConv2d, BinaryLinear
from signwise.objectives import ContrastiveMI, ContrastiveTeacher, Objective, Setting, Step
from signwise.objectives.gather import gather, gather_constant, rank

SAMPLES, CLASSES, RANKS = 16, 3, 2
STEPS = ([0, 1, 2, 3, 4, 5], [6, 7, 8, 1, 10, 11], [3, 13, 0, 15, 2, 9])
CASES: dict[str, dict[str, Any]] = {
    "batch": {},
    "exclude": {"labels": "exclude"},
    "queue": {"negatives": "queue", "capacity": 8, "labels": "positive"},
    "nce": {"critic": "nce"},
    "nce_queue": {"critic": "nce", "negatives": "queue", "capacity": 9},
    "one_sided": {"gradient": "binary", "critic": "nce_paper"},
}


def test_a_single_process_gathers_nothing() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    assert gather(x) is x
    assert rank() == 0
    constant = gather_constant(x)
    assert torch.equal(constant, x)
    assert not constant.requires_grad


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    method = get_method("bireal")
    body = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), BinaryConv2d(4, 5, 3, method=method))
    student = nn.Sequential(body, nn.Flatten(), BinaryLinear(45, 6, method=method), nn.Linear(6, CLASSES))
    return student, nn.Sequential(nn.Flatten(), nn.Linear(50, CLASSES))


def train(objective: Objective, student: nn.Module, part: slice) -> dict[str, Any]:
    """Losses, the last step's gradients averaged over the ranks as DDP does, and the final buffers."""
    setting = Setting(torch.randn(2, 2, 5, 5), samples=SAMPLES, classes=CLASSES)
    objective.attach(student, setting)
    torch.manual_seed(3)
    images, losses = torch.randn(SAMPLES, 2, 5, 5), []
    parameters = [*student.named_parameters(), *objective.named_parameters()]
    for index in STEPS:
        place = torch.tensor(index)[part]
        for _, parameter in parameters:
            parameter.grad = None
        torch.manual_seed(4)
        loss = objective(Step(images[place], place % CLASSES, place, student(images[place])))
        loss.backward()
        losses.append(average(loss.detach()))
    gradients = {name: average(p.grad) for name, p in parameters if p.grad is not None}
    metrics = {name: average(value) for name, value in objective.metrics.items()}
    buffers = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    return {"losses": torch.stack(losses), "gradients": gradients, "metrics": metrics, "buffers": buffers}


def average(x: Tensor) -> Tensor:
    x = x.clone()
    if dist.is_initialized():
        dist.all_reduce(x)
        x /= dist.get_world_size()
    return x


def contrastive_mi(part: slice, **options: Any) -> dict[str, Any]:
    student, _ = networks()
    base = {"weight": 1.0, "critic": "info_nce", "negatives": "batch", "labels": "ignore", "gradient": "both"}
    objective = ContrastiveMI(**(base | {"temperature": 0.3, "pool": 2, "dim": 6} | options))
    return train(objective, student, part)


def contrastive_teacher(part: slice) -> dict[str, Any]:
    student, teacher = networks()
    objective = ContrastiveTeacher(teacher, negatives=7, dim=6)
    return train(objective, student, part)


def gathered() -> dict[str, Any]:
    """Rank order and the gradient of :func:`gather`: rank r weighs row j of all rows by (r + 1)(j + 1)."""
    me = dist.get_rank()
    x = torch.tensor([[10.0 * me], [10.0 * me + 1]], requires_grad=True)
    rows = gather(x)
    (rows[:, 0] * (me + 1) * torch.arange(1.0, 5.0)).sum().backward()
    return {"rank": rank(), "rows": rows.detach(), "constant": gather_constant(x), "grad": x.grad}


def work(me: int, folder: str) -> None:
    """One rank: every case in turn, results into a file."""
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=me, world_size=RANKS)
    part = slice(3 * me, 3 * me + 3)
    results: dict[str, Any] = {name: contrastive_mi(part, **options) for name, options in CASES.items()}
    results |= {"teacher": contrastive_teacher(part), "gathered": gathered()}
    torch.save(results, Path(folder) / f"{me}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(work, (str(folder),), nprocs=RANKS)
    return [torch.load(folder / f"{me}.pt") for me in range(RANKS)]


def test_rows_come_in_rank_order_and_gradients_go_home(ranks: list[dict[str, Any]]) -> None:
    for me, result in enumerate(results["gathered"] for results in ranks):
        assert result["rank"] == me
        assert result["rows"].flatten().tolist() == result["constant"].flatten().tolist() == [0.0, 1.0, 10.0, 11.0]
        assert result["grad"].flatten().tolist() == [3.0 * (2 * me + 1), 3.0 * (2 * me + 2)]


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_equal_one_process_with_the_whole_batch(case: str, ranks: list[dict[str, Any]]) -> None:
    """Losses, metrics and gradients, averaged as DDP averages them, and each rank's memory and normalizer."""
    options = CASES[case]
    whole = contrastive_mi(slice(None), **options)
    assert any(gradient.abs().max() > 1e-4 for gradient in whole["gradients"].values())
    for results in ranks:
        torch.testing.assert_close(results[case], whole, rtol=1e-4, atol=1e-5, equal_nan=True)


def test_teacher_banks_and_normalizer_agree_on_all_ranks(ranks: list[dict[str, Any]]) -> None:
    first, second = (results["teacher"]["buffers"] for results in ranks)
    torch.testing.assert_close(first, second)
    visited = sorted({i for index in STEPS for i in index})
    assert [i for i, label in enumerate(first["bank.label"].tolist()) if label >= 0] == visited
    whole = contrastive_teacher(slice(None))["buffers"]
    torch.testing.assert_close(first["bank.rows"], whole["bank.rows"], rtol=1e-4, atol=1e-5)
    assert torch.equal(first["bank.label"], whole["bank.label"])
