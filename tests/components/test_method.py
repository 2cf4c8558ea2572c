"""A method as one value."""

import json
from dataclasses import replace

import pytest

from signwise.components.activation_map import BoxMean
from signwise.components.activation_transform import Affine, StandardizeSample
from signwise.components.estimator import Identity, Window
from signwise.components.levels import TwoLevels
from signwise.components.method import Method
from signwise.components.scale import MeanAbs, NoScale
from signwise.components.stage import Stage
from signwise.components.wiring import Wiring
from signwise.core.errors import ConfigError


def test_defaults_are_plain_signs() -> None:
    method = Method("plain")
    assert (method.weight_estimator, method.activation_estimator) == (Identity(), Window())
    assert (method.weight_scale, method.activation_levels) == (NoScale(), TwoLevels())
    assert method.stages == (Stage(),)


def test_every_slot_survives_json() -> None:
    method = Method(
        "mixed",
        weight_scale=MeanAbs(per="layer"),
        activation_transform=(Affine(2.0, -1.0), StandardizeSample()),
        activation_map=BoxMean(),
        wiring=Wiring(on=(("resnet20", (("shortcut", "pad"), ("norm_init", 1e-8))),)),
        stages=(Stage(weights=False, weight_decay=1e-5), Stage(share=2.0)),
    )
    assert Method.from_dict(json.loads(json.dumps(method.to_dict()))) == method
    assert hash(method) == hash(Method.from_dict(method.to_dict()))


def test_deployment_classes() -> None:
    plain = Method("plain")
    assert plain.deploys_as == "A or B"
    assert replace(plain, activation_levels=TwoLevels(0.0, 1.0)).deploys_as == "E"
    assert replace(plain, activation_transform=(StandardizeSample(),)).deploys_as == "C"
    assert replace(plain, activation_map=BoxMean()).deploys_as == "C"
    assert replace(plain, activation_transform=(Affine(),)).deploys_as == "A or B"


def test_wrong_part_in_a_slot() -> None:
    with pytest.raises(ConfigError, match=r"method 'x': weight_scale holds Window\(bound=1.0\); allowed: a Scale"):
        Method("x", weight_scale=Window())


def test_no_stage() -> None:
    with pytest.raises(ConfigError, match="method 'x': stages is empty; a method has at least one stage"):
        Method("x", stages=())


def test_data_of_another_part() -> None:
    with pytest.raises(ConfigError, match="expected a method, got"):
        Method.from_dict({"part": "Window", "bound": 1.0})


def test_stage_share() -> None:
    with pytest.raises(ConfigError, match=r"Stage\(share=0\): needs a share above 0"):
        Stage(share=0)
