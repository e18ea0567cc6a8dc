from __future__ import annotations

import struct

import pytest

from edgesite.errors import InternalError
from edgesite.wasm.encode import float32, signed, unsigned


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16383, "ff7f"),
        (16384, "808001"),
        (624485, "e58e26"),
        (0xFFFFFFFF, "ffffffff0f"),
    ],
)
def test_unsigned_numbers_take_as_few_bytes_as_possible(number: int, encoded: str) -> None:
    assert unsigned(number).hex() == encoded


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (63, "3f"),
        (64, "c000"),
        (-1, "7f"),
        (-64, "40"),
        (-65, "bf7f"),
        (-123456, "c0bb78"),
        (2**31 - 1, "ffffffff07"),
        (-(2**31), "8080808078"),
        (2**63 - 1, "ffffffffffffffffff00"),
        (-(2**63), "8080808080808080807f"),
    ],
)
def test_signed_numbers_take_as_few_bytes_as_possible(number: int, encoded: str) -> None:
    assert signed(number).hex() == encoded


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(InternalError, match="negative"):
        unsigned(-1)


@pytest.mark.parametrize(
    ("number", "bits"),
    [
        (1e39, 0x7F800000),
        (-1e39, 0xFF800000),
        (-0.0, 0x80000000),
        (1 + 2**-24, 0x3F800000),
        (1 + 3 * 2**-24, 0x3F800002),
        (1e-46, 0),
    ],
)
def test_floats_round_to_nearest_even(number: float, bits: int) -> None:
    assert struct.unpack("<I", float32(number)) == (bits,)
