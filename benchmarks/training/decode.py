"""Images that one core decodes, crops and scales in a second of processor time, as a worker does for a set on disk.

    python benchmarks/training/decode.py --data DIR [--image-size 224] [--images 512]

DIR holds the set, parquet files or image folders. Processor time, so that other work on the machine does not count.
"""

import argparse
import itertools
import time

import torch

from signwise.data import DataConfig, open_data

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--images", type=int, default=512)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = DataConfig("imagenet", path=options.data, image_size=options.image_size, batch_size=BATCH, holdout=1)
    source = open_data(config)
    crop = source.train.crop
    steps = source.train_loader(seed=0).order.steps(0, columns=crop.columns)
    start, done = time.process_time(), 0
    for step, _, _ in source.train.stream(itertools.islice(steps, options.images // BATCH)):
        done += len(step.rows)
    seconds = time.process_time() - start
    print(f"{done} images, {done / seconds:.0f} a second of processor time")


if __name__ == "__main__":
    main()
