"""What the front end refuses, and how it says so."""

import logging
import re
from functools import cache

import pytest
import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.nn import functional as F

from signwise.compiler.frontend import capture
from signwise.compiler.frontend.capture import exported
from signwise.compiler.frontend.reader import Reader, results_of
from signwise.core.errors import LoweringError, ShapeError
from signwise.models import create_model
from tests.compiler.captured import Function, Step, Together, label, seeded


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return x.relu()


def unstable_norm() -> nn.Module:
    norm = nn.BatchNorm2d(6)
    nn.init.constant_(norm.running_var, -1.0)
    return norm


def branching(x: Tensor) -> Tensor:
    return x.relu() if x.sum() > 0 else x


REFUSED: dict[str, tuple[Function, str]] = {
    "torch.sign": (
        torch.sign,
        "sign of (6, 4, 4): torch.sign(0) is 0, so that its result has three values and no single bit. "
        "Use signwise.components.sign.sign, or torch.where(x >= 0, 1.0, -1.0).",
    ),
    "unknown operation": (
        torch.erf,
        "erf of (6, 4, 4): there is no such operation in the graph. Write it with operations that docs/compiler.md "
        "lists.",
    ),
    "softmax": (
        lambda x: x.softmax(1),
        "_softmax of (6, 4, 4): there is no such operation in the graph. Leave it out of the network and apply it to "
        "the results.",
    ),
    "equality": (
        lambda x: (x == 0).float(),
        "eq of (6, 4, 4): there is no such operation in the graph. Compare with >= or <=.",
    ),
    "transposed convolution": (
        lambda x: F.conv_transpose2d(x, torch.ones(6, 2, 2, 2)),
        "convolution of (6, 4, 4): there is no such operation in the graph. In place of a transposed convolution, "
        "enlarge with torch.nn.Upsample and convolve then.",
    ),
    "five dimensions": (
        lambda x: x.view(len(x), 2, 3, 4, 4) + 1,
        "add of (2, 3, 4, 4): a tensor with 5 dimensions, (2, 3, 4, 4) for one image, is computed with; at most "
        "(C, H, W) can be. Reshape it before, or leave this step out of the network and apply it to the results.",
    ),
    "a dynamic weight": (
        lambda x: F.conv2d(x, x[:, :, :1, :1]),
        "conv2d of (6, 4, 4): a weight depends on the input; allowed: constants. Keep it in a parameter or a buffer.",
    ),
    "constants for images": (
        lambda x: x + torch.arange(float(len(x))).view(-1, 1, 1, 1),
        "add of (6, 4, 4): a constant differs between the images of a batch. Make it the same for all images.",
    ),
    "an infinite constant": (
        lambda x: x + torch.inf,
        "add of (6, 4, 4): a constant holds NaN or infinity. Check the weights, or use finite constants.",
    ),
    "a division by zero": (
        lambda x: x / 0,
        "div of (6, 4, 4): its scale or shift is NaN or infinite. Check the weights and statistics of this module.",
    ),
    "random numbers": (
        lambda x: x + torch.rand(6, 1, 1),
        "rand: it draws random numbers; allowed: a fixed result. Leave it out in evaluation.",
    ),
    "indices": (
        lambda x: F.adaptive_max_pool2d(x, 1, return_indices=True)[1],
        "getitem of (6, 1, 1): its result 1 has no operation; allowed: result 0. Leave it out.",
    ),
    "integers": (
        lambda x: x.int() + 1,
        "_to_copy of (6, 4, 4): real values are cast to torch.int32; allowed: torch.float32. Leave the cast out.",
    ),
    "double": (
        lambda x: x * torch.ones(1, dtype=torch.float64),
        "mul of (6, 4, 4): it computes in torch.float64; allowed: torch.float32. Leave the cast out.",
    ),
    "one image": (
        lambda x: x[0],
        "select of (6, 4, 4): images of a batch are mixed or taken apart. Keep the first dimension, the batch, as it "
        "is.",
    ),
    "images in another order": (
        lambda x: x.flip(0),
        "flip of (6, 4, 4): images of a batch are mixed or taken apart. Keep the first dimension, the batch, as it is.",
    ),
    "transposition": (
        lambda x: x.mT.relu(),
        "relu of (6, 4, 4): values are rearranged within the image, (6, 4, 4) to (6, 4, 4), in a way that has no "
        "operation; allowed: slices with positive steps, any choice of channels, nearest enlargement, flattening. "
        "Rearrange before the network, or leave this step out and apply it to the results.",
    ),
    "ranks": (
        lambda x: x[:, :, :2] * x.mean((1, 3)),
        "mul of (6, 2, 4): (2, 6, 2, 4) and (2, 4) have different numbers of dimensions. Add the missing ones before.",
    ),
    "an infinite choice": (
        lambda x: torch.where(x > 0, 2 / x, x),
        "where of (6, 4, 4): it chooses between values of which one may be infinite, as the result of a division or of "
        "exp, and the choice is made by multiplying with 0 and 1. Clamp that value, or choose before the division.",
    ),
    "cubes": (
        lambda x: x**3,
        "pow of (6, 4, 4): the exponent is 3; allowed: 1, 2, 0.5, -1, -0.5. Multiply instead.",
    ),
    "the mean of a batch": (
        lambda x: x - x.mean((0, 2, 3), keepdim=True),
        "mean of (6, 4, 4): it reduces dimensions [0, 2, 3], the batch (0) among them. Name the dimensions from 1 on.",
    ),
    "variance of one value": (
        lambda x: x[:, :1].std(1),
        "var of (1, 4, 4): the variance of 1 value(s) with correction 1.0 is not finite. Leave it out.",
    ),
    "no batch": (
        lambda x: F.max_pool2d(x.mean(1), 2),
        "max_pool2d of (4, 4): its input has 3 dimensions; allowed: 4. Keep the batch as the first one.",
    ),
    "a product from the left": (
        lambda x: torch.ones(3, len(x)) @ x.mean((2, 3)),
        "mm of (6,): a constant is multiplied by the input from the left. Use torch.nn.functional.linear(x, weight).",
    ),
    "uneven adaptive pool": (
        lambda x: F.adaptive_avg_pool2d(x, 3),
        "adaptive_avg_pool2d of (6, 4, 4): it pools (4, 4) adaptively to (3, 3); allowed: sizes that divide evenly. "
        "Use a pool with a fixed window, or another input size.",
    ),
    "the largest channel": (
        lambda x: x.amax(1),
        "amax of (6, 4, 4): the largest over channels has no operation; allowed: over rows and columns. Leave it out.",
    ),
    "padding of the batch": (
        lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 0, 1)),
        "constant_pad_nd of (6, 4, 4): it pads the batch. Pad the dimensions from 1 on.",
    ),
    "padding of channels with ones": (
        lambda x: F.pad(x, (0, 0, 0, 0, 0, 1), value=1.0),
        "constant_pad_nd of (6, 4, 4): channels are padded with 1.0; allowed: 0. Concatenate a constant instead.",
    ),
    "fractional enlargement": (
        lambda x: F.interpolate(x, scale_factor=1.3, mode="bilinear"),
        "upsample_bilinear2d of (6, 4, 4): scale_factor [1.3, 1.3] takes (4, 4) to the fractional size [5.2, 5.2]. "
        "Give interpolate a size, or recompute_scale_factor=True.",
    ),
    "joined rows": (
        lambda x: torch.cat([x, x], 2),
        "cat of (6, 4, 4): it joins along dimension 2 of 4; allowed: 1, the channels. Join channels.",
    ),
}


@cache
def refused() -> tuple[ExportedProgram, dict[str, fx.Node]]:
    program = exported(Together({name: function for name, (function, _) in REFUSED.items()}).eval(), seeded(1, 6, 4, 4))
    return program, results_of(program)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    program, results = refused()
    where = f"steps.{list(REFUSED).index(name)} (Step), "
    with pytest.raises(LoweringError, match=re.escape(f"SW401: {where}{REFUSED[name][1]}") + "$"):
        Reader(program).graph({name: next(node for key, node in results.items() if key.startswith(label(name)))})


def test_refused_inside_a_module() -> None:
    model = nn.Sequential(nn.Conv2d(6, 6, 1), nn.Sequential(nn.Softmax(1))).eval()
    with pytest.raises(LoweringError, match=r"^SW401: 1\.0 \(Softmax\), _softmax of \(6, 4, 4\): there is no such"):
        capture(model, seeded(1, 6, 4, 4))


def test_refused_norms() -> None:
    text = "the network (BatchNorm2d), _native_batch_norm_legit of (6, 4, 4): there is no such operation in the graph. "
    with pytest.raises(
        LoweringError, match=re.escape(text + "Give the norm running statistics: track_running_stats=True.")
    ):
        capture(nn.BatchNorm2d(6, track_running_stats=False).eval(), seeded(1, 6, 4, 4))
    with pytest.raises(LoweringError, match="its scale or shift is NaN or infinite"):
        capture(unstable_norm().eval(), seeded(1, 6, 4, 4))


def test_refused_states() -> None:
    counter = Counter().eval()
    text = (
        "SW401: the network changes its buffer 'seen' in evaluation; allowed: a forward pass that changes nothing. "
        "Change it in training only."
    )
    with pytest.raises(LoweringError, match=re.escape(text)):
        capture(counter, seeded(1, 6, 4, 4))
    model = nn.Sequential(nn.ReLU(), nn.Dropout()).eval()
    model[1].train()
    text = "SW401: 1 (Dropout) is in training mode; allowed: evaluation mode. Call model.eval() first."
    with pytest.raises(LoweringError, match=re.escape(text)):
        capture(model, seeded(1, 6))
    text = "SW401: ReLU is in training mode; allowed: evaluation mode. Call model.eval() first."
    with pytest.raises(LoweringError, match=re.escape(text)):
        capture(nn.ReLU(), seeded(1, 6))
    text = "SW401: weight is on meta; allowed: the CPU. Call model.cpu() first."
    with pytest.raises(LoweringError, match=re.escape(text)):
        capture(nn.Linear(6, 6, device="meta").eval(), seeded(1, 6))


@pytest.mark.parametrize(
    ("example", "found"),
    [
        (torch.zeros(1, 6, dtype=torch.uint8), "torch.uint8 of shape (1, 6)"),
        (torch.zeros(6), "torch.float32 of shape (6,)"),
        (torch.zeros(1, 6, 2, 2, 2), "torch.float32 of shape (1, 6, 2, 2, 2)"),
        (torch.zeros(0, 6), "torch.float32 of shape (0, 6)"),
    ],
)
def test_refused_examples(example: Tensor, found: str) -> None:
    text = (
        f"SW401: the example is {found}; allowed: float32 of shape (N, C), (N, C, L) or (N, C, H, W) with N of at "
        "least 1. Give images as the network gets them."
    )
    with pytest.raises(LoweringError, match=re.escape(text)):
        capture(nn.ReLU().eval(), example)


def test_what_torch_export_refuses() -> None:
    with pytest.raises(LoweringError) as caught:
        capture(Step(branching).eval(), seeded(1, 6, 4, 4))
    text = (
        r"SW401: torch\.export cannot follow Step: Could not guard on data-dependent expression .*[^.]\. Allowed: a "
        r"forward pass that runs on a batch of 2, by steps that do not depend on the input's values\. Use "
        r"torch\.where, not `if`\."
    )
    assert re.fullmatch(text, str(caught.value))
    assert logging.root.manager.disable == 0


def test_the_models_own_errors_are_its_own() -> None:
    model = create_model("resnet20_tiny").eval()
    with pytest.raises(ShapeError, match=r"the model got an input of shape \(2, 1, 32, 32\)"):
        capture(model, torch.zeros(1, 1, 32, 32))
