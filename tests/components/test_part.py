"""Parts as plain data, and the state that holds their tensors."""

import json

import pytest
import torch

from signwise.components.estimator import TanhDecay, Window
from signwise.components.part import PARTS, Site, State, decode, encode
from signwise.components.scale import LearnedScale, MeanAbs
from signwise.components.weight_transform import Rotate
from signwise.core.errors import ConfigError, UnknownName


@pytest.mark.parametrize("part", [Window(0.5), TanhDecay(t_min=0.1), MeanAbs(per="layer"), Rotate(cycles=5)])
def test_parts_survive_json(part: object) -> None:
    assert decode(json.loads(json.dumps(encode(part)))) == part


def test_every_part_is_registered_under_its_class_name() -> None:
    assert all(PARTS[name].__name__ == name for name in PARTS)
    assert {"Window", "Rotate", "TwoLevels", "Wiring", "Stage", "Method"} <= set(PARTS)


def test_tuples_come_back_as_tuples() -> None:
    assert decode(encode((Window(), (1, "a")))) == (Window(), (1, "a"))


@pytest.mark.parametrize(
    "data, error, text",
    [
        ({"bound": 1.0}, ConfigError, "the key 'part' is missing"),
        ({"part": "Windw"}, UnknownName, "unknown part 'Windw'; did you mean 'Window'"),
        ({"part": "Window", "bond": 1.0}, ConfigError, "Window has no field 'bond'; did you mean 'bound'"),
    ],
)
def test_bad_data_is_named(data: dict[str, object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        decode(data)


def test_state_holds_parameters_and_buffers() -> None:
    site = Site(torch.randn(4, 2, 3, 3), 2, 2)
    state = State(Rotate(), site)
    assert [name for name, _ in state.named_parameters()] == ["rho"]
    assert [name for name, _ in state.named_buffers()] == ["r1", "r2"]
    assert list(State(LearnedScale(), site).state_dict()) == ["scale"]


def test_site_shapes_broadcast() -> None:
    site = Site(torch.randn(4, 3, 5, 5, dtype=torch.float64), 6, 2)
    assert site.per_channel(2.0).shape == (6, 1, 1)
    assert site.per_channel().dtype == torch.float64
    assert site.per_filter(torch.arange(4)).shape == (4, 1, 1, 1)
    assert Site(torch.randn(4, 3), 3, 0).per_channel().shape == (3,)
