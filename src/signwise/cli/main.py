"""The entry point: find the verb, run it, turn errors into messages and exit codes."""

import importlib
import json
import sys
from collections.abc import Sequence

from signwise import __version__
from signwise.core.errors import SignwiseError, UnknownName
from signwise.core.registry import suggestion

VERBS = {
    "quickstart": "train and compare a few small networks in minutes, and write a report",
    "train": "train a recipe, or continue where its run was left",
    "compare": "methods and objectives against each other at the same budget, over seeds",
    "reproduce": "a table of published results: train what it takes, at the full budgets",
    "eval": "accuracy of a trained model on its data set",
    "compile": "a trained network as one small file, verified against PyTorch",
    "export": "a compiled network as a web page, or as ONNX",
    "bench": "how fast a compiled network is here, and where its time goes",
    "describe": "what is binary in a network, why, and what every layer costs",
    "status": "every method: its class, what it costs, what of its paper is reproduced",
    "list": "methods, models, recipes, tables, objectives, data sets",
    "doctor": "check this machine: versions, processor, data, folders",
}
USAGE = """usage: signwise VERB [arguments]

{verbs}

  signwise quickstart
  signwise list recipes
  signwise train digits/resnet8_irnet --epochs 10
  signwise describe cifar10/resnet20_irnet
  signwise VERB --help

Every verb takes --json. Exit codes: 0 done, 1 done with failures, 2 error, 130 interrupted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``signwise`` with ``argv`` (default: this process's arguments) and return its exit code.

    0: done; 1: done, but a part failed; 2: an error, on stderr, or as JSON on stdout with ``--json``; 130: Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE.format(verbs="\n".join(f"  {verb:<12}{text}" for verb, text in VERBS.items())))
        return 0
    if arguments[0] == "--version":
        print(__version__)
        return 0
    try:
        return _dispatch(arguments[0], arguments[1:])
    except SignwiseError as error:
        if "--json" in arguments:
            print(json.dumps({"error": error.code, "message": str(error)}))
        else:
            print(error, file=sys.stderr)
        return 2
    except SystemExit as end:  # argparse after --help
        return int(end.code or 0)
    except KeyboardInterrupt:
        print("\ninterrupted; what is complete is kept. The same command continues from there.", file=sys.stderr)
        return 130


def _dispatch(verb: str, arguments: list[str]) -> int:
    if verb not in VERBS:
        raise UnknownName(f"unknown verb {verb!r}; {suggestion(verb, VERBS)}")
    return importlib.import_module(f"signwise.cli.{verb}").run(arguments)


if __name__ == "__main__":
    sys.exit(main())
