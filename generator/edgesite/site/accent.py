"""One accent colour from the author, made readable in both themes.

WCAG 2.2's contrast: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgesite.site.looks import Look

# 4.5: WCAG AA for text.
MINIMUM_CONTRAST = 4.5

_STEPS = 64


def accent_rule(colour: str, look: Look) -> str:
    """Write the CSS rule that gives a site of this look this accent; colour: #rgb or #rrggbb."""
    light = readable(colour, look.well, towards=0)
    dark = readable(colour, look.dark_card, towards=255)
    return f":root{{--accent-light:{light};--accent-dark:{dark}}}\n"


def readable(colour: str, background: str, *, towards: int) -> str:
    """Mix in black (towards 0) or white (255), as little as MINIMUM_CONTRAST asks for."""
    original = _channels(colour)
    for step in range(_STEPS + 1):
        mixed = _hex([round(c + (towards - c) * step / _STEPS) for c in original])
        if contrast(mixed, background) >= MINIMUM_CONTRAST:
            return mixed
    return _hex([towards] * 3)


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colours: 1 for equal ones, 21 for black and white."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> list[int]:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]


def _hex(channels: list[int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in channels)
