"""Every augmentation against a plain per-image version written with numpy or interpolate."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from signwise.core.errors import ShapeError, UnknownName
from signwise.data.augment import AUGMENTATIONS, ColorJitter, Crop, Flip, RandomResizedCrop, apply

SHAPES = [(1, 1, 8, 8), (7, 3, 9, 6), (16, 3, 32, 32), (3, 5, 5, 11)]


def batch(shape, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return images, torch.rand(shape[0], columns, generator=generator)


def naive_crop(image, numbers, padding, mode):
    top, left = (int(u * (2 * padding + 1)) for u in numbers.tolist())
    padded = np.pad(image.numpy(), [(0, 0), (padding, padding), (padding, padding)], mode=mode)
    return torch.from_numpy(padded[:, top : top + image.shape[1], left : left + image.shape[2]].copy())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "mode"), [("crop4", "constant"), ("crop2", "constant"), ("shift1", "constant"), ("reflect4", "reflect")]
)
def test_crop_equals_padding_and_slicing(shape, name, mode):
    images, numbers = batch(shape, 2)
    padding = {"shift1": 1, "crop2": 2}.get(name, 4)
    expected = torch.stack([naive_crop(*pair, padding, mode) for pair in zip(images, numbers, strict=True)])
    cut = AUGMENTATIONS[name](images, numbers)
    assert cut.dtype == torch.uint8
    assert torch.equal(cut, expected)


@pytest.mark.parametrize("reflect", [False, True])
def test_crop_reaches_every_offset_and_no_other(reflect):
    images, _ = batch((1, 1, 9, 9), 2)
    mode = "reflect" if reflect else "constant"
    for u in [0.0, 0.999999, 1 - 2**-24, 4 / 9, 4.5 / 9]:
        numbers = torch.tensor([[u, 1 - u if u else 0.5]]).clamp_max(1 - 2**-24)
        assert torch.equal(Crop(4, reflect)(images, numbers)[0], naive_crop(images[0], numbers[0], 4, mode))


def test_crop_in_the_middle_changes_nothing():
    images, _ = batch((4, 3, 8, 8), 2)
    assert torch.equal(Crop(4)(images, torch.full((4, 2), 0.5)), images)


def test_reflection_wider_than_the_image_is_refused():
    images, numbers = batch((2, 1, 8, 4), 2)
    with pytest.raises(ShapeError, match=r"reflect4 on images of 8x4: sides must be longer than 4"):
        AUGMENTATIONS["reflect4"](images, numbers)


@pytest.mark.parametrize("shape", SHAPES)
def test_flip_equals_reversal_of_the_chosen(shape):
    images, numbers = batch(shape, 1)
    numbers[0] = 0.5  # the border itself is not flipped
    expected = [
        torch.from_numpy(i.numpy()[:, :, ::-1].copy()) if u < 0.5 else i for i, u in zip(images, numbers, strict=True)
    ]
    assert torch.equal(Flip()(images, numbers), torch.stack(expected))


def naive_box(numbers, height, width):
    u = numbers.tolist()
    for area, ratio in zip(u[:10], u[10:20], strict=True):
        area = (0.08 + area * 0.92) * height * width
        ratio = math.exp(math.log(3 / 4) + ratio * (math.log(4 / 3) - math.log(3 / 4)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return [int(u[20] * (height - h + 1)), int(u[21] * (width - w + 1)), h, w]
    if width / height < 3 / 4:
        h, w = round(width / (3 / 4)), width
    elif width / height > 4 / 3:
        h, w = height, round(height * (4 / 3))
    else:
        h, w = height, width
    return [(height - h) // 2, (width - w) // 2, h, w]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 50), (9, 31), (300, 40), (3, 200), (1, 1)])
def test_boxes_equal_the_rejection_loop(height, width):
    numbers = torch.rand(300, 22, generator=torch.Generator().manual_seed(1))
    sizes = torch.tensor([height]).expand(300), torch.tensor([width]).expand(300)
    boxes = RandomResizedCrop().boxes(numbers, *sizes)
    assert boxes.tolist() == [naive_box(row, height, width) for row in numbers]
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 0] + boxes[:, 2] <= height).all()
    assert (boxes[:, 1] + boxes[:, 3] <= width).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_resized_crop_equals_interpolating_each_box(shape):
    images, numbers = batch(shape, 22)
    _, _, height, width = shape
    resized = RandomResizedCrop()(images, numbers)
    for image, row, ours in zip(images, numbers, resized, strict=True):
        top, left, h, w = naive_box(row, height, width)
        part = image[None, :, top : top + h, left : left + w].float()
        expected = F.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)[0]
        torch.testing.assert_close(ours, expected, atol=2e-2, rtol=0)  # of 255


def naive_jitter(image, numbers, strength=0.4):
    pixels = image.numpy().astype(np.float64).transpose(1, 2, 0)
    b, c, s = (1 + strength * (2 * u - 1) for u in numbers.tolist())
    weights = np.array([0.299, 0.587, 0.114])

    def grey(p):
        return p @ weights if p.shape[2] == 3 else p[..., 0]

    pixels = np.clip(pixels * b, 0, 255)
    mean = grey(pixels).mean() if pixels.shape[2] in (1, 3) else pixels.mean()
    pixels = np.clip(mean + c * (pixels - mean), 0, 255)
    if pixels.shape[2] == 3:
        g = grey(pixels)[..., None]
        pixels = np.clip(g + s * (pixels - g), 0, 255)
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (9, 3, 7, 6), (2, 3, 1, 1)])
def test_jitter_equals_the_formula_per_image(shape):
    images, numbers = batch(shape, 3)
    expected = torch.stack([naive_jitter(*pair) for pair in zip(images, numbers, strict=True)])
    torch.testing.assert_close(ColorJitter()(images, numbers), expected, atol=1e-2, rtol=0)


def test_apply_goes_in_order_each_on_its_own_columns():
    images, numbers = batch((6, 3, 8, 8), 3)
    crop, flip = Crop(2), Flip()
    assert torch.equal(apply((flip, crop), images, numbers), crop(flip(images, numbers[:, :1]), numbers[:, 1:]))
    assert apply((), images, torch.empty(6, 0)) is images


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
def test_every_augmentation_keeps_the_shape_and_does_not_mix_rows(name):
    augmentation = AUGMENTATIONS[name]
    images, numbers = batch((6, 3, 8, 9), augmentation.columns)
    whole = augmentation(images, numbers)
    assert whole.shape == images.shape
    assert torch.equal(whole[1::2], augmentation(images[1::2], numbers[1::2]))
    assert augmentation(images[:0], numbers[:0]).shape == (0, 3, 8, 9)


def test_unknown_name_is_suggested():
    with pytest.raises(UnknownName, match=r"unknown augmentation 'crop5'; did you mean 'crop4'"):
        AUGMENTATIONS["crop5"]
