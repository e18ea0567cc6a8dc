"""What numeric instructions compute, in numpy: by name, for arrays of lanes.

A function takes arrays of shape (items, lanes) with the dtypes of the operands, signed
integers, and gives the lanes of the result. Written from the specification, without the
package under test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Semantics = Callable[..., Array]

SIGNED = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}
UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def unsigned(x: Array) -> Array:
    return x.view(UNSIGNED[x.itemsize * 8])


def signed(x: Array) -> Array:
    return x.view(SIGNED[x.itemsize * 8])


def bits_of(x: Array) -> int:
    return x.itemsize * 8


def mask(condition: Array, like: Array) -> Array:
    """A comparison of scalars is 0 or 1, of lanes 0 or -1."""
    if like.shape[1] == 1:
        return condition.astype(np.int32)
    return -condition.astype(SIGNED[bits_of(like)])


def saturate(x: Array, dtype: type) -> Array:
    info = np.iinfo(dtype)
    return np.clip(x, info.min, info.max).astype(dtype)


def truncate(x: Array, dtype: type) -> Array:
    """Toward zero, nan to 0, the rest clamped, exactly."""
    info = np.iinfo(dtype)
    whole = [
        0 if np.isnan(v) else max(info.min, min(info.max, int(v))) if np.isfinite(v)
        else (info.max if v > 0 else info.min)
        for v in x.ravel().tolist()
    ]  # fmt: skip
    return np.array(whole, dtype).reshape(x.shape)


def shift(x: Array, count: Array, operation: Callable[[Array, Array], Array]) -> Array:
    by = (unsigned(count) % bits_of(x)).astype(x.dtype)
    return operation(x, np.broadcast_to(by, x.shape))


def rotate(x: Array, count: Array, direction: int) -> Array:
    bits = bits_of(x)
    left = (direction * count.astype(object)) % bits
    word = unsigned(x).astype(object)
    turned = ((word << left) | (word >> (bits - left))) & ((1 << bits) - 1)
    return signed(turned.astype(UNSIGNED[bits]))


def count_bits(x: Array, counted: Callable[[str], int]) -> Array:
    bits = bits_of(x)
    counts = [counted(f"{v:0{bits}b}") for v in unsigned(x).ravel().tolist()]
    return np.array(counts, x.dtype).reshape(x.shape)


def divide(x: Array, y: Array, part: int, *, sign: bool) -> Array:
    """Toward zero, as C divides; part 0 the quotient, 1 the remainder."""
    out = []
    left, right = (each.ravel().tolist() for each in ((x, y) if sign else map(unsigned, (x, y))))
    for a, b in zip(left, right, strict=True):
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        out.append((quotient, a - quotient * b)[part] & ((1 << bits_of(x)) - 1))
    return signed(np.array(out, UNSIGNED[bits_of(x)])).reshape(x.shape)


def extend(x: Array, bits: int) -> Array:
    return x.astype(SIGNED[bits]).astype(x.dtype)


def widen(x: Array, *, sign: bool) -> Array:
    return (x if sign else unsigned(x)).astype(SIGNED[bits_of(x) * 2])


def half(x: Array, which: int) -> Array:
    lanes = x.shape[1] // 2
    return np.ascontiguousarray(x[:, which * lanes : (which + 1) * lanes])


def pairs(x: Array) -> Array:
    return x[:, 0::2] + x[:, 1::2]


def minimum(x: Array, y: Array, *, greatest: bool = False) -> Array:
    """Nan wins; -0 is below +0."""
    chosen = np.maximum(x, y) if greatest else np.minimum(x, y)
    zeros = (x == 0) & (y == 0)
    negative = np.signbit(x) & np.signbit(y) if greatest else np.signbit(x) | np.signbit(y)
    return np.where(zeros, np.where(negative, -0.0, 0.0).astype(x.dtype), chosen)


def zeros_behind(x: Array) -> Array:
    return np.concatenate([x, np.zeros_like(x)], axis=1)


def swizzle(x: Array, lanes: Array) -> Array:
    chosen = unsigned(lanes).astype(int)
    return np.where(chosen < 16, np.take_along_axis(x, chosen % 16, axis=1), 0).astype(x.dtype)


def rounding_product(x: Array, y: Array) -> Array:
    return saturate((x.astype(np.int64) * y + 0x4000) >> 15, np.int16)


def select_bits(a: Array, b: Array, chosen: Array) -> Array:
    return (a & chosen) | (b & ~chosen)


def either(condition: Array, x: Array, y: Array) -> Array:
    return np.where(condition, x, y)


def _integers() -> dict[str, Semantics]:
    table: dict[str, Semantics] = {
        "eqz": lambda x: mask(x == 0, x),
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: x * y,
        "div_s": lambda x, y: divide(x, y, 0, sign=True),
        "div_u": lambda x, y: divide(x, y, 0, sign=False),
        "rem_s": lambda x, y: divide(x, y, 1, sign=True),
        "rem_u": lambda x, y: divide(x, y, 1, sign=False),
        "and": lambda x, y: x & y,
        "or": lambda x, y: x | y,
        "xor": lambda x, y: x ^ y,
        "shl": lambda x, n: shift(x, n, np.left_shift),
        "shr_s": lambda x, n: shift(x, n, np.right_shift),
        "shr_u": lambda x, n: shift(unsigned(x), n, np.right_shift),
        "rotl": lambda x, n: rotate(x, n, 1),
        "rotr": lambda x, n: rotate(x, n, -1),
        "clz": lambda x: count_bits(x, lambda s: len(s) - len(s.lstrip("0"))),
        "ctz": lambda x: count_bits(x, lambda s: len(s) - len(s.rstrip("0"))),
        "popcnt": lambda x: count_bits(x, lambda s: s.count("1")),
        "extend8_s": lambda x: extend(x, 8),
        "extend16_s": lambda x: extend(x, 16),
        "extend32_s": lambda x: extend(x, 32),
        "abs": np.abs,
        "neg": np.negative,
        "all_true": lambda x: (x != 0).all(axis=1, keepdims=True).astype(np.int32),
        "bitmask": lambda x: (
            ((x < 0) * (1 << np.arange(x.shape[1]))).sum(axis=1, keepdims=True).astype(np.int32)
        ),
        "avgr_u": lambda x, y: (unsigned(x).astype(np.int64) + unsigned(y) + 1 >> 1).astype(
            UNSIGNED[bits_of(x)]
        ),
        "q15mulr_sat_s": rounding_product,
        "relaxed_q15mulr_s": rounding_product,
        "swizzle": swizzle,
        "relaxed_swizzle": swizzle,
        "splat": lambda x: x,
        "extract_lane": lambda x: x[:, 1:2],
        "extract_lane_s": lambda x: x[:, 1:2].astype(np.int32),
        "extract_lane_u": lambda x: unsigned(x)[:, 1:2].astype(np.int32),
        "wrap_i64": lambda x: x.astype(np.int32),
        "extend_i32_s": lambda x: widen(x, sign=True),
        "extend_i32_u": lambda x: widen(x, sign=False),
        "dot_i16x8_s": lambda x, y: pairs(x.astype(np.int32) * y),
        "relaxed_dot_i8x16_i7x16_s": lambda x, y: pairs(x.astype(np.int16) * y),
        "relaxed_dot_i8x16_i7x16_add_s": lambda x, y, z: pairs(pairs(x.astype(np.int32) * y)) + z,
        "relaxed_laneselect": select_bits,
        "bitselect": select_bits,
        "not": np.invert,
        "andnot": lambda x, y: x & ~y,
        "any_true": lambda x: (x != 0).any(axis=1, keepdims=True).astype(np.int32),
    }
    for name, compare in COMPARISONS.items():
        table[name] = lambda x, y, compare=compare: mask(compare(x, y), x)
        table[f"{name}_s"] = table[name]
        table[f"{name}_u"] = lambda x, y, compare=compare: mask(
            compare(unsigned(x), unsigned(y)), x
        )
    for name, choose in (("min", np.minimum), ("max", np.maximum)):
        table[f"{name}_s"] = choose
        table[f"{name}_u"] = lambda x, y, choose=choose: choose(unsigned(x), unsigned(y))
    for name, combine in (("add", np.add), ("sub", np.subtract)):
        table[f"{name}_sat_s"] = lambda x, y, combine=combine: saturate(
            combine(x.astype(np.int64), y), x.dtype.type
        )
        table[f"{name}_sat_u"] = lambda x, y, combine=combine: saturate(
            combine(unsigned(x).astype(np.int64), unsigned(y)), UNSIGNED[bits_of(x)]
        )
    return table | _between_widths()


def _between_widths() -> dict[str, Semantics]:
    table: dict[str, Semantics] = {}
    for source in ("i8x16", "i16x8", "i32x4"):
        for letter, sign in (("s", True), ("u", False)):
            table[f"extadd_pairwise_{source}_{letter}"] = lambda x, sign=sign: pairs(
                widen(x, sign=sign)
            )
            table[f"narrow_{source}_{letter}"] = lambda x, y, sign=sign: saturate(
                np.concatenate([x, y], axis=1), (SIGNED if sign else UNSIGNED)[bits_of(x) // 2]
            )
            for which, place in enumerate(("low", "high")):
                table[f"extend_{place}_{source}_{letter}"] = lambda x, sign=sign, which=which: half(
                    widen(x, sign=sign), which
                )
                table[f"extmul_{place}_{source}_{letter}"] = lambda x, y, sign=sign, which=which: (
                    half(widen(x, sign=sign) * widen(y, sign=sign), which)
                )
    return table


COMPARISONS: dict[str, Callable[[Array, Array], Array]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "gt": np.greater,
    "le": np.less_equal,
    "ge": np.greater_equal,
}


def _floats() -> dict[str, Semantics]:
    table: dict[str, Semantics] = {
        "abs": np.abs,
        "neg": np.negative,
        "ceil": np.ceil,
        "floor": np.floor,
        "trunc": np.trunc,
        "nearest": np.rint,
        "sqrt": np.sqrt,
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "div": np.divide,
        "min": minimum,
        "max": lambda x, y: minimum(x, y, greatest=True),
        "pmin": lambda x, y: either(y < x, y, x),
        "pmax": lambda x, y: either(x < y, y, x),
        "relaxed_min": np.minimum,
        "relaxed_max": np.maximum,
        "relaxed_madd": lambda x, y, z: x * y + z,
        "relaxed_nmadd": lambda x, y, z: z - x * y,
        "copysign": np.copysign,
        "splat": lambda x: x,
        "extract_lane": lambda x: x[:, 1:2],
        "demote_f64": lambda x: x.astype(np.float32),
        "promote_f32": lambda x: x.astype(np.float64),
        "demote_f64x2_zero": lambda x: zeros_behind(x.astype(np.float32)),
        "promote_low_f32x4": lambda x: x[:, :2].astype(np.float64),
    }
    for name, compare in COMPARISONS.items():
        table[name] = lambda x, y, compare=compare: mask(compare(x, y), x)
    return table


def _conversions(target: str) -> dict[str, Semantics]:
    """Those whose meaning depends on the type they give."""
    table: dict[str, Semantics] = {}
    bits = int(target[1:].partition("x")[0])
    if target.startswith("f"):
        dtype = {32: np.float32, 64: np.float64}[bits]
        for source in ("i32", "i64", "i32x4", "low_i32x4"):
            front = slice(0, 2) if source.startswith("low") else slice(None)
            table[f"convert_{source}_s"] = lambda x, front=front: x[:, front].astype(dtype)
            table[f"convert_{source}_u"] = lambda x, front=front: unsigned(x)[:, front].astype(
                dtype
            )
        table[f"reinterpret_i{bits}"] = lambda x: x.view(dtype)
        return table
    for source in ("f32", "f64", "f32x4", "f64x2"):
        for letter, kinds in (("s", SIGNED), ("u", UNSIGNED)):
            if bits not in kinds:
                continue
            for verb in ("trunc", "trunc_sat", "relaxed_trunc"):
                name = f"{verb}_{source}_{letter}"
                table[name] = lambda x, kinds=kinds: truncate(x, kinds[bits])
                table[f"{name}_zero"] = lambda x, name=name: zeros_behind(table[name](x))
    table[f"reinterpret_f{bits}"] = lambda x: x.view(SIGNED[bits])
    return table


INTEGERS, FLOATS = _integers(), _floats()


def semantics(mnemonic: str) -> Semantics:
    """The meaning of a numeric instruction; the arrays are chosen as for `operands`."""
    prefix, _, name = mnemonic.partition(".")
    if prefix != "v128":
        found = _conversions(prefix).get(name)
        if found is not None:
            return found
    return FLOATS[name] if prefix.startswith("f") else INTEGERS[name]
