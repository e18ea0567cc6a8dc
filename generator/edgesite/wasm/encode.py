"""The smallest pieces of the binary format: numbers, names, vectors, sections.

Everything follows the chapter "Binary Format" of the WebAssembly core
specification. What the pieces mean is left to the modules above.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from edgesite.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"\0asm\x01\0\0\0"


def unsigned(number: int) -> bytes:
    """A number of 0 and up as LEB128, in as few bytes as possible."""
    if number < 0:
        raise InternalError(f"wasm number {number}: is negative where a size or an index belongs")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    """A number of any sign as LEB128, in as few bytes as possible."""
    out = bytearray()
    while not -0x40 <= number < 0x40:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number & 0x7F)
    return bytes(out)


def float32(number: float) -> bytes:
    """Four bytes, little endian, rounded to nearest even; what is too large becomes infinite."""
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", float("inf") if number > 0 else float("-inf"))


def float64(number: float) -> bytes:
    """Eight bytes, little endian."""
    return struct.pack("<d", number)


def vector(items: Iterable[bytes]) -> bytes:
    """A counted sequence."""
    pieces = list(items)
    return unsigned(len(pieces)) + b"".join(pieces)


def name(text: str) -> bytes:
    """A counted string in UTF-8."""
    return sized(text.encode())


def sized(payload: bytes) -> bytes:
    """Bytes behind their number."""
    return unsigned(len(payload)) + payload


def section(identifier: int, payload: bytes) -> bytes:
    """A section of a module; nothing at all when it would hold nothing."""
    if payload in (b"", b"\0"):
        return b""
    return bytes([identifier]) + sized(payload)


def limits(minimum: int, maximum: int | None, *, shared: bool = False) -> bytes:
    """The sizes of a memory, in pages of 64 KiB; one that is shared has a maximum."""
    flags = (maximum is not None) + 2 * shared
    return bytes([flags]) + unsigned(minimum) + (b"" if maximum is None else unsigned(maximum))
