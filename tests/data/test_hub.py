"""Access to the hub, with the library's functions replaced: no test uses the network."""

import datasets
import pytest
from PIL import Image

from signwise.core.errors import DataError
from signwise.data import DataConfig, open_data


@pytest.fixture
def hub(monkeypatch, arrays):
    """A hub that has uoft-cs/cifar100 with three images per split and its own column names."""
    asked = []

    def load(path, split):
        asked.append((path, split))
        images = [Image.fromarray(array) for array in arrays(3, 32, 32)]
        fine = datasets.ClassLabel(names=["a", "b"])
        features = datasets.Features(
            {"img": datasets.Image(), "coarse_label": datasets.Value("int64"), "fine_label": fine}
        )
        columns = {"img": images, "coarse_label": [9, 9, 9], "fine_label": [1, 0, 1]}
        return datasets.Dataset.from_dict(columns, features=features)

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda path: ["train", "validation"])
    return asked


def test_a_set_comes_from_the_hub_without_a_path(hub):
    data = open_data(DataConfig("cifar100"))
    assert hub == [("uoft-cs/cifar100", "train"), ("uoft-cs/cifar100", "validation")]
    assert (data.classes, data.size, data.channels) == (("a", "b"), (32, 32), 3)
    assert data.train.labels.tolist() == [1, 0, 1]


def test_the_environment_folder_comes_before_the_hub(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path))
    open_data(DataConfig("cifar100", holdout=1))
    assert hub == [("uoft-cs/cifar100", "train")]


def test_a_split_the_hub_does_not_have(hub, monkeypatch):
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda path: ["train"])
    with pytest.raises(DataError, match=r"hub uoft-cs/cifar100 has no split test or validation or val; it has train"):
        open_data(DataConfig("cifar100"))


@pytest.mark.parametrize("image_size", [None, 8])
def test_an_empty_set_is_refused(hub, monkeypatch, image_size):
    load = datasets.load_dataset
    monkeypatch.setattr(datasets, "load_dataset", lambda path, split: load(path, split).select([]))
    with pytest.raises(
        DataError, match=r"the train split of Hugging Face hub .*cifar100 has no images; complete the set"
    ):
        open_data(DataConfig("cifar100", image_size=image_size))


@pytest.mark.parametrize("function", ["load_dataset", "get_dataset_split_names"])
@pytest.mark.parametrize("error", [ConnectionError("no route"), OSError("no route"), RuntimeError("no route")])
def test_no_network_is_a_data_error_that_says_what_to_do(hub, monkeypatch, tmp_path, function, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(datasets, function, fail)
    monkeypatch.setenv("SIGNWISE_DATA", str(tmp_path))
    text = (
        rf"cannot read the train split of Hugging Face hub uoft-cs/cifar100: {type(error).__name__}: no route; "
        rf"not found in {tmp_path}/cifar100 either; .*--data\.path"
    )
    with pytest.raises(DataError, match=text):
        open_data(DataConfig("cifar100"))
