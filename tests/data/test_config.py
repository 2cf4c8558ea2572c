import pytest

from signwise.core.errors import ConfigError, UnknownName
from signwise.data import DataConfig


@pytest.mark.parametrize(
    ("field", "value", "least"),
    [
        ("batch_size", 0, 1),
        ("eval_batch_size", 0, 1),
        ("train_samples", 0, 1),
        ("holdout", -1, 0),
        ("workers", -1, 0),
        ("image_size", 0, 1),
    ],
)
def test_numbers_out_of_range_are_refused(field, value, least):
    with pytest.raises(ConfigError, match=rf"data\.{field}={value}: must be at least {least}"):
        DataConfig(**{field: value})
    DataConfig(**{field: least})


def test_unknown_augmentation_is_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match=r"SW101: unknown augmentation 'flop'; did you mean 'flip'"):
        DataConfig(augment=("crop4", "flop"))
