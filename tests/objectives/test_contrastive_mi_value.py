"""The value of ContrastiveMI against loops over images, one layer and one direction at a time."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from signwise.methods import get_method
from signwise.nn.layers import BinaryConv2d
from signwise.objectives import ContrastiveMI, Setting, Step

SAMPLES, CLASSES = 12, 3


class Net(nn.Module):
    """A real convolution and two binary ones; keeps what entered its binary layers."""

    def __init__(self) -> None:
        super().__init__()
        method = get_method("bireal")
        self.stem = nn.Conv2d(2, 3, 3, padding=1)
        self.first = BinaryConv2d(3, 4, 3, padding=1, method=method)
        self.second = BinaryConv2d(4, CLASSES, 3, padding=1, stride=2, method=method)
        self.entered: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        a = self.stem(x)
        b = self.first(a)
        self.entered = [a, b]
        return self.second(b).mean((2, 3))


def attached(net: nn.Module, **options: Any) -> ContrastiveMI:
    base = {"weight": 1.0, "beta": 1.0, "temperature": 0.3, "negatives": "batch", "pool": 2, "dim": 6}
    objective = ContrastiveMI(**(base | options))
    objective.attach(net, Setting(torch.randn(2, 2, 5, 6), samples=SAMPLES, classes=CLASSES))
    return objective


class Oracle:
    """The objective written as loops, on the tensors that entered the layers; keeps its own memory."""

    def __init__(self, objective: ContrastiveMI):
        self.objective = objective
        self.memory: list[tuple[int, int, list[list[Tensor]]]] = []
        self.log_c: dict[tuple[int, int], float] = {}

    def embed(self, net: Net) -> list[list[list[Tensor]]]:
        """[layer][side][image], side 0 binary."""
        size, out = self.objective.pool, []
        for k, a in enumerate(net.entered):
            signs = torch.where(a >= 0, 1.0, -1.0)
            sides = []
            for heads, x in ((self.objective.binary_heads, signs), (self.objective.real_heads, a)):
                pooled = F.adaptive_avg_pool2d(x, size).flatten(1)
                embedded = pooled @ heads[k].weight.T + heads[k].bias
                sides.append([row / row.norm() for row in embedded.detach()])
            out.append(sides)
        return out

    def loss(self, net: Net, step: Step) -> tuple[float, list[float]]:
        option, embedded = self.objective, self.embed(net)
        labels, indices = step.label.tolist(), step.index.tolist()
        layers, batch = len(embedded), len(labels)
        weighted, bounds = 0.0, []
        for k in range(layers):
            losses, counted, rows = [], [], {}
            for side in (0, 1):
                keys = [(embedded[k][1 - side][j], labels[j], indices[j], j) for j in range(batch)]
                keys += [(e[k][1 - side], label, index, -1) for index, label, e in self.memory]
                for b in range(batch):
                    anchor, positive, negative = embedded[k][side][b], [], []
                    for key, label, index, place in keys:
                        score = float(anchor @ key) / option.temperature
                        same_image, same_class = index == indices[b], label == labels[b]
                        if place == b or (option.labels == "positive" and same_class):
                            positive.append(score)
                        elif not same_image and not (option.labels != "ignore" and same_class):
                            negative.append(score)
                    rows[side, b] = positive, negative
                if (k, side) not in self.log_c:
                    known = [math.exp(s) for b in range(batch) for s in rows[side, b][1]]
                    self.log_c[k, side] = math.log(sum(known) / len(known))
                for b in range(batch):
                    positive, negative = rows[side, b]
                    n = len(negative)
                    if option.critic == "info_nce":
                        total = sum(math.exp(s) for s in positive + negative)
                        loss = sum(math.log(total / math.exp(s)) for s in positive) / len(positive)
                        n += len(positive)
                    else:
                        c = 1 / SAMPLES if option.critic == "nce_paper" else math.exp(self.log_c[k, side])
                        loss = sum(math.log1p(n * c / math.exp(s)) for s in positive) / len(positive)
                        loss += sum(math.log1p(math.exp(s) / (n * c)) for s in negative)
                    losses.append(loss)
                    counted.append(math.log(n))
            mean = sum(losses) / len(losses)
            bounds.append(sum(counted) / len(counted) - mean)
            weighted += mean / option.beta ** (layers - 1 - k)
        self.remember(embedded, labels, indices)
        return weighted, bounds

    def remember(self, embedded: list[list[list[Tensor]]], labels: list[int], indices: list[int]) -> None:
        """The queue keeps the latest visits, also two of one image; the bank one smoothed row for each image."""
        option = self.objective
        for b, index in enumerate(indices):
            new = [[side[b] for side in layer] for layer in embedded]
            if option.negatives == "bank":
                for old in [row for i, _, row in self.memory if i == index]:
                    new = [
                        [self.smooth(*pair) for pair in zip(*sides, strict=True)]
                        for sides in zip(old, new, strict=True)
                    ]
                self.memory = [row for row in self.memory if row[0] != index]
            self.memory.append((index, labels[b], new))
        keep = {"batch": 0, "queue": option.capacity, "bank": SAMPLES}[option.negatives]
        self.memory = self.memory[max(len(self.memory) - keep, 0) :]

    def smooth(self, old: Tensor, new: Tensor) -> Tensor:
        row = self.objective.momentum * old + (1 - self.objective.momentum) * new
        return row / row.norm()


def check_against_oracle(net: Net, objective: ContrastiveMI, batches: list[list[int]]) -> None:
    oracle = Oracle(objective)
    for index in batches:
        image, place = torch.randn(len(index), 2, 5, 6), torch.tensor(index)
        step = Step(image, place % CLASSES, place, net(image))
        expected, bounds = oracle.loss(net, step)
        assert objective(step).item() == pytest.approx(expected, rel=2e-4)
        assert [value.item() for value in objective.metrics.values()] == pytest.approx(bounds, rel=2e-4, abs=2e-4)


@pytest.mark.parametrize(
    ("critic", "labels"), list(product(["nce", "nce_paper", "info_nce"], ["ignore", "exclude", "positive"]))
)
def test_loss_and_metrics_are_the_loops(critic: str, labels: str) -> None:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, critic=critic, labels=labels, beta=1.5)
    check_against_oracle(net, objective, [[0, 1, 2, 3, 4], [9, 3, 5, 6, 10]])
    assert list(objective.metrics) == ["mi/first", "mi/second"]


@pytest.mark.parametrize("critic", ["nce", "info_nce"])
@pytest.mark.parametrize("labels", ["ignore", "exclude", "positive"])
def test_queue_adds_the_latest_images(labels: str, critic: str) -> None:
    """Capacity 5 is no multiple of the batch; an image met again is not its own negative."""
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, negatives="queue", capacity=5, labels=labels, critic=critic)
    check_against_oracle(net, objective, [[0, 1, 2], [3, 4, 5], [5, 7, 8], [9, 10, 11], [4, 1, 9]])


class WholeBank(nn.Module):
    """Stands in for the random draw: every row once."""

    def __init__(self, bank: Any):
        super().__init__()
        self.bank = bank
        self.store = bank.store

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.bank.rows.permute(1, 2, 0, 3).clone(), self.bank.label, self.bank.index


@pytest.mark.parametrize("critic", ["nce", "info_nce"])
@pytest.mark.parametrize("labels", ["ignore", "exclude", "positive"])
def test_bank_adds_one_row_per_image(labels: str, critic: str) -> None:
    torch.manual_seed(0)
    net = Net()
    objective = attached(net, negatives="bank", momentum=0.7, labels=labels, critic=critic)
    objective.memory = WholeBank(objective.memory)
    check_against_oracle(net, objective, [[0, 1, 2], [3, 4, 5], [5, 0, 8], [2, 1, 11]])
