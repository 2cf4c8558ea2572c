"""A training run small enough for tests: 256 digits, an MLP with one hidden binary layer."""

import pytest

from signwise.data import DataConfig
from signwise.train.recipe import OptimizerConfig, Recipe


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        model="mlp_tiny",
        method="irnet",
        data=DataConfig("digits", batch_size=64, train_samples=256),
        optimizer=OptimizerConfig(lr=0.05),
        objectives={"contrastive_mi": {"negatives": "queue", "capacity": 128, "dim": 8}},
        epochs=3,
    )
