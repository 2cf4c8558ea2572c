import json

import pytest
import torch
from torch import nn

from signwise.components.part import encode
from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError, UnknownName
from signwise.models import MODELS, create_from_config, create_model, list_models

FAMILIES = ["mlp", "reactnet_a", "resnet18", "resnet18_cifar", "resnet20", "resnet34", "vgg_small"]


def test_every_family_has_a_tiny_variant() -> None:
    assert list_models("*_tiny") == sorted(f"{family}_tiny" for family in FAMILIES)
    assert list_models() == sorted([*FAMILIES, *list_models("*_tiny"), "resnet8"]) == list(MODELS)


def test_unknown_model() -> None:
    with pytest.raises(UnknownName, match="unknown model 'resnet21'; did you mean 'resnet20'"):
        create_model("resnet21")


def test_unknown_option() -> None:
    message = "model 'resnet20' has no option 'widht'; did you mean 'width'[?] Known: blocks, width"
    with pytest.raises(ConfigError, match=message):
        create_model("resnet20", widht=8)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("resnet20_tiny", {"num_classes": 0}, "num_classes=0; allowed: an integer of at least 1"),
        ("resnet20_tiny", {"in_channels": 2.0}, "in_channels=2.0; allowed: an integer of at least 1"),
        ("resnet20_tiny", {"width": True}, "width=True; allowed: an integer of at least 1"),
        ("resnet18_tiny", {"width": -1}, "width=-1; allowed: an integer of at least 1"),
        ("resnet18_tiny", {"blocks": []}, r"blocks=\[\]; allowed: one or more integers"),
        ("reactnet_a_tiny", {"blocks": 3}, "blocks=3; allowed: one or more integers"),
        ("reactnet_a_tiny", {"blocks": [1, 0]}, r"blocks\[1\]=0; allowed: an integer of at least 1"),
        ("mlp_tiny", {"hidden": "16"}, "hidden='16'; allowed: one or more integers"),
        ("mlp_tiny", {"image_size": 0}, "image_size=0; allowed: an integer of at least 1"),
        ("vgg_small_tiny", {"image_size": 28}, "image_size=28; allowed: a multiple of 8"),
        ("vgg_small_tiny", {"width": 0}, "width=0; allowed: an integer of at least 1"),
    ],
)
def test_option_values_are_checked(name: str, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_model(name, **options)


@pytest.mark.parametrize("name", list_models("*_tiny"))
def test_config_survives_json_and_rebuilds_the_model(name: str) -> None:
    on = ((name.removesuffix("_tiny"), (("activation", "prelu"),)),)
    model = create_model(name, num_classes=3, in_channels=2, wiring=Wiring(head_norm=True, on=on))
    again = create_from_config(json.loads(json.dumps(model.config)))
    assert again.config == model.config
    assert model.config["wiring"]["activation"] == "prelu"
    again.load_state_dict(model.state_dict())
    x = torch.randn(2, 2, 32, 32)
    assert torch.equal(model.eval()(x), again.eval()(x))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("wiring"), "model config has no key 'wiring'"),
        (lambda c: c.update(modle="x"), "model config has the key 'modle'; did you mean 'model'"),
        (lambda c: c.update(wiring=None), "model config: wiring is None; allowed: an encoded Wiring"),
    ],
)
def test_broken_configs(change, message: str) -> None:
    config = dict(create_model("mlp_tiny").config)
    change(config)
    with pytest.raises(ConfigError, match=message):
        create_from_config(config)


@pytest.mark.parametrize("name", ["resnet20", "resnet20_tiny", "resnet8"])
def test_variants_are_wired_as_their_base(name: str) -> None:
    wiring = Wiring(on=(("resnet20", (("shortcut", "pad"),)), ("resnet18", (("activation", "relu"),))))
    assert create_model(name, wiring=wiring).config["wiring"] == encode(Wiring(shortcut="pad"))


def test_a_variants_own_entry_wins() -> None:
    wiring = Wiring(on=(("resnet20", (("shortcut", "pad"),)), ("resnet8", (("shortcut", "pool_pad"),))))
    assert create_model("resnet8", wiring=wiring).config["wiring"]["shortcut"] == "pool_pad"


def test_convolutions_start_kaiming_normal_fan_out() -> None:
    torch.manual_seed(0)
    model = create_model("resnet20", width=32, blocks=[1, 1])
    conv = model.body.stage2[0].branch.unit1.conv
    assert conv.weight.shape == (64, 32, 3, 3)
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.03)
    assert conv.weight.abs().max() > 3 * conv.weight.std()


def test_norm_init_survives_initialisation() -> None:
    model = create_model("resnet20_tiny", wiring=Wiring(norm_init=1e-8))
    closing = [m.branch.unit2.norm.weight for m in model.modules() if hasattr(m, "branch")]
    assert len(closing) == 3 and all(weight.unique().tolist() == pytest.approx([1e-8]) for weight in closing)


def test_models_are_float_until_converted() -> None:
    for name in list_models("*_tiny"):
        kinds = {type(m) for m in create_model(name).modules() if hasattr(m, "weight")}
        assert kinds <= {nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d}
