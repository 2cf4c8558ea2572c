"""Memory of a set that stays on disk: one epoch of decoding for a set, and for the same files several times over.

    python benchmarks/training/stored_memory.py --data DIR --times 1 8 [--image-size 224] [--workers 1] [--json FILE]

DIR holds train-*.parquet. Each set is a folder of links, entered into a fresh cache and then read through by another
process; its memory and its workers' are looked up in /proc twice every second: private pages (what they need) and pages
of files (libraries and the mapped set, which the system may take back at any time). The peaks are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich import print
from rich.table import Table

EPOCH = """
import sys
from signwise.data import DataConfig, open_data
from signwise.train.memory import keep_freed_memory
keep_freed_memory()  # as training does
path, size, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
source = open_data(DataConfig("imagenet", path=path, image_size=size, workers=workers, batch_size=64, holdout=64))
print(source.train_size, flush=True)
for batch in source.train_loader(seed=0) if sys.argv[4:] else ():
    pass
"""


def family(process: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *map(int, children)]


def memory(process: int) -> tuple[int, int]:
    """Private and file pages of a process, in KiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    facts = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return int(facts["RssAnon"]), int(facts["RssFile"])


def peaks(folder: Path, cache: str, image_size: int, workers: int) -> tuple[int, float, dict[str, float]]:
    """Images, seconds, and the largest private and file memory of the loading process and of its workers, in MiB."""
    command = [sys.executable, "-c", EPOCH, str(folder), str(image_size), str(workers)]
    environment = os.environ | {"SIGNWISE_CACHE": cache}
    subprocess.run(command, check=True, capture_output=True, env=environment)  # fills the cache
    process = subprocess.Popen(
        [*command, "read"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdout
    images, start = int(process.stdout.readline()), time.perf_counter()
    most: dict[str, float] = {}
    while process.poll() is None:
        try:
            main, *others = [memory(member) for member in family(process.pid)]
        except (FileNotFoundError, ProcessLookupError, KeyError):  # it ended while we looked
            continue
        for name, values in (("main", [main]), ("workers", others)):
            for kind, column in (("private", 0), ("files", 1)):
                key = f"{name}, {kind}"
                most[key] = max(most.get(key, 0.0), sum(value[column] for value in values) / 1024)
        time.sleep(0.5)
    return images, time.perf_counter() - start, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    files = sorted(options.data.glob("train-*.parquet"))
    table = Table("images", "images/s", "main: private MiB", "files", "workers: private MiB", "files")
    results = []
    for times in options.times:
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "set"
            folder.mkdir()
            for number, file in enumerate(files * times):
                (folder / f"train-{number:05d}-of-{len(files) * times:05d}.parquet").symlink_to(file)
            images, seconds, most = peaks(folder, f"{home}/cache", options.image_size, options.workers)
        results.append({"images": images, "images_per_second": images / seconds, "peak_mib": most})
        table.add_row(f"{images:,}", f"{images / seconds:.0f}", *(f"{value:.0f}" for value in most.values()))
    print(table)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
