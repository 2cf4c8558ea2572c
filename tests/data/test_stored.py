"""Sets that stay on disk: decoded per batch."""

import numpy as np
import pytest
import torch
from PIL import Image

from signwise.core.errors import DataError
from signwise.data import DataConfig, open_data
from signwise.data.augment import RandomResizedCrop, apply
from signwise.data.order import Order


@pytest.fixture
def scenes(tmp_path, write_parquet, arrays):
    """12 training and 5 test images of several sizes, one of them grey."""
    train = [arrays(1, 20 + i, 40 - i, seed=i)[0] for i in range(11)] + arrays(1, 30, 30, channels=1)
    test = [arrays(1, 30, 25 + 3 * i, seed=50 + i)[0] for i in range(5)]
    write_parquet(tmp_path / "scenes" / "train-0.parquet", train, [i % 2 for i in range(12)])
    write_parquet(tmp_path / "scenes" / "test-0.parquet", test, [0, 1, 0, 1, 1])
    return tmp_path / "scenes", train, test


def open_scenes(folder, **options):
    return open_data(DataConfig("imagenet", path=str(folder), **{"image_size": 14, "batch_size": 4, **options}))


def normalised(pixels, data):
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (data.train.mean, data.train.std))
    return (torch.from_numpy(pixels.transpose(2, 0, 1)).double() / 255 - mean) / std


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(x, y) for one, two in zip(a, b, strict=True) for x, y in zip(one, two, strict=True)
    )


def test_evaluation_is_scaled_to_the_shorter_side_and_cut_in_the_centre(scenes):
    folder, _, test = scenes
    data = open_scenes(folder)
    assert (data.train_size, data.eval_size, data.channels, data.size) == (12, 5, 3, (14, 14))
    (batch,) = data.eval_loader()
    assert batch.label.tolist() == [0, 1, 0, 1, 1]
    for array, ours in zip(test, batch.image, strict=True):
        image = Image.fromarray(array)
        short = min(image.size)
        image = image.resize((16 * image.width // short, 16 * image.height // short), Image.Resampling.BILINEAR)
        left, top = round((image.width - 14) / 2), round((image.height - 14) / 2)
        expected = normalised(np.array(image)[top : top + 14, left : left + 14], data)
        torch.testing.assert_close(ours.double(), expected, atol=1e-5, rtol=0)


def test_training_crops_the_boxes_that_the_numbers_give(scenes):
    folder, train, _ = scenes
    data = open_scenes(folder)
    assert data.train.crop == RandomResizedCrop()
    assert len(data.augment) == 1
    loader = data.train_loader(seed=3)
    for batch, step in zip(loader, Order(12, 4, seed=3).steps(0, columns=23), strict=True):
        assert torch.equal(batch.index, step.rows)
        for ours, row, numbers in zip(batch.image, step.rows, step.numbers, strict=True):
            image = Image.fromarray(train[row]).convert("RGB")
            size = torch.tensor([image.height]), torch.tensor([image.width])
            top, left, h, w = RandomResizedCrop().boxes(numbers[None, :22], *size)[0].tolist()
            cut = image.resize((14, 14), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h))
            pixels = np.asarray(cut)[:, ::-1] if numbers[22] < 0.5 else np.asarray(cut)
            torch.testing.assert_close(ours.double(), normalised(pixels.copy(), data), atol=1e-5, rtol=0)


def test_ranks_workers_and_resume_do_not_change_the_batches(scenes):
    folder = scenes[0]
    data = open_scenes(folder, augment=("random_resized_crop", "flip", "color_jitter"))
    loader = data.train_loader(seed=1)
    loader.set_epoch(2)
    whole = list(loader)
    for rank in range(2):
        part = data.train_loader(seed=1, rank=rank, world=2)
        part.set_epoch(2)
        for batch, expected in zip(part, whole, strict=True):
            assert same([batch], [tuple(field[rank::2] for field in expected)])
    next(iter(loader))
    resumed = open_scenes(folder, workers=1, augment=data.config.augment).train_loader(seed=1)
    resumed.load_state_dict(loader.state_dict())
    assert same(list(resumed), whole[1:])


def test_no_augmentation_decodes_as_evaluation_does(scenes):
    data = open_scenes(scenes[0], augment=(), holdout=4)
    train = {
        i: image for batch in data.train_loader(0) for i, image in zip(batch.index.tolist(), batch.image, strict=True)
    }
    again = open_scenes(scenes[0], augment=(), train_samples=8).train
    assert sorted(train) == list(range(8)) == list(range(len(again)))
    (held,) = data.eval_loader()
    assert (data.eval_size, held.index.tolist(), held.label.tolist()) == (4, [0, 1, 2, 3], [0, 1, 0, 1])
    whole = open_scenes(scenes[0], augment=(), batch_size=12).train
    _, pixels, _ = next(whole.stream(Order(12, 12).steps(0)))
    expected = apply((), pixels, torch.empty(12, 0))[8:].double() / 255
    ours = held.image.double() * torch.tensor(whole.std).view(3, 1, 1) + torch.tensor(whole.mean).view(3, 1, 1)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_iteration_does_not_touch_the_global_generator(scenes):
    loader = open_scenes(scenes[0]).train_loader(0)
    before = torch.random.get_rng_state()
    list(loader)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_image_size_keeps_any_folder_on_disk(tmp_path, arrays):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for i, array in enumerate(arrays(2, 10 + len(name), 9)):
                Image.fromarray(array).save(tmp_path / split / name / f"{i}.png")
    data = open_data(DataConfig("own", path=str(tmp_path), image_size=8, batch_size=2))
    assert (data.classes, data.size, data.augment, data.train.crop) == (("cat", "dog"), (8, 8), (), None)
    assert sorted(torch.cat([batch.label for batch in data.train_loader(0)]).tolist()) == [0, 0, 1, 1]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_corrupt_image_is_named_by_file_and_row(scenes, write_parquet, arrays, workers):
    file = write_parquet(scenes[0] / "test-0.parquet", [*arrays(2), b"no image"], [0, 1, 0])
    data = open_scenes(scenes[0], workers=workers)
    with pytest.raises(DataError, match=rf"^SW201: {file} row 2: cannot decode the image: unknown format; restore"):
        list(data.eval_loader())


def test_a_wrong_label_is_found_at_the_start(scenes, write_parquet, arrays):
    file = write_parquet(scenes[0] / "test-0.parquet", arrays(2), [0, -1])
    with pytest.raises(DataError, match=rf"{file} row 1: label -1 is no class; allowed: 0\.\.1\. .*without labels"):
        open_scenes(scenes[0])
