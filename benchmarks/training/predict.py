"""What the ImageNet recipe would take on several GPUs: a prediction from stated figures, none of them measured there.

    python benchmarks/training/predict.py [--rate 4500] [--workers 12] [--usd 4] [--gpus 1 8 64] [--contrast]

The formula and where the defaults come from are in docs/scaling.md; every one of them is an option.
"""

import argparse
import math

from rich import print
from rich.table import Table

CONTRAST_HEADS = 4 * 1_738_752  #: bytes of the heads' gradient, ResNet-18
CONTRAST_IMAGE = 2 * 16 * 64 * 4  #: bytes of one image's embeddings: two sides, 16 layers, 64 numbers


def step_seconds(o: argparse.Namespace, gpus: int) -> dict[str, float]:
    """Seconds of the parts of one step."""
    bandwidth = 1e9 * (o.node_bandwidth if gpus <= o.node else o.net_bandwidth)
    reduced = o.gradient + (CONTRAST_HEADS + o.batch * CONTRAST_IMAGE if o.contrast else 0)
    gathered = o.batch * CONTRAST_IMAGE if o.contrast else 0
    return {
        "compute": max(o.batch / gpus / o.rate, o.floor),
        "decode": o.batch / gpus / (o.workers * o.decode),
        "network": (2 * reduced + gathered) * (gpus - 1) / gpus / bandwidth,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    figures = {
        "images": (1_281_167, "training images"),
        "epochs": (100, "of the recipe"),
        "batch": (2048, "of all GPUs together"),
        "rate": (4500.0, "images/s one GPU trains"),
        "workers": (12, "decoding processes of one GPU"),
        "decode": (350.0, "images/s one of them decodes"),
        "evaluated": (50_000, "images evaluated after every epoch"),
        "floor": (0.02, "least seconds of a step, for launching it"),
        "gradient": (46_762_144, "bytes of the network's gradient"),
        "node": (8, "GPUs of one node"),
        "node_bandwidth": (300.0, "GB/s of a GPU within a node"),
        "net_bandwidth": (25.0, "GB/s of a GPU between nodes"),
        "usd": (4.0, "of one GPU for an hour"),
    }
    for name, (value, meaning) in figures.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=meaning)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--contrast", action="store_true", help="with ContrastiveMI")
    options = parser.parse_args()
    table = Table("GPUs", "compute ms", "decode ms", "network ms", "images/s", "hours", "GPU hours", "USD")
    steps = math.floor(options.images / options.batch)
    for gpus in options.gpus:
        parts = step_seconds(options, gpus)
        seconds = max(parts["compute"] + parts["network"], parts["decode"])
        served = min(3 * options.rate, options.workers * options.decode)  # no backward pass in evaluation
        hours = options.epochs * (steps * seconds + options.evaluated / gpus / served) / 3600
        cells = [f"{1e3 * value:.1f}" for value in parts.values()]
        cells += [f"{options.batch / seconds:,.0f}", f"{hours:.2f}", f"{hours * gpus:.1f}"]
        table.add_row(str(gpus), *cells, f"{hours * gpus * options.usd:.0f}")
    print(table)


if __name__ == "__main__":
    main()
