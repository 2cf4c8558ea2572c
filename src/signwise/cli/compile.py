"""signwise compile: a trained network as one small file, verified against PyTorch."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signwise.cli.options import VerbParser
from signwise.cli.output import note, show, show_json

if TYPE_CHECKING:
    import torch

EXAMPLES = (
    "runs/digits_resnet8_irnet-seed0",
    "runs/mine --out net.swn",
    "runs/mine --text",
    "runs/mine --samples 64",
    "runs/mine --json",
)


def run(arguments: list[str]) -> int:
    """Compile the model in a run folder; 1 if it does not agree with PyTorch."""
    parser = VerbParser("compile", "Lower a trained network into one .swn file and verify it.", EXAMPLES)
    parser.add_argument("folder", help="the folder of a finished run")
    parser.add_argument("--out", help="file to write (default: net.swn in the folder)")
    parser.add_argument("--samples", type=int, default=16, help="images to verify with; 0 to skip (default 16)")
    parser.add_argument("--text", action="store_true", help="print the operations as well")
    options = parser.parse_args(arguments)
    from torch import nn

    import signwise
    from signwise.nn.pixels import Pixels
    from signwise.train import load_model
    from signwise.train.checkpoint import read_config

    config = read_config(options.folder)
    network = nn.Sequential(Pixels(config["mean"], config["std"]), load_model(options.folder)).eval()
    shape = (len(config["mean"]), *config["size"])
    images = _samples(options.folder, config, shape, options.samples)
    program = signwise.lower(network, images[:1], {"classes": "\n".join(config["classes"])})
    path = program.save(options.out or Path(options.folder) / "net.swn")
    facts: dict[str, Any] = {"file": str(path), "bytes": path.stat().st_size, "operations": len(program.graph.nodes)}
    float_bytes = 4 * sum(parameter.numel() for parameter in network.parameters())
    facts["float_bytes"] = float_bytes
    verification = program.verify(network, images) if options.samples else None
    if verification:
        facts["verification"] = verification.to_dict()
    if options.json:
        show_json(facts)
    else:
        if options.text:
            show(str(program))
        show(f"{path}: {facts['bytes']:,} bytes, float parameters {float_bytes:,}, {facts['operations']} operations")
        show("not verified" if verification is None else str(verification))
    return int(bool(verification and not verification.ok))


def _samples(folder: str, config: dict[str, Any], shape: tuple[int, ...], count: int) -> "torch.Tensor":
    """Test images of the run's data set as pixels; random ones where it is not here."""
    import torch

    from signwise.cli.eval import run_data
    from signwise.core.errors import SignwiseError
    from signwise.data import open_data

    count = max(count, 1)
    try:
        loader = open_data(run_data(Path(folder), config, None, None)).eval_loader()
        mean, std = (torch.tensor(config[key]).view(-1, 1, 1) for key in ("mean", "std"))
        return _first(((batch.image * std + mean) * 255 for batch in loader), count).round()
    except SignwiseError as error:
        note(f"verifying with random images, since the data set is not here ({error})")
        return torch.randint(256, (count, *shape), generator=torch.Generator().manual_seed(0)).float()


def _first(batches: "Iterator[torch.Tensor]", count: int) -> "torch.Tensor":
    import torch

    found: list[torch.Tensor] = []
    for batch in batches:
        found.append(batch)
        if sum(map(len, found)) >= count:
            break
    return torch.cat(found)[:count]
