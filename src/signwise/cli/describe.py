"""signwise describe: what is binary in a network, why, and what every layer costs."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signwise.cli.options import RECIPE_KEYS, VerbParser, read_recipe
from signwise.cli.output import show, show_json
from signwise.core.errors import ConfigError, UnknownName

if TYPE_CHECKING:
    from torch import nn

    from signwise.convert import Report
    from signwise.train import Recipe

EXAMPLES = (
    "cifar10/resnet20_irnet",
    "imagenet/resnet18_reactnet --json",
    "vgg_small --method rbnn --input-size 3 32 32",
    "resnet20 --method irnet --classes 100 --model_options.width 32",
    "runs/digits_resnet8_irnet-seed0",
)
SHAPES: dict[str, tuple[int, tuple[int, int, int]]] = {
    "digits": (10, (1, 8, 8)),
    "fashion_mnist": (10, (1, 28, 28)),
    "cifar10": (10, (3, 32, 32)),
    "cifar100": (100, (3, 32, 32)),
    "imagenet": (1000, (3, 224, 224)),
}  #: classes and images of the data sets that recipes name, so that none must be read


@dataclass(frozen=True)
class Subject:
    """A network to describe; ``report`` is None where nothing was converted just now."""

    name: str
    model: "nn.Module"
    report: "Report | None"
    input_size: tuple[int, ...]


def run(arguments: list[str]) -> int:
    """Describe a recipe's network, a model by name, or the model in a run folder."""
    parser = VerbParser("describe", f"What is binary, why, and what each layer costs.\n{RECIPE_KEYS}", EXAMPLES)
    parser.add_argument("name", help="a recipe, a model, or a run folder")
    parser.add_argument("--input-size", nargs=3, type=int, metavar=("C", "H", "W"), help="default: the data set's")
    parser.add_argument("--classes", type=int, help="default: the data set's")
    options, overrides = parser.parse_with_recipe(arguments)
    from signwise.analysis.summary import summarize

    subject = _subject(options, overrides)
    summary = summarize(subject.model, subject.input_size)
    if options.json:
        facts = {"name": subject.name, "input_size": list(subject.input_size)}
        show_json(facts | {"conversion": subject.report and subject.report.to_dict(), "summary": summary.to_dict()})
        return 0
    if subject.report:
        show(subject.report)
    show(summary)
    return 0


def _subject(options: argparse.Namespace, overrides: list[str]) -> Subject:
    from signwise.core.registry import suggestion
    from signwise.models import MODELS
    from signwise.train import Recipe, list_recipes
    from signwise.train.checkpoint import CONFIG
    from signwise.train.recipe import override_recipe

    name = options.name
    if (Path(name) / CONFIG).exists():
        return _saved(name)
    if name in MODELS:
        return _from_recipe(name, override_recipe(Recipe(model=name), overrides), options, (3, 32, 32))
    if name in list_recipes() or name.endswith((".yaml", ".yml")):
        return _from_recipe(name, read_recipe(name, overrides), options)
    known = [*list_recipes(), *MODELS]
    raise UnknownName(f"{name!r} is no recipe, model or finished run folder; {suggestion(name, known)}")


def _from_recipe(
    name: str, recipe: "Recipe", options: argparse.Namespace, usual: tuple[int, int, int] | None = None
) -> Subject:
    from signwise.train.build import build_network

    if recipe.data.name not in SHAPES and not (options.classes and options.input_size):
        raise ConfigError(
            f"describe: the shape of data set {recipe.data.name!r} is not known here; give --classes and --input-size"
        )
    classes, shape = SHAPES.get(recipe.data.name, (0, (0, 0, 0)))
    size = tuple(options.input_size or usual or shape)
    model, report = build_network(recipe, options.classes or classes, size[0], size[1])
    return Subject(name, model, report, size)


def _saved(folder: str) -> Subject:
    from signwise.train import load_model
    from signwise.train.checkpoint import read_config

    config = read_config(folder)
    return Subject(folder, load_model(folder), None, (len(config["mean"]), *config["size"]))
