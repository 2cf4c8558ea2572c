import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No test reads or writes the cache of the user, nor finds a set by accident."""
    monkeypatch.setenv("SIGNWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SIGNWISE_DATA", raising=False)


def _png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def write_parquet():
    """write_parquet(file, arrays or encoded images, labels, class names or None)."""

    def write(file, images, labels, names=("cat", "dog")):
        import datasets

        kind = datasets.ClassLabel(names=list(names)) if names else datasets.Value("int64")
        features = datasets.Features({"image": datasets.Image(), "label": kind})
        cells = [{"bytes": i if isinstance(i, bytes) else _png(i), "path": None} for i in images]
        schema = pa.schema({"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()})
        table = pa.Table.from_pylist([{"image": c, "label": y} for c, y in zip(cells, labels, strict=True)], schema)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.replace_schema_metadata(features.arrow_schema.metadata if names else None), file)
        return file

    return write


@pytest.fixture
def arrays():
    """arrays(n, h, w, channels): n different random uint8 images, H W or H W 3."""

    def make(n, h=6, w=5, channels=3, seed=0):
        shape = (n, h, w) if channels == 1 else (n, h, w, channels)
        return list(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))

    return make


@pytest.fixture
def pets(tmp_path, write_parquet, arrays):
    """A set of 10 training (two files) and 4 test images of 6x5x3 in the folder pets."""
    folder = tmp_path / "pets"
    write_parquet(folder / "train-00000-of-00002.parquet", arrays(6), [0, 1, 0, 1, 0, 1])
    write_parquet(folder / "train-00001-of-00002.parquet", arrays(4, seed=1), [1, 1, 0, 0])
    write_parquet(folder / "test-00000-of-00001.parquet", arrays(4, seed=2), [0, 1, 1, 0])
    return folder
