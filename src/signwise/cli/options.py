"""Arguments of the verbs: argparse whose errors are ours, and options for recipes."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    from signwise.train.recipe import Recipe

RECIPE_KEYS = "Every key of the recipe is an option too, dotted: --epochs 10 --optimizer.lr=0.05 --data.path DIR"


class VerbParser(argparse.ArgumentParser):
    """A verb's arguments; ``--json`` is one of them, and five lines to copy end the help.

    Errors: ConfigError where argparse would exit.
    """

    def __init__(self, verb: str, description: str, examples: Sequence[str]):
        lines = "\n".join(f"  signwise {verb} {example}".rstrip() for example in examples)
        super().__init__(
            prog=f"signwise {verb}",
            description=description,
            epilog=f"examples:\n{lines}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--json", action="store_true", help="print the result as JSON")

    def add_machine_options(self) -> None:
        """Where a verb that trains runs."""
        group = self.add_argument_group("machine")
        group.add_argument("--accelerator", default="auto", help="auto, cpu, gpu, ... (default auto)")
        group.add_argument("--devices", default="auto", help="how many, or which: 2, 0,1 (default auto)")
        group.add_argument("--num-nodes", type=int, default=1, help="machines that train together (default 1)")
        group.add_argument("--checkpoint-minutes", type=float, default=5, help="most between checkpoints (default 5)")
        group.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")

    def parse_with_recipe(self, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """The verb's own arguments, and the rest, which are keys of the recipe; the recipe's name comes first."""
        if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
            raise ConfigError(f"{self.prog}: found {arguments[0]!r} first; the recipe's name comes first, then options")
        return self.parse_known_args(arguments)

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{self.prog}: {message}; see {self.prog} --help")


def read_recipe(name: str, overrides: list[str]) -> "Recipe":
    """The named recipe with command-line overrides."""
    from signwise.train.recipe import load_recipe, override_recipe

    recipe = load_recipe(name)
    return override_recipe(recipe, overrides) if overrides else recipe


def machine(arguments: argparse.Namespace) -> dict[str, Any]:
    """The machine options as ``fit`` takes them; sets the threads."""
    if arguments.threads is not None:
        import torch

        if arguments.threads < 1:
            raise ConfigError(f"--threads {arguments.threads}; allowed: 1 or more")
        torch.set_num_threads(arguments.threads)
    return {name: getattr(arguments, name) for name in ("accelerator", "devices", "num_nodes", "checkpoint_minutes")}
