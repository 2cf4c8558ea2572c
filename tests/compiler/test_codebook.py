"""Weights as indices into kernels, and the same read bit by bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.compiler.codebook import decode, encode


def drawn(seed: int, shape: tuple[int, ...], kernels: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    codebook = generator.choice([-1, 1], (kernels, *shape[2:])).astype(np.int8)
    return codebook[generator.integers(kernels, size=shape[:2])]


def bit_by_bit(kind: int, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    width = kind - 16
    stream = [byte >> bit & 1 for byte in data[2 * 2**width :] for bit in range(8)]
    weight = np.empty((shape[0] * shape[1], shape[2] * shape[3]), np.int8)
    for number, kernel in enumerate(weight):
        index = sum(stream[number * width + bit] << bit for bit in range(width))
        code = int.from_bytes(data[2 * index : 2 * index + 2], "little")
        kernel[:] = [-1 if code >> tap & 1 else 1 for tap in range(kernel.size)]
    return weight.reshape(shape)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([(3, 3), (1, 3), (4, 4), (2, 1)]),
    st.integers(1, 40),
)
def test_what_is_encoded_is_read_back(seed, outputs, inputs, kernel, kernels):
    weight = drawn(seed, (outputs, inputs, *kernel), kernels)
    found = encode(weight)
    if found is not None:
        kind, data = found
        assert len(data) < outputs * kernel[0] * kernel[1] * ((inputs + 7) // 8)
        again, length = decode(kind, b"???" + data + b"???", 3, weight.shape)
        assert length == len(data) and again.dtype == np.int8
        assert np.array_equal(again, weight) and np.array_equal(bit_by_bit(kind, data, weight.shape), weight)


@pytest.mark.parametrize(
    "shape, kernels", [((64, 64, 3, 3), 500), ((64, 64, 1, 1), 2), ((8, 8, 5, 5), 2), ((2, 8, 3, 3), 64)]
)
def test_plain_bits_stay_where_they_are_shorter(shape, kernels):
    assert encode(drawn(0, shape, kernels)) is None


@pytest.mark.parametrize("kind, shape", [(16, (1, 1, 3, 3)), (25, (1, 1, 3, 3)), (17, (1, 1, 5, 5))])
def test_other_types_are_refused(kind, shape):
    with pytest.raises(ValueError):
        decode(kind, bytes(2000), 0, shape)
