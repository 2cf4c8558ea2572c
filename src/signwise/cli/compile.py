"""signwise compile: a trained network as one small file, verified against PyTorch."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signwise.cli.options import VerbParser
from signwise.cli.output import note, show, show_json
from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from signwise.compiler.program import Program
    from signwise.compiler.verify import Verification
    from signwise.data.images import Batch

EXAMPLES = (
    "runs/digits_resnet8_irnet-seed0",
    "runs/mine --out net.swn",
    "runs/mine --samples 64",
    "runs/mine --real int8",
    "runs/mine --json",
)


@dataclass(frozen=True)
class Rounding:
    """What int8 weights of real layers change: images whose largest result stays where it was with float32, and the
    accuracy of both where labels are known.
    """

    images: int
    same_largest: int
    accuracy_float32: float | None
    accuracy_int8: float | None

    def __str__(self) -> str:
        said = f"int8 real layers: same largest result as float32 on {self.same_largest} of {self.images} images"
        if self.accuracy_float32 is None or self.accuracy_int8 is None:
            return said
        return f"{said}; accuracy {self.accuracy_float32:.2%} with float32, {self.accuracy_int8:.2%} with int8"


@dataclass(frozen=True)
class Compiled:
    """A network compiled from a run folder; ``float_bytes`` is what its parameters take as float32.

    With int8 real layers, ``verification`` is that of the same network with float32, and ``rounding`` compares the two.
    """

    path: Path
    program: "Program"
    float_bytes: int
    verification: "Verification | None"
    rounding: "Rounding | None" = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "bytes": self.path.stat().st_size,
            "float_bytes": self.float_bytes,
            "operations": len(self.program.graph.nodes),
            "verification": self.verification and self.verification.to_dict(),
            "rounding": self.rounding and asdict(self.rounding),
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
    parser.add_argument("--real", default="float32", help="float32 (default), or int8: round the real layers' weights")
    options = parser.parse_args(arguments)
    if options.samples < 0:
        raise ConfigError(f"--samples {options.samples}; allowed: 0 or more")
    compiled = compile_folder(options.folder, options.out, options.samples, options.real)
    if options.json:
        show_json(compiled.to_dict())
    else:
        if options.text:
            show(str(compiled.program))
        show(str(compiled))
        show("not verified" if compiled.verification is None else str(compiled.verification))
        if compiled.rounding:
            show(str(compiled.rounding))
    return int(bool(compiled.verification and not compiled.verification.ok))


def compile_folder(folder: str, out: str | Path | None = None, samples: int = 16, real: str = "float32") -> Compiled:
    """Compile a run's network, which then takes pixel values 0 to 255, and verify it on images of its data set.

    With ``real`` "int8" it takes bytes, and computes the real layers with weights of int8.
    """
    from torch import nn

    import signwise
    from signwise.nn.pixels import Pixels
    from signwise.train import load_model
    from signwise.train.checkpoint import read_config

    config = read_config(folder)
    network = nn.Sequential(Pixels(config["mean"], config["std"]), load_model(folder)).eval()
    images, labels = _samples(folder, config, (len(config["mean"]), *config["size"]), samples)
    meta = {"classes": "\n".join(config["classes"])}
    exact = signwise.lower(network, images, meta)
    program = exact if real == "float32" else signwise.lower(network, images, meta, pixels=True, real=real)
    path = program.save(out or Path(folder) / "net.swn")
    float_bytes = 4 * sum(parameter.numel() for parameter in network.parameters())
    if not samples:
        return Compiled(path, program, float_bytes, None)
    rounding = None if program is exact else _rounding(exact, program, images, labels)
    return Compiled(path, program, float_bytes, exact.verify(network, images), rounding)


def _rounding(exact: "Program", rounded: "Program", images: "torch.Tensor", labels: "torch.Tensor | None") -> Rounding:
    before, after = (program.session()(images).flatten(1).argmax(1) for program in (exact, rounded))
    accuracy = (None, None) if labels is None else tuple((x == labels).double().mean().item() for x in (before, after))
    return Rounding(len(images), int((before == after).sum()), *accuracy)


def _samples(
    folder: str, config: dict[str, Any], shape: tuple[int, ...], count: int
) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Test images of the run's data set as pixels, and their labels; random images where it is not here."""
    import torch

    from signwise.cli.eval import run_data
    from signwise.core.errors import SignwiseError
    from signwise.data import open_data

    count = max(count, 1)
    try:
        loader = open_data(run_data(Path(folder), config, None, None)).eval_loader()
        batches = _first(loader, count)
        mean, std = (torch.tensor(config[key]).view(-1, 1, 1) for key in ("mean", "std"))
        images, labels = (torch.cat([getattr(batch, name) for batch in batches])[:count] for name in ("image", "label"))
        return ((images * std + mean) * 255).round(), labels
    except SignwiseError as error:
        note(f"verifying with random images, since the data set is not here ({error})")
        return torch.randint(256, (count, *shape), generator=torch.Generator().manual_seed(0)).float(), None


def _first(loader: "Iterable[Batch]", count: int) -> "list[Batch]":
    """As many batches as hold ``count`` images."""
    found: list[Batch] = []
    for batch in loader:
        found.append(batch)
        if sum(len(batch.label) for batch in found) >= count:
            break
    return found
