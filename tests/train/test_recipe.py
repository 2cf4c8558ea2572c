import pytest
import torch

from signwise.core.errors import ConfigError, UnknownName
from signwise.nn.layers import binary_layers
from signwise.train.build import build_network
from signwise.train.recipe import Recipe, list_recipes, load_recipe, override_recipe, recipe_from_dict


def test_yaml_reads_back_to_the_same_recipe(tmp_path, recipe):
    path = tmp_path / "mine.yaml"
    path.write_text(recipe.to_yaml())
    assert load_recipe(str(path)) == recipe


def test_dotted_overrides_reach_every_level():
    arguments = ["--epochs", "7", "--optimizer.lr=0.3", "--objectives.contrastive_mi.weight=0.5"]
    recipe = override_recipe(Recipe(), [*arguments, "--method_options.t_min", "0.1", "--data.augment=[flip]"])
    assert (recipe.epochs, recipe.optimizer.lr, recipe.optimizer.momentum) == (7, 0.3, 0.9)
    assert recipe.objectives == {"contrastive_mi": {"weight": 0.5}}
    assert recipe.method_options == {"t_min": 0.1}
    assert recipe.data.augment == ("flip",)


def test_recompute_reaches_every_binary_layer(recipe):
    for wanted in (False, True):
        model, _ = build_network(recipe.replace(recompute=wanted), 10, 1, 8)
        assert {layer.recompute for layer in binary_layers(model).values()} == {wanted}


def test_channels_last_reaches_every_convolution(recipe):
    for wanted in (False, True):
        model, _ = build_network(recipe.replace(model="resnet20_tiny", channels_last=wanted), 10, 3, 32)
        weights = [module.weight for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
        assert {weight.is_contiguous(memory_format=torch.channels_last) for weight in weights} == {wanted}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--optimzer.lr=1"], r"recipe has no key 'optimzer'; did you mean 'optimizer'"),
        (["--optimizer.lrr=1"], r"recipe.optimizer has no key 'lrr'; did you mean 'lr'"),
        (["--epochs=many"], r"recipe options '--epochs=many'.*epochs"),
        (["--optimizer.name=sdg"], r"recipe options.*optimizer.name"),
        (["--epochs=0"], r"recipe: epochs=0; allowed: 1 or more"),
        (["--seed=-1"], r"recipe: seed=-1; allowed: 0 to 4294967295"),
        (["epochs", "3"], r"recipe options: found 'epochs'; allowed: --key value or --key=value"),
        (["--epochs"], r"recipe options: found '--epochs'; allowed: --key value"),
    ],
)
def test_bad_overrides_name_the_key(arguments, text):
    with pytest.raises(ConfigError, match=text):
        override_recipe(Recipe(), arguments)


def test_unknown_key_in_a_file(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("modl: resnet20\n")
    with pytest.raises(ConfigError, match="has no key 'modl'; did you mean 'model'"):
        load_recipe(str(path))


def test_file_that_is_no_mapping_and_file_that_is_no_yaml(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="holds a list; allowed: a mapping of recipe keys"):
        load_recipe(str(path))
    path.write_text("a: [1\n")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_recipe(str(path))


def test_unknown_recipe_suggests_a_close_one():
    with pytest.raises(UnknownName, match="'cifar10/resnet20_irnett'; did you mean 'cifar10/resnet20_irnet'"):
        load_recipe("cifar10/resnet20_irnett")


def test_replace_rejects_unknown_fields():
    with pytest.raises(ConfigError, match="recipe has no key 'epoch'; did you mean 'epochs'"):
        Recipe().replace(epoch=3)


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_loads(name):
    recipe = load_recipe(name)
    assert recipe_from_dict(recipe.to_dict()) == recipe


def test_an_override_leaves_the_other_options_of_an_objective_alone():
    recipe = Recipe(objectives={"contrastive_mi": {"weight": 0.3, "labels": "positive"}})
    changed = override_recipe(
        recipe, ["--objectives.contrastive_mi.weight", "0.5", "--objectives.distillation.teacher=t"]
    )
    assert changed.objectives["contrastive_mi"] == {"weight": 0.5, "labels": "positive"}
    assert changed.objectives["distillation"] == {"teacher": "t"}
    assert recipe.objectives["contrastive_mi"]["weight"] == 0.3


def test_keys_of_open_mappings_may_hold_dots():
    recipe = override_recipe(Recipe(), ["--overrides.body.stage1.0.conv=null", "--wiring.shortcut=pad"])
    assert recipe.overrides == {"body.stage1.0.conv": None}
    assert recipe.wiring == {"shortcut": "pad"}
