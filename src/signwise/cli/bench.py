"""signwise bench: how fast a compiled network is on this machine, and where its time goes."""

import platform
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from signwise.cli.options import VerbParser
from signwise.cli.output import show, show_json
from signwise.core.errors import ConfigError

if TYPE_CHECKING:
    from signwise.runtime.session import Session, Timing

EXAMPLES = ("net.swn", "net.swn --threads 2", "net.swn --profile", "net.swn --target scalar", "net.swn --json")


def run(arguments: list[str]) -> int:
    """Time single images through a compiled network; the median of many."""
    parser = VerbParser("bench", "Latency of a compiled network on random images, one at a time.", EXAMPLES)
    parser.add_argument("file", help="a .swn file")
    parser.add_argument("--threads", type=int, default=1, help="default 1")
    parser.add_argument("--target", help="instruction set to force, such as scalar (default: the best there is)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to measure (default 2)")
    parser.add_argument("--profile", action="store_true", help="time every operation")
    options = parser.parse_args(arguments)
    if options.seconds <= 0:
        raise ConfigError(f"--seconds {options.seconds}; allowed: above 0")
    from signwise.runtime.session import load

    start = time.perf_counter()
    session = load(options.file, threads=options.threads, target=options.target)
    loaded = time.perf_counter()
    image = random_image(session)
    first = time.perf_counter()
    session(image)
    first_result_ms = 1e3 * (loaded - start + time.perf_counter() - first)
    facts: dict[str, Any] = {
        "file": options.file,
        "input": list(session.input_shape),
        "dtype": str(image.dtype),
        "target": session.target,
        "threads": options.threads,
        "machine": f"{platform.machine()} {platform.system()}",
        "first_result_ms": first_result_ms,
        **latency(lambda: session(image), options.seconds),
    }
    if options.profile:
        facts["operations"] = profile(session, image, options.seconds)
    if options.json:
        show_json(facts)
        return 0
    show(
        f"{facts['median_ms']:.3f} ms an image of {image.dtype} "
        f"(median of {facts['runs']}; fastest {facts['fastest_ms']:.3f}), "
        f"target {session.target}, threads {options.threads}, {facts['machine']}; "
        f"from file to first result {first_result_ms:.1f} ms"
    )
    if options.profile:
        show(_table(facts["operations"]))
    return 0


def random_image(session: "Session") -> np.ndarray:
    """One image of pixel values 0 to 255, as bytes where the network takes bytes."""
    image = np.random.default_rng(0).integers(256, size=(1, *session.input_shape), dtype=np.uint8)
    return image if session.takes_bytes else image.astype(np.float32)


def latency(run: Callable[[], object], seconds: float) -> dict[str, Any]:
    """Median and fastest milliseconds of one call, after a warm-up."""
    times: list[float] = []
    for _ in range(3):
        run()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return {"runs": len(times), "median_ms": statistics.median(times), "fastest_ms": min(times)}


def profile(session: "Session", image: np.ndarray, seconds: float) -> list[dict[str, Any]]:
    """Median microseconds of every operation, slowest first."""
    samples: list[list[Timing]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples) < 5:
        samples.append(session.profile(image))
    rows = [
        {"op": same[0].op, "source": same[0].source, "us": statistics.median(item.nanoseconds for item in same) / 1e3}
        for same in zip(*samples, strict=True)
    ]
    return sorted(rows, key=lambda row: -row["us"])


def _table(rows: list[dict[str, Any]]) -> Table:
    total = sum(row["us"] for row in rows)
    drawn = Table("operation", "module", "us", "share, %")
    for row in rows:
        drawn.add_row(row["op"], row["source"], f"{row['us']:.1f}", f"{100 * row['us'] / total:.1f}")
    return drawn
