"""Constant maps stored as frames: what comes back is what went in, and no pixel more is stored than needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from signwise.compiler.frame import shrink, spread


@given(arrays(np.float32, st.tuples(*[st.integers(1, 7)] * 3), elements=st.sampled_from([0.0, -0.0, 1.0, np.nan])))
def test_any_map_comes_back_bit_for_bit(value: np.ndarray) -> None:
    assert spread(shrink(value), value.shape).tobytes() == value.tobytes()


@pytest.mark.parametrize(
    ("rows", "columns", "stored"),
    [
        ([7, 7, 7, 7], [1, 1], (1, 1)),
        ([5, 7, 7, 7, 6], [1, 2, 2], (3, 3)),
        ([5, 7, 7, 7, 7], [1, 2, 2, 2, 2, 3, 4], (3, 5)),
        ([1, 2, 2, 3], [1, 2, 3, 3], (3, 4)),
        ([1, 0, 1, 1, 1, 1, 1], [4], (5, 1)),
    ],
)
def test_the_smallest_frame_is_stored(rows: list[int], columns: list[int], stored: tuple[int, int]) -> None:
    value = np.float32(rows)[None, :, None] * np.float32(columns)
    assert shrink(value).shape == (1, *stored)


@pytest.mark.parametrize("stored", [(1, 4, 3), (1, 2, 3), (2, 3, 3)])
def test_frames_that_stand_for_nothing(stored: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        spread(np.zeros(stored, np.float32), (1, 3, 3))
