"""The real sets, where they are: SIGNWISE_DATA, or ../shared/data beside the checkout."""

import os
from pathlib import Path

import pytest
import torch

from signwise.data import DataConfig, open_data
from signwise.data.images import moments

HOME = Path(os.environ.get("SIGNWISE_DATA") or Path(__file__).parents[3] / "shared" / "data")


def need(name):
    if not (HOME / name).is_dir():
        pytest.skip(f"{name} is not in {HOME}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "train", "shape"), [("fashion_mnist", 60000, (1, 28, 28)), ("cifar10", 50000, (3, 32, 32))]
)
def test_sets_have_their_published_counts_and_moments(name, train, shape):
    need(name)
    data = open_data(DataConfig(name, path=str(HOME)))
    assert (data.train_size, data.eval_size, (data.channels, *data.size)) == (train, 10000, shape)
    assert data.train.labels.bincount().tolist() == [train // 10] * 10
    assert data.evaluation.labels.bincount().tolist() == [1000] * 10
    mean, std = moments(data.train.images)
    assert mean == pytest.approx(data.train.mean, abs=1e-3)
    assert std == pytest.approx(data.train.std, abs=1e-3)
    batch = next(iter(data.train_loader(0)))
    assert batch.image.shape == (128, *shape)
    again = open_data(DataConfig(name, path=str(HOME)))
    assert again.train.images.equal(data.train.images)
    assert again.classes == data.classes


def test_tiny_imagenet_is_decoded_from_disk():
    need("tiny_imagenet_10")
    config = DataConfig(
        "imagenet", path=str(HOME / "tiny_imagenet_10"), image_size=64, batch_size=64, train_samples=256
    )
    data = open_data(config)
    assert (data.train_size, data.eval_size, len(data.classes), data.size) == (256, 500, 10, (64, 64))
    batches = list(data.train_loader(seed=0))
    assert sorted(torch.cat([batch.index for batch in batches]).tolist()) == list(range(256))
    images = torch.cat([batch.image for batch in data.eval_loader()])
    assert images.shape == (500, 3, 64, 64)
    assert images.mean().abs() < 0.2
    assert 0.8 < images.std() < 1.3
