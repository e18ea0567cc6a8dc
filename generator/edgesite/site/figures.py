"""How numbers are written on a page; `theme/ui/figures.ts` writes them the same.

Between a number and its unit is a narrow space that does not break.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

_SPACE = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True)
class Figures:
    """The ways of one language; they come from its table of words."""

    decimal: str
    thousands: str
    million: str
    billion: str

    def percent(self, share: float) -> str:
        """Write 98.2 %; what is nearly nothing or nearly all is not rounded to nothing or all."""
        if share in (0, 1):
            text = f"{share * 100:.0f}"
        elif share < 0.0005:
            text = "<0.1"
        elif share >= 0.9995:
            text = ">99.9"
        else:
            text = f"{share * 100:.1f}"
        return f"{self.local(text)}{_SPACE}%"

    def kilobytes(self, size_bytes: int) -> str:
        """Write 1,234 kB: units of 1000 bytes, one decimal below ten."""
        thousands = size_bytes / 1000
        text = f"{thousands:.1f}" if thousands < 10 else f"{thousands:,.0f}"
        return f"{self.local(text)}{_SPACE}kB"

    def scientific(self, number: float) -> Markup:
        """Write 1.2 × 10⁻⁶ as HTML: two digits and a power of ten; plainly where that is short."""
        if number == 0:
            return Markup("0")
        if 0.01 <= number < 1000:
            return Markup(self.local(f"{number:.2g}"))
        mantissa, exponent = f"{number:.1e}".split("e")
        power = str(int(exponent)).replace("-", "\N{MINUS SIGN}")
        return Markup(f"{self.local(mantissa)}{_SPACE}×{_SPACE}10<sup>{power}</sup>")

    def counted(self, number: int) -> str:
        """Write 269,722 and 40.8 million."""
        for unit, name in ((10**9, self.billion), (10**6, self.million)):
            if number >= unit:
                return f"{self.local(f'{number / unit:.3g}')}{_SPACE}{name}"
        return self.local(f"{number:,}")

    def local(self, text: str) -> str:
        """A number as Python writes it, with this language's marks."""
        return text.translate({ord("."): self.decimal, ord(","): self.thousands})
