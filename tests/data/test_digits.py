from hashlib import sha256

import pytest

from signwise.core.errors import ConfigError, DataError
from signwise.data import DataConfig, open_data
from signwise.data.images import moments


def test_digits_are_always_there_and_always_split_alike():
    data = open_data(DataConfig())
    assert (data.train_size, data.eval_size, data.channels, data.size) == (1437, 360, 1, (8, 8))
    assert data.classes == tuple("0123456789")
    assert (int(data.train.images.min()), int(data.train.images.max())) == (0, 255)
    assert sha256(data.train.images.numpy().tobytes()).hexdigest()[:16] == "c55533fa45b670a4"
    assert data.train.labels[:8].tolist() == [3, 9, 1, 3, 1, 9, 4, 4]


def test_every_digit_has_its_share_of_the_test_set():
    data = open_data(DataConfig())
    assert all(35 <= count <= 37 for count in data.evaluation.labels.bincount().tolist())


def test_train_and_test_have_no_image_in_common_but_the_duplicates_of_the_source():
    data = open_data(DataConfig())
    train, test = ({image.tobytes() for image in part.images.numpy()} for part in (data.train, data.evaluation))
    assert len(train) + len(test) == 1797
    assert not train & test


def test_published_normalisation_fits():
    data = open_data(DataConfig())
    mean, std = moments(data.train.images)
    assert mean == pytest.approx(data.train.mean, abs=1e-4)
    assert std == pytest.approx(data.train.std, abs=1e-4)


def test_train_samples_are_a_prefix_and_holdout_the_end():
    whole = open_data(DataConfig())
    data = open_data(DataConfig(train_samples=100, holdout=300))
    assert data.train.images.equal(whole.train.images[:100])
    assert data.evaluation.images.equal(whole.train.images[-300:])
    assert next(iter(data.eval_loader())).index[:2].tolist() == [0, 1]


def test_a_size_or_a_path_without_digits_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.image_size=16: digits are 8x8 and kept in memory; leave it out"):
        open_data(DataConfig(image_size=16))
    with pytest.raises(DataError, match=r"'digits' not found: .*; it comes with scikit-learn \(leave the path out"):
        open_data(DataConfig(path=str(tmp_path)))


def test_parts_larger_than_the_set_are_refused():
    with pytest.raises(DataError, match=r"data\.holdout=1437 leaves nothing of the 1437 training images"):
        open_data(DataConfig(holdout=1437))
    with pytest.raises(
        DataError,
        match=r"data\.train_samples=1400 of 1337 training images of digits \(1437 less data\.holdout=100\); "
        r"ask for at most 1337",
    ):
        open_data(DataConfig(train_samples=1400, holdout=100))
