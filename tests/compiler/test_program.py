"""The road from a module to a verified file, through the public names."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import signwise
from signwise.compiler.program import Program, read_program
from signwise.core.errors import PlanError


def network(method: str = "irnet", model: str = "resnet20_tiny") -> nn.Module:
    torch.manual_seed(0)
    chosen = signwise.get_method(method)
    net = signwise.create_model(model, 10, 3, chosen.wiring)
    signwise.binarize_(net, chosen)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return net.eval()


def images(count: int = 5) -> torch.Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_saved_program_gives_the_modules_results(tmp_path: Path) -> None:
    net, x = network(), images()
    path = signwise.lower(net, x, {"note": "a test"}).save(tmp_path / "net.swn")
    session = signwise.load(path)
    torch.testing.assert_close(session(x), net(x).detach(), rtol=1e-5, atol=1e-5)
    assert session.meta["note"] == "a test"
    assert str(read_program(path)).endswith(str(signwise.lower(net, x)))


@pytest.mark.parametrize("method", ["bnn", "dorefa", "reactnet", "rbnn", "xnor"])
def test_verification_passes_on_every_deployment_class(method: str) -> None:
    net, x = network(method), images()
    found = signwise.lower(net, x).verify(net, x)
    assert found.ok and found.error < 1e-4
    assert len(found.layers) == 6 and all(count > 0 and wrong == 0 for _, count, wrong in found.layers)
    assert "verified on 5 images" in str(found) and found.to_dict()["same_argmax"] == 5


def test_verification_finds_one_wrong_threshold_and_one_wrong_bit() -> None:
    net, x = network("reactnet"), images()
    program = signwise.lower(net, x)
    place = next(i for i, node in enumerate(program.graph.nodes) if node.op == "bconv")
    node = program.graph.nodes[place]

    def changed(**consts: np.ndarray) -> Program:
        nodes = list(program.graph.nodes)
        nodes[place] = node.with_(consts={**node.consts, **consts})
        return Program(replace(program.graph, nodes=tuple(nodes)))

    assert not changed(shift=node.consts["shift"] + 3).verify(net, x).ok
    weight = node.consts["weight"].copy()
    weight.flat[0] *= -1
    with pytest.raises(PlanError, match=f"verify: {node.source} has no convolution with the weights"):
        changed(weight=weight).verify(net, x)


def test_unwritable_place_leaves_nothing(tmp_path: Path) -> None:
    program = signwise.lower(network(), images())
    with pytest.raises(PlanError, match=r"cannot write .*net\.swn: No such file or directory.*Nothing was left"):
        program.save(tmp_path / "absent" / "net.swn")
    with pytest.raises(PlanError, match=r"cannot read .*absent: No such file"):
        read_program(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("c_compiler")
def test_a_file_runs_without_torch(tmp_path: Path) -> None:
    net, x = network(), images(2)
    signwise.lower(net, x).save(tmp_path / "net.swn")
    np.save(tmp_path / "x.npy", x.numpy())
    code = (
        "import sys, numpy, signwise\n"
        f"y = signwise.load({str(tmp_path / 'net.swn')!r})(numpy.load({str(tmp_path / 'x.npy')!r}))\n"
        "assert 'torch' not in sys.modules\n"
        "print(*y.argmax(1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(int(place)) for place in net(x).argmax(1)]
