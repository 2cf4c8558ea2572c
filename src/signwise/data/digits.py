"""The 8x8 digits that come with scikit-learn: a data set that is always there."""

import torch

from signwise.data.catalogue import CATALOGUE
from signwise.data.images import ImageSet

TEST_SIZE = 360


def digits() -> tuple[ImageSet, ImageSet]:
    """Training set (1,437) and test set (360) of 1x8x8 images, a fixed split stratified by class.

    Values 0..16 are scaled to 0..255. Source: Optical Recognition of Handwritten Digits, UCI; the test part of it,
    as in scikit-learn, which has no split of its own.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    train, test = train_test_split(range(len(bunch.target)), test_size=TEST_SIZE, random_state=0, stratify=bunch.target)
    images = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()
    entry = CATALOGUE["digits"]
    assert entry.mean and entry.std
    classes = tuple(map(str, range(10)))
    parts = [ImageSet(images[rows], labels[rows], classes, entry.mean, entry.std) for rows in (train, test)]
    return parts[0], parts[1]
