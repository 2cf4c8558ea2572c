"""signwise eval: accuracy of a trained model on its data set."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signwise.cli.options import VerbParser
from signwise.cli.output import percent, show, show_json
from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from signwise.data import DataConfig, DataSource, Loader

EXAMPLES = (
    "runs/digits_resnet8_irnet-seed0",
    "runs/digits_resnet8_irnet-seed0 --json",
    "runs/mine/model.safetensors",
    "runs/mine --data.path data",
    "runs/mine --data.name my_photos --data.path data/my_photos --accelerator cpu",
)


def run(arguments: list[str]) -> int:
    """Evaluate the model in a run folder on the test split, whatever the run itself held out."""
    parser = VerbParser("eval", "Accuracy of a trained model on the test split of its data set.", EXAMPLES)
    parser.add_argument("folder", help="the folder of a finished run, or a model.safetensors in one")
    parser.add_argument("--data.name", dest="name", help="data set (default: the one it was trained on)")
    parser.add_argument("--data.path", dest="path", help="where the data set is")
    parser.add_argument("--accelerator", default="auto", choices=("auto", "cpu", "gpu"), help="default auto")
    options = parser.parse_args(arguments)
    import torch

    from signwise.data import open_data
    from signwise.train import load_model
    from signwise.train.checkpoint import read_config

    config = read_config(options.folder)
    model = load_model(options.folder)
    source = open_data(run_data(Path(options.folder), config, options.name, options.path))
    _check_classes(options.folder, config["classes"], source)
    usual = replace(source.evaluation, mean=tuple(config["mean"]), std=tuple(config["std"]))
    source = replace(source, evaluation=usual)
    device = "cuda" if options.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    right, n = count_right(model.to(device), source.eval_loader(device=device))
    facts = {"folder": str(options.folder), "data": source.config.name, "accuracy": right / n, "right": right, "n": n}
    if options.json:
        show_json(facts)
    else:
        show(f"accuracy {percent(right / n)} % on {source.config.name}: {right} of {n} images")
    return 0


def run_data(folder: Path, config: dict[str, Any], name: str | None, path: str | None) -> "DataConfig":
    """The data of the run's recipe, or where that is gone the set named in model.json; without any holdout."""
    from signwise.data import DataConfig
    from signwise.train.folder import RECIPE
    from signwise.train.recipe import load_recipe

    recipe = (folder.parent if folder.is_file() else folder) / RECIPE
    known = load_recipe(str(recipe)).data if recipe.exists() and name is None else DataConfig(name or config["data"])
    return replace(known, path=path or known.path, holdout=0, train_samples=None)


def _check_classes(folder: str, classes: list[str], source: "DataSource") -> None:
    if len(classes) != len(source.classes):
        raise ConfigError(
            f"the model in {folder} has {len(classes)} classes, data set {source.config.name!r} has "
            f"{len(source.classes)}; allowed: equal numbers. Give the data set it was trained on with --data.name."
        )


def count_right(model: "nn.Module", loader: "Loader") -> tuple[int, int]:
    """Images classified correctly, and images in all."""
    import torch

    right = n = 0
    with torch.inference_mode():
        for batch in loader:
            right += int((model(batch.image).argmax(1) == batch.label).sum())
            n += len(batch.label)
    return right, n
