"""signwise train: carry out a recipe, or continue where its run was left."""

import argparse
from typing import TYPE_CHECKING, Any

from signwise.cli.options import RECIPE_KEYS, VerbParser, machine, read_recipe
from signwise.cli.output import note, percent, show, show_json

if TYPE_CHECKING:
    from signwise.train import Recipe

EXAMPLES = (
    "digits/resnet8_irnet",
    "digits/resnet8_irnet_cmim --epochs 10 --seed 1 --out runs/mine",
    "cifar10/resnet20_irnet --data.path data --epochs 120 --optimizer.lr=0.05",
    "cifar10/resnet20_irnet --objectives.contrastive_mi.weight 0.3 --devices 2",
    "cifar10/resnet20_irnet --binary false --json",
)


def run(arguments: list[str]) -> int:
    """Train the recipe named first; the same command continues an unfinished run."""
    parser = VerbParser("train", f"Train a recipe, or continue where its run was left.\n{RECIPE_KEYS}", EXAMPLES)
    parser.add_argument("recipe", help="a name from `signwise list recipes`, or a .yaml file")
    parser.add_argument("--out", help="run folder (default runs/<recipe>-seed<seed>)")
    parser.add_machine_options()
    options, overrides = parser.parse_with_recipe(arguments)
    recipe = read_recipe(options.recipe, overrides)
    where = machine(options)
    from signwise.train import fit

    out = options.out or f"runs/{options.recipe.removesuffix('.yaml').replace('/', '_')}-seed{recipe.seed}"
    announce = note if options.json else show
    announce(heading(options, recipe, out))
    result = fit(recipe, out, on_epoch=_print_epoch if options.json else None, **where)
    if options.json:
        show_json(result.to_dict())
    else:
        show(
            f"accuracy {percent(result.accuracy)} % in the last epoch, {percent(result.best_accuracy)} % in the best; "
            f"{len(result.rows)} epochs, {result.seconds:.0f} s; everything is in {out}"
        )
    return 0


def heading(options: argparse.Namespace, recipe: "Recipe", out: str) -> str:
    """What is about to be trained, in words."""
    from signwise.train.folder import RunFolder

    parts = {
        "recipe": options.recipe,
        "data": f"{recipe.data.name}, batches of {recipe.data.batch_size}",
        "model": recipe.model,
        "method": recipe.method if recipe.binary else f"none: the float twin, wired as for {recipe.method}",
        "objectives": ", ".join(recipe.objectives) or "none",
        "device": device(options),
        "folder": f"{out}{_state(RunFolder(out))}",
    }
    return "\n".join(f"{name:<12}{value}" for name, value in parts.items())


def _state(folder: Any) -> str:
    if folder.finished:
        return " (holds a finished run)"
    return f" (goes on after {len(folder.rows())} whole epochs)" if folder.state else ""


def device(options: argparse.Namespace) -> str:
    """The device that will be used, in words."""
    import torch

    if options.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, devices {options.devices}, machines {options.num_nodes}"
    if options.accelerator in ("auto", "cpu"):
        return f"CPU, {torch.get_num_threads()} threads"
    return f"{options.accelerator}, devices {options.devices}"


def _print_epoch(row: dict[str, Any]) -> None:
    note(f"epoch {row['epoch'] + 1}: accuracy {percent(row['accuracy'])} %, {row['seconds']:.1f} s")
