"""signwise compile: a trained network as one small file, verified against PyTorch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signwise.cli.options import VerbParser
from signwise.cli.output import note, show, show_json
from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from signwise.compiler.program import Program
    from signwise.compiler.verify import Verification

EXAMPLES = (
    "runs/digits_resnet8_irnet-seed0",
    "runs/mine --out net.swn",
    "runs/mine --text",
    "runs/mine --samples 64",
    "runs/mine --json",
)


@dataclass(frozen=True)
class Compiled:
    """A network compiled from a run folder; ``float_bytes`` is what its parameters take as float32."""

    path: Path
    program: "Program"
    float_bytes: int
    verification: "Verification | None"

    def to_dict(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "bytes": self.path.stat().st_size,
            "float_bytes": self.float_bytes,
            "operations": len(self.program.graph.nodes),
            "verification": self.verification and self.verification.to_dict(),
        }

    def __str__(self) -> str:
        size, operations = self.path.stat().st_size, len(self.program.graph.nodes)
        return f"{self.path}: {size:,} bytes, float parameters {self.float_bytes:,}, {operations} operations"


def run(arguments: list[str]) -> int:
    """Compile the model in a run folder; 1 if it does not agree with PyTorch."""
    parser = VerbParser("compile", "Lower a trained network into one .swn file and verify it.", EXAMPLES)
    parser.add_argument("folder", help="the folder of a finished run")
    parser.add_argument("--out", help="file to write (default: net.swn in the folder)")
    parser.add_argument("--samples", type=int, default=16, help="images to verify with; 0 to skip (default 16)")
    parser.add_argument("--text", action="store_true", help="print the operations as well")
    options = parser.parse_args(arguments)
    if options.samples < 0:
        raise ConfigError(f"--samples {options.samples}; allowed: 0 or more")
    compiled = compile_folder(options.folder, options.out, options.samples)
    if options.json:
        show_json(compiled.to_dict())
    else:
        if options.text:
            show(str(compiled.program))
        show(str(compiled))
        show("not verified" if compiled.verification is None else str(compiled.verification))
    return int(bool(compiled.verification and not compiled.verification.ok))


def compile_folder(folder: str, out: str | Path | None = None, samples: int = 16) -> Compiled:
    """Compile a run's network, which then takes pixel values 0 to 255, and verify it on images of its data set."""
    from torch import nn

    import signwise
    from signwise.nn.pixels import Pixels
    from signwise.train import load_model
    from signwise.train.checkpoint import read_config

    config = read_config(folder)
    network = nn.Sequential(Pixels(config["mean"], config["std"]), load_model(folder)).eval()
    images = _samples(folder, config, (len(config["mean"]), *config["size"]), samples)
    program = signwise.lower(network, images, {"classes": "\n".join(config["classes"])})
    path = program.save(out or Path(folder) / "net.swn")
    float_bytes = 4 * sum(parameter.numel() for parameter in network.parameters())
    return Compiled(path, program, float_bytes, program.verify(network, images) if samples else None)


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
