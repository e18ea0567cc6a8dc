"""The stock looks: each a style sheet of the theme, and the colours of it that Python needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """A look of the stock theme; its colours are those of its style sheet."""

    bundle: str
    """The name of its style sheet in theme/bundle.json."""

    accent: str
    paper: str
    well: str
    """Of the colours that accented text is set on, the one it stands out from least."""

    ink: str
    soft: str
    dark_card: str
    """The same in the dark: the lightest background of accented text."""

    dark_accent: str


LOOKS = {
    "plain": Look(
        bundle="site",
        accent="#0b6a80",
        paper="#fafaf8",
        well="#f1f1ee",
        ink="#1b1c1d",
        soft="#5b5d60",
        dark_card="#1a1b1d",
        dark_accent="#63bdd3",
    ),
    "paper": Look(
        bundle="paper",
        accent="#8a2b16",
        paper="#f7f2e7",
        well="#ebe3d2",
        ink="#231d15",
        soft="#5f5546",
        dark_card="#201b16",
        dark_accent="#eba58e",
    ),
}
"""By the name in edgesite.yaml."""
