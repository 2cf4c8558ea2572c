"""Every shipped recipe: complete, buildable, its network takes an image."""

import pytest
import torch

from signwise.cli.describe import SHAPES
from signwise.methods import get_method
from signwise.nn.layers import binary_layers
from signwise.objectives import OBJECTIVES
from signwise.train import list_recipes, load_recipe
from signwise.train.build import build_network
from signwise.train.recipe import RECIPES
from signwise.train.schedule import plan

TEACHERS = {"contrastive_teacher", "distillation", "lipschitz_retention"}


def test_the_promised_recipes_are_there() -> None:
    assert set(list_recipes()) >= {
        *(f"digits/{name}" for name in ("resnet8_irnet", "resnet8_irnet_cmim")),
        *(f"fashion_mnist/{name}" for name in ("resnet8_irnet", "resnet8_irnet_cmim")),
        *(f"cifar10/{name}" for name in ("resnet20_irnet", "resnet20_irnet_cmim", "vgg_small_irnet", "resnet18_irnet")),
        *(f"cifar10/{name}" for name in ("resnet18_rbnn", "resnet20_rbnn", "vgg_small_rbnn", "resnet18_reactnet")),
        *(f"cifar10/{name}" for name in ("vgg_small_bnn", "vgg_small_xnor", "resnet20_dorefa", "resnet20_bireal")),
        *(f"cifar10/{name}" for name in ("resnet8_irnet_10k", "resnet8_irnet_10k_cmim")),
        *(f"cifar100/{name}" for name in ("resnet18_irnet", "resnet18_cmim", "resnet18_cmim_mi", "resnet18_float")),
        *(f"imagenet/{name}" for name in ("resnet18_bireal", "resnet18_irnet", "resnet18_reactnet", "resnet34_irnet")),
        *(f"imagenet/{name}" for name in ("resnet18_rbnn", "reactnet_a_reactnet")),
    }


@pytest.mark.parametrize("name", list_recipes())
def test_recipe_is_complete(name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
    recipe = load_recipe(name)
    assert text.startswith("# ")
    assert all(len(line) <= 120 for line in text.splitlines())
    for key in ("published:", "model:", "method:", "data:", "optimizer:", "schedule:", "epochs:"):
        assert f"\n{key}" in text
    assert recipe.data.name == name.partition("/")[0]
    assert recipe.published.startswith("None") or recipe.published.endswith("].")
    assert plan(get_method(recipe.method, **recipe.method_options).stages, recipe.epochs)
    for objective, options in recipe.objectives.items():
        if objective in TEACHERS and "teacher" not in options:
            options = options | {"teacher": torch.nn.Linear(1, 1)}
        OBJECTIVES[objective](**options)
    assert (recipe.loss.weight > 0) or recipe.objectives


@pytest.mark.parametrize("name", list_recipes())
def test_network_of_the_recipe_takes_an_image(name: str) -> None:
    recipe = load_recipe(name)
    classes, (channels, *_) = SHAPES[recipe.data.name]
    with torch.random.fork_rng():
        model, _ = build_network(recipe, classes, channels, 32)
    assert bool(binary_layers(model)) is recipe.binary
    with torch.inference_mode():
        assert model.eval()(torch.zeros(1, channels, 32, 32)).shape == (1, classes)


@pytest.mark.parametrize("name", ["resnet18_irnet", "resnet18_cmim", "resnet18_cmim_mi"])
def test_projections_of_the_cmim_base_are_binary(name: str) -> None:
    recipe = load_recipe(f"cifar100/{name}").replace(model_options={"width": 4})
    _, report = build_network(recipe, 100, 3, 32)
    assert report is not None
    assert [row.reason for row in report.rows if row.method is None] == ["first layer", "last layer"]
    assert sum("shortcut" in layer for layer in report.binary) == 3
