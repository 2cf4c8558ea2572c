"""Sets in folders: parquet files and image folders, and everything that can be wrong with them."""

import numpy as np
import pytest
import torch
from PIL import Image

from signwise.core.errors import DataError, UnknownName
from signwise.data import DataConfig, decode, open_data


def open_pets(path, **options):
    return open_data(DataConfig("pets", path=str(path), **{"batch_size": 2, **options}))


def stacked(images):
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2))


def test_parquet_is_read_exactly_in_file_order(pets, arrays):
    data = open_pets(pets)
    assert data.train.images.equal(stacked(arrays(6) + arrays(4, seed=1)))
    assert data.train.labels.tolist() == [0, 1, 0, 1, 0, 1, 1, 1, 0, 0]
    assert data.evaluation.images.equal(stacked(arrays(4, seed=2)))
    assert (data.classes, data.channels, data.size) == (("cat", "dog"), 3, (6, 5))


def test_own_normalisation_comes_from_the_training_images(pets):
    data = open_pets(pets, augment=())
    images = torch.cat([batch.image for batch in data.train_loader(0)])
    assert images.mean((0, 2, 3)).abs().max() < 1e-5
    assert (images.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5
    assert data.evaluation.mean == data.train.mean


def test_the_parent_folder_and_the_environment_will_do(pets, monkeypatch):
    assert open_pets(pets.parent).train_size == 10
    monkeypatch.setenv("SIGNWISE_DATA", str(pets.parent))
    assert open_data(DataConfig("pets")).train_size == 10


def test_validation_stands_in_for_test(pets):
    (pets / "test-00000-of-00001.parquet").rename(pets / "validation-00000-of-00001.parquet")
    assert open_pets(pets).eval_size == 4


def test_image_folders_are_read_with_sorted_classes(tmp_path, arrays):
    images = iter(arrays(12))
    expected = {}
    for split in ("train", "test"):
        for name in ("dog", "cat", "eel"):
            folder = tmp_path / "[own] set" / split / name
            folder.mkdir(parents=True)
            for i in range(2):
                expected[split, name, i] = next(images)
                Image.fromarray(expected[split, name, i]).save(folder / f"{i}.png")
    data = open_data(DataConfig("own", path=str(tmp_path / "[own] set")))
    assert data.classes == ("cat", "dog", "eel")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2] == data.evaluation.labels.tolist()
    order = [(name, i) for name in data.classes for i in range(2)]
    assert data.train.images.equal(stacked([expected["train", *key] for key in order]))
    assert data.evaluation.images.equal(stacked([expected["test", *key] for key in order]))


def test_grey_stays_grey_unless_an_image_has_colour(tmp_path, write_parquet, arrays):
    grey, colour = arrays(3, channels=1), arrays(2)
    write_parquet(tmp_path / "a" / "train-0.parquet", grey, [0, 1, 0])
    write_parquet(tmp_path / "a" / "test-0.parquet", grey, [0, 1, 0])
    data = open_data(DataConfig("a", path=str(tmp_path)))
    assert data.channels == 1
    assert data.train.images.equal(torch.from_numpy(np.stack(grey))[:, None])
    write_parquet(tmp_path / "a" / "test-0.parquet", [*grey, *colour], [0, 1, 0, 1, 1])
    data = open_data(DataConfig("a", path=str(tmp_path)))
    assert data.channels == 3 == data.evaluation.images.shape[1]
    assert data.train.images.equal(torch.from_numpy(np.stack(grey))[:, None].expand(-1, 3, -1, -1))
    assert next(iter(data.eval_loader())).image.shape == (5, 3, 6, 5)


def test_numbers_serve_as_classes_where_there_are_no_names(tmp_path, write_parquet, arrays):
    write_parquet(tmp_path / "train-0.parquet", arrays(3), [0, 2, 1], names=None)
    write_parquet(tmp_path / "test-0.parquet", arrays(2), [1, 1], names=None)
    assert open_pets(tmp_path).classes == ("0", "1", "2")
    write_parquet(tmp_path / "test-0.parquet", arrays(2), [1, 3], names=None)
    with pytest.raises(DataError, match=r"the test split has label 3, but there are 3 classes \(0\.\.2\)"):
        open_pets(tmp_path)


def test_the_set_is_decoded_once_and_again_when_it_changes(pets, write_parquet, arrays, monkeypatch):
    counted = []
    expected = open_pets(pets, augment=()).train.images
    monkeypatch.setattr("signwise.data.source.decode_all", lambda *a: counted.append(1) or decode.decode_all(*a))
    assert open_pets(pets).train.images.equal(expected)
    assert not counted
    write_parquet(pets / "train-00001-of-00002.parquet", arrays(5, seed=3), [0, 0, 0, 0, 1])
    assert open_pets(pets).train_size == 11
    assert len(counted) == 1


def test_holdout_never_reads_the_test_split(pets):
    (pets / "test-00000-of-00001.parquet").write_bytes(b"broken")
    data = open_pets(pets, holdout=3)
    assert (data.train_size, data.eval_size) == (7, 3)
    assert data.evaluation.labels.tolist() == [1, 0, 0]


def test_progress_is_reported(pets):
    seen = []
    open_data(DataConfig("pets", path=str(pets)), progress=lambda split, done: seen.append((split, done)))
    assert seen == [("train", 10), ("test", 4)]


def test_a_corrupt_image_is_named_by_file_and_row(pets, write_parquet, arrays):
    good = arrays(4, seed=1)
    file = write_parquet(pets / "train-00001-of-00002.parquet", [*good[:2], b"no image", good[3]], [1, 1, 0, 0])
    with pytest.raises(DataError, match=rf"SW201: {file} row 2: cannot decode the image: unknown format"):
        open_pets(pets)


def test_a_truncated_image_is_named_too(tmp_path, arrays):
    for split in ("train", "test"):
        (tmp_path / split / "cat").mkdir(parents=True)
        Image.fromarray(arrays(1, 40, 40)[0]).save(tmp_path / split / "cat" / "0.png")
    file = tmp_path / "train" / "cat" / "0.png"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DataError, match=rf"\({file}\): cannot decode the image: .*; restore or leave out the image"):
        open_pets(tmp_path)


@pytest.mark.parametrize("label", [2, -1, None])
def test_a_label_out_of_range_is_named_by_file_and_row(pets, write_parquet, arrays, label):
    file = write_parquet(pets / "train-00001-of-00002.parquet", arrays(4), [1, 1, 0, label])
    with pytest.raises(DataError, match=rf"{file} row 3: label {label} is no class; allowed: 0\.\.1"):
        open_pets(pets)


def test_different_classes_are_refused(pets, write_parquet, arrays):
    write_parquet(pets / "test-00000-of-00001.parquet", arrays(2), [0, 1], names=("cat", "eel"))
    with pytest.raises(DataError, match=r"different classes: 2 and 2; only in one of them: dog, eel"):
        open_pets(pets)
    write_parquet(pets / "test-00000-of-00001.parquet", arrays(2), [0, 1], names=("dog", "cat"))
    with pytest.raises(DataError, match=r"the same names in another order"):
        open_pets(pets)


def test_different_sizes_are_refused(pets, write_parquet, arrays):
    write_parquet(pets / "test-00000-of-00001.parquet", arrays(2, 7, 5), [0, 1])
    with pytest.raises(DataError, match=r"pets: test images are 7x5, training images 6x5; set data\.image_size"):
        open_pets(pets)
    file = write_parquet(pets / "train-00001-of-00002.parquet", arrays(4, 6, 6), [0, 1, 0, 1])
    with pytest.raises(DataError, match=rf"{file} row 0: image of 6x6, where the first is 6x5; set data\.image_size"):
        open_pets(pets)


def test_a_set_too_large_for_memory_is_refused(pets, monkeypatch):
    monkeypatch.setattr(decode, "MEMORY_LIMIT", 100)
    with pytest.raises(DataError, match=r"more than .* GiB of pixels after 10 images; set data\.image_size to decode"):
        open_pets(pets)


def test_missing_files_and_splits_are_named(pets):
    (pets / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match=r"pets has no split test or validation or val.*or set data\.holdout"):
        open_pets(pets)
    (pets / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(
        DataError, match=r"has 1 train-\*\.parquet files, but their names say there are 2; complete the set"
    ):
        open_pets(pets)


def test_a_broken_parquet_file_is_a_data_error(pets):
    file = pets / "train-00000-of-00002.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cannot read the train split of .*pets: .*; replace or complete the files"):
        open_pets(pets)


def test_other_columns_are_refused(tmp_path, arrays):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in ("train", "test"):
        pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / f"{split}-0.parquet")
    with pytest.raises(DataError, match=r"has the columns text, label; needed: an image column \(image or img\)"):
        open_pets(tmp_path)
    pq.write_table(pa.table({"image": [{"bytes": b"", "path": ""}], "label": ["cat"]}), tmp_path / "train-0.parquet")
    with pytest.raises(DataError, match=r"column 'label' of the train split of .* needed: class numbers"):
        open_pets(tmp_path)


def test_an_empty_split_is_refused(pets, write_parquet):
    write_parquet(pets / "test-00000-of-00001.parquet", [], [])
    for image_size in (None, 4):
        with pytest.raises(
            DataError, match=r"cannot read the test split of .*BatchSize.*; replace or complete the files"
        ):
            open_pets(pets, image_size=image_size)


def test_a_path_without_the_set_says_where_it_looked(tmp_path):
    with pytest.raises(
        DataError,
        match=rf"data set 'cifar10' not found: .* in {tmp_path} and {tmp_path}/cifar10; it is uoft-cs/cifar10 on the "
        r"Hugging Face hub .*--data\.path.*SIGNWISE_DATA",
    ):
        open_data(DataConfig("cifar10", path=str(tmp_path)))
    with pytest.raises(DataError, match=r"data set 'own' not found: .*; set --data\.path"):
        open_data(DataConfig("own", path=str(tmp_path)))


def test_an_unknown_name_is_suggested(monkeypatch, tmp_path):
    with pytest.raises(
        UnknownName, match=r"unknown data set 'cifar'; did you mean 'cifar10' or 'cifar100'\? .*--data\.path"
    ):
        open_data(DataConfig("cifar"))
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path))
    with pytest.raises(
        UnknownName, match=rf"unknown data set 'cifar' \(not a folder in SIGNWISE_DATA={tmp_path} either\)"
    ):
        open_data(DataConfig("cifar"))
