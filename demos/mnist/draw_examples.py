"""Draw the example pictures of this demo: one digit each, as a pen would on paper.

    python demos/mnist/draw_examples.py [FOLDER]

Needs numpy and pillow. The pictures are our own, and CC0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 280
LARGER = 4  # The picture is drawn this many times too large, then reduced.
PAPER = (252, 250, 245)
INK = (28, 36, 64)
PEN = 9.5  # Radius in pixels of the finished picture.

# Strokes of points x,y in percent of the picture, y downwards. A smooth curve goes through the
# points; at | the pen turns sharply.
DIGITS = {
    "0": ["54,20 38,25 29,45 31,68 44,81 60,76 70,56 66,32 50,19"],
    "1": ["38,34 47,28 55,18 | 53,50 51,82"],
    "2": ["31,33 38,21 54,18 65,29 61,46 46,62 30,79 | 48,76 72,77"],
    "3": ["33,25 47,17 63,24 62,38 46,47 | 64,53 67,69 53,82 32,76"],
    "4": ["48,18 39,38 28,56 | 48,56 74,53", "60,34 58,58 57,84"],
    "5": ["39,20 36,45 | 52,41 66,52 65,70 50,82 32,76", "39,21 53,20 69,18"],
    "6": ["62,18 46,30 35,51 35,72 49,83 64,75 64,60 51,53 37,64"],
    "7": ["29,24 48,23 70,20 | 59,44 47,82", "40,53 52,51 66,50"],
    "8": ["66,30 63,20 52,17 39,22 37,36 51,47 65,59 65,75 50,83 36,75 37,60 51,48 64,38 66,28"],
    "9": ["64,30 55,19 40,22 34,38 44,50 58,45 65,30 | 64,52 57,83"],
}


def draw(strokes: list[str]) -> Image.Image:
    """Draw strokes in ink on paper, with a round pen that presses less at the ends."""
    mask = Image.new("L", (SIDE * LARGER, SIDE * LARGER))
    pen = ImageDraw.Draw(mask)
    for stroke in strokes:
        line = trace(stroke) * SIDE * LARGER / 100
        pressure = 0.82 + 0.18 * np.sqrt(np.sin(np.linspace(0, np.pi, len(line))).clip(0))
        for (x, y), radius in zip(line, PEN * LARGER * pressure, strict=True):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    mask = mask.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    paper = Image.new("RGB", mask.size, PAPER)
    paper.paste(INK, mask=mask)
    return paper


def trace(stroke: str) -> NDArray[np.float64]:
    """Return the places of the pen [N, 2], close together, along a stroke."""
    curves: list[NDArray[np.float64]] = []
    for piece in stroke.split("|"):
        points = [[float(number) for number in point.split(",")] for point in piece.split()]
        corner = [curves[-1][-1]] if curves else []
        curves.append(smooth(np.array([*corner, *points])))
    return np.concatenate(curves)


def smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a curve [N, 2] through all points: Catmull and Rom's spline (1974)."""
    first, last = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    a, b, c, d = (np.array([first, *points, last])[i : len(points) - 1 + i, None] for i in range(4))
    t = np.linspace(0, 1, 60)[:, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve.reshape(-1, 2)


def main() -> None:
    """Write one picture per digit."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "examples"
    folder.mkdir(exist_ok=True)
    for name, strokes in DIGITS.items():
        picture = draw(strokes).quantize(32, dither=Image.Dither.NONE)
        picture.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
