"""The types of WebAssembly values: four scalars, and six views of the one vector type.

A lane view says how the 128 bits of a `v128` are to be read; it exists only in
Python. `V128` is the vector of which nothing is said: it has bitwise operations
and must be viewed with `as_` before it can be added or compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgesite.errors import InternalError

VECTOR_BYTES = 16


@dataclass(frozen=True, eq=False)
class Type:
    """A value type, with the lanes in which a vector is seen."""

    name: str
    storage: str
    code: int
    size_bytes: int
    is_float: bool = False
    lanes: int = 1
    lane_bits: int = 0

    @property
    def is_vector(self) -> bool:
        """Whether it is v128 in some view."""
        return self.storage == "v128"

    @property
    def bits(self) -> Type:
        """The type that has its bitwise instructions."""
        return V128 if self.is_vector else self

    @property
    def lane(self) -> Type:
        """The scalar type in which one lane is computed; i32 for the lanes narrower than that."""
        if not self.is_vector:
            return self
        if self.lane_bits == 0:
            raise InternalError("wasm type v128: has no lanes; view it with as_() first")
        kind = "f" if self.is_float else "i"
        return TYPES[f"{kind}{max(self.lane_bits, 32)}"]

    @property
    def mask(self) -> Type:
        """What a comparison gives: i32, or all ones and all zeros in lanes of the same width."""
        return integer_lanes(self.lane_bits) if self.is_vector else I32

    @property
    def wider(self) -> Type:
        """The integer lanes of twice the width."""
        return integer_lanes(self.lane_bits * 2)

    @property
    def narrower(self) -> Type:
        """The integer lanes of half the width."""
        return integer_lanes(self.lane_bits // 2)

    def checked_lane(self, lane: int) -> int:
        """Give the number of a lane back, if there is one."""
        if not 0 <= lane < self.lanes:
            raise InternalError(f"wasm lane {lane} of {self}: does not exist; it has {self.lanes}")
        return lane

    def __repr__(self) -> str:
        return self.name


I32 = Type("i32", "i32", 0x7F, 4, lane_bits=32)
I64 = Type("i64", "i64", 0x7E, 8, lane_bits=64)
F32 = Type("f32", "f32", 0x7D, 4, is_float=True, lane_bits=32)
F64 = Type("f64", "f64", 0x7C, 8, is_float=True, lane_bits=64)
V128 = Type("v128", "v128", 0x7B, VECTOR_BYTES)
I8X16 = Type("i8x16", "v128", 0x7B, VECTOR_BYTES, lanes=16, lane_bits=8)
I16X8 = Type("i16x8", "v128", 0x7B, VECTOR_BYTES, lanes=8, lane_bits=16)
I32X4 = Type("i32x4", "v128", 0x7B, VECTOR_BYTES, lanes=4, lane_bits=32)
I64X2 = Type("i64x2", "v128", 0x7B, VECTOR_BYTES, lanes=2, lane_bits=64)
F32X4 = Type("f32x4", "v128", 0x7B, VECTOR_BYTES, is_float=True, lanes=4, lane_bits=32)
F64X2 = Type("f64x2", "v128", 0x7B, VECTOR_BYTES, is_float=True, lanes=2, lane_bits=64)

TYPES = {
    each.name: each for each in (I32, I64, F32, F64, V128, I8X16, I16X8, I32X4, I64X2, F32X4, F64X2)
}


def integer_lanes(bits: int) -> Type:
    """The integer view whose lanes have that many bits."""
    for view in (I8X16, I16X8, I32X4, I64X2):
        if view.lane_bits == bits:
            return view
    raise InternalError(f"wasm type: no integer lanes of {bits} bits; there are 8, 16, 32 and 64")
