"""Latency of one image, side by side in one run: signwise against PyTorch, ONNX Runtime and OpenVINO.

    pip install 'signwise[bench]'
    python benchmarks/inference/run.py --out FOLDER [--threads 2] [--work layer64 resnet18] [--rivals torch ours]

Contenders take turns in short bursts, each after a call that is not timed, in another order every round, so that drift
of the machine and cold caches hit all alike. The time is that of the whole call: array in, array out. Before it is
timed, every contender's result is compared with PyTorch's for the same network: the column "error" is the largest
difference over the largest value. Float contenders run the float twin: the same network before it was binarized.
FOLDER gets results.json and results.png.
"""

import argparse
import importlib
import json
import os
import platform
import random
import statistics
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figure import draw
from rich.console import Console
from rich.table import Table
from work import WORKS, Contender, Work

import signwise

RIVALS = {
    "torch": "rival_torch",
    "onnxruntime": "rival_onnxruntime",
    "openvino": "rival_openvino",
    "openvino_binary": "rival_openvino_binary",
    "ours": "ours",
}
FLAGS = {"ssse3", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_vpopcntdq", "avx512_bf16", "asimd"}
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "SIGNWISE_TARGET")
ROUNDS = 6


def machine() -> dict[str, Any]:
    """Processor, versions, and the variables by which a user can hold back an instruction set."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    about = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    about = {key.strip(): value for key, value in about.items()}
    versions = {"signwise": signwise.__version__}
    for package in ("torch", "numpy", "onnxruntime", "openvino"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": about.get("model name", platform.processor()),
        "family, model": [about.get("cpu family"), about.get("model")],
        "cores": os.cpu_count(),
        "flags": sorted(FLAGS & {*about.get("flags", about.get("Features", "")).split()}),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": versions,
        "limits": {name: os.environ[name] for name in LIMITS if name in os.environ},
    }


def error(work: Work, contender: Contender) -> float:
    with torch.no_grad():
        expected = (work.real if contender.twin == "real" else work.binary)(work.image).numpy()
    return float(np.abs(contender.call() - expected).max() / np.abs(expected).max())


def burst(contender: Contender, seconds: float) -> list[float]:
    """Milliseconds of calls, for about so long, after one that warms the caches."""
    contender.call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        contender.call()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def measure(work: Work, contenders: list[Contender], seconds: float) -> dict[str, Any]:
    rows: dict[str, Any] = {
        contender.name: {
            "error": error(work, contender),
            "bytes": contender.file.stat().st_size if contender.file else None,
            "target": contender.target,
            "twin": contender.twin,
        }
        for contender in contenders
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    order = random.Random(0)
    for _ in range(ROUNDS):
        for contender in order.sample(contenders, len(contenders)):
            times[contender.name] += burst(contender, seconds / ROUNDS)
    for name, row in rows.items():
        row |= {"median_ms": statistics.median(times[name]), "fastest_ms": min(times[name]), "runs": len(times[name])}
    return rows


def table(work: Work, rows: dict[str, Any]) -> Table:
    kinds = {"best fp32": "fp32", "best int8": "int8", "binary rival": "BinaryConvolution"}
    best = [
        min((row["median_ms"] for name, row in rows.items() if word in name), default=None) for word in kinds.values()
    ]
    heads = "contender", "median ms", "fastest", *(f"over {kind}" for kind in kinds), "error", "bytes", "target"
    drawn = Table(*heads, title=work.name)
    for name, row in sorted(rows.items(), key=lambda item: item[1]["median_ms"]):
        ratios = ["-" if other is None else f"{other / row['median_ms']:.2f}x" for other in best]
        size = f"{row['bytes']:,}" if row["bytes"] else "-"
        times = f"{row['median_ms']:.3f}", f"{row['fastest_ms']:.3f}"
        drawn.add_row(name, *times, *ratios, f"{row['error']:.1e}", size, row["target"])
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", nargs="+", choices=WORKS, default=[*WORKS])
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=[*RIVALS])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each contender at each work")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    modules = [importlib.import_module(RIVALS[name]) for name in options.rivals]
    results: dict[str, Any] = {"threads": options.threads, **machine(), "works": {}}
    console = Console(width=160)
    console.print({key: value for key, value in results.items() if key != "works"})
    for name in options.work:
        torch.manual_seed(0)
        work = WORKS[name]()
        with tempfile.TemporaryDirectory() as folder:
            contenders = [item for module in modules for item in module.contenders(work, options.threads, Path(folder))]
            rows = results["works"][work.name] = measure(work, contenders, options.seconds)
        console.print(table(work, rows))
        (options.out / "results.json").write_text(json.dumps(results, indent=1))
        draw(results, options.out / "results.png")


if __name__ == "__main__":
    main()
