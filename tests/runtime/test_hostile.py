"""Files that nobody vouches for, in a process of their own: see hostile.c."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings

from signwise.compiler.ir import Graph
from signwise.compiler.plan import write
from signwise.runtime.build import compiler, inputs
from tests.export.random_graphs import graphs
from tests.runtime.plans import every_op, with_slots

HARNESS = Path(__file__).with_name("hostile.c")


def build(folder: Path, *flags: str, targets: bool) -> Path:
    """The harness with the core; ``targets``: with every instruction set of this machine, or the portable one only."""
    command = [*compiler(), "-std=c11", "-O1", "-ffp-contract=off", "-pthread", *flags, *inputs(targets), str(HARNESS)]
    subprocess.run([*command, "-o", "hostile"], cwd=folder, check=True)
    return folder / "hostile"


def run(harness: Path, rounds: int, threads: int, paths: list[str]) -> int:
    """How many of ``rounds`` spoilt copies of each file were accepted."""
    command = [str(harness), str(rounds), "1", str(threads), *paths]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=900).stdout)


def files(folder: Path, count: int) -> list[str]:
    """Files of every operation and of random graphs."""
    plans = [every_op()]

    @seed(1)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(graphs())
    def collect(graph: Graph) -> None:
        plans.append(with_slots(graph))

    collect()
    paths = [folder / f"{index}.swn" for index in range(len(plans))]
    for path, graph in zip(paths, plans, strict=True):
        path.write_bytes(write(graph))
    return [*map(str, paths)]


def test_spoilt_files_are_refused_or_run(tmp_path):
    harness = build(tmp_path, targets=False)
    assert 100 < run(harness, 1000, 1, files(tmp_path, 20)) < 20_000  # some changes do no harm, and most do


@pytest.mark.slow
def test_spoilt_files_under_sanitizers(tmp_path):
    harness = build(tmp_path, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", targets=True)
    assert run(harness, 3000, 1, files(tmp_path, 60)) > 1000


@pytest.mark.slow
def test_threads_under_a_sanitizer(tmp_path):
    harness = build(tmp_path, "-g", "-fsanitize=thread", targets=False)
    assert run(harness, 50, 3, files(tmp_path, 30)) > 100
