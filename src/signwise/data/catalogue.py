"""What is known of a data set before it is read."""

from dataclasses import dataclass

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Entry:
    """One data set: where it is on the hub, how it is normalised (values 0..1) and augmented.

    ``mean`` and ``std`` hold for training and evaluation alike. (The released code of CMIM normalises CIFAR-10 by
    two different pairs in training and test; ours is its training pair, the published one.)
    """

    hub: str | None = None
    channels: int | None = None  #: None = as the images are
    mean: tuple[float, ...] | None = None  #: None = taken from the training images
    std: tuple[float, ...] | None = None
    augment: tuple[str, ...] = ()
    image_size: int | None = None  #: None = kept in memory
    eval_splits: tuple[str, ...] = ("test", "validation", "val")  #: the first one that is there is used


CATALOGUE: dict[str, Entry] = {
    "digits": Entry(channels=1, mean=(0.3054,), std=(0.3760,), augment=("shift1",)),
    "fashion_mnist": Entry(
        hub="zalando-datasets/fashion_mnist", channels=1, mean=(0.2860,), std=(0.3530,), augment=("flip", "crop2")
    ),
    "cifar10": Entry(
        hub="uoft-cs/cifar10",
        channels=3,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        augment=("flip", "crop4"),
    ),
    "cifar100": Entry(
        hub="uoft-cs/cifar100",
        channels=3,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        augment=("flip", "crop4"),
    ),
    "imagenet": Entry(
        hub="ILSVRC/imagenet-1k",
        channels=3,
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        augment=("random_resized_crop", "flip"),
        image_size=224,
        eval_splits=("validation", "val", "test"),  # test is without labels there
    ),
}

FOLDER = Entry()  #: any other name
STREAMED_FOLDER = Entry(channels=3, mean=_IMAGENET_MEAN, std=_IMAGENET_STD)  #: the same, where image_size is set
