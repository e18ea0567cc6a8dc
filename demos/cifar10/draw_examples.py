"""Paint the example pictures of this demo that are not photographs.

    python demos/cifar10/draw_examples.py [FOLDER]

Every picture is a list of shapes with soft shading, painted three times too large and reduced.
Needs numpy and pillow. The pictures are our own, and CC0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 360
LARGER = 3

Shade = tuple[str, str]  # The colours at the top and at the bottom of a shape.


class Painting:
    """A square picture; all places and sizes are in percent of its side, y downwards."""

    def __init__(self, top: str, bottom: str) -> None:
        self.side = SIDE * LARGER
        self.image = self._gradient((top, bottom), (0, self.side))

    def shape(self, points: str, shade: Shade, *, sharp: bool = False, blur: float = 0) -> None:
        """Fill the closed outline through points "x,y x,y ...", round unless sharp."""
        outline = np.array([[float(n) for n in point.split(",")] for point in points.split()])
        if not sharp:
            outline = rounded(outline)
        self._fill(outline, shade, blur)

    def oval(self, x: float, y: float, w: float, h: float, shade: Shade, blur: float = 0) -> None:
        """Fill an oval around x, y with half axes w and h."""
        angle = np.linspace(0, 2 * np.pi, 120)
        self._fill(np.stack([x + w * np.cos(angle), y + h * np.sin(angle)], 1), shade, blur)

    def box(self, x: float, y: float, w: float, h: float, shade: Shade, blur: float = 0) -> None:
        """Fill a rectangle from its upper left corner."""
        self._fill(np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]), shade, blur)

    def speckle(self, top: float, bottom: float, strength: float, stretch: int, seed: int) -> None:
        """Vary the brightness between two heights in streaks: water, grass, asphalt."""
        rows = slice(int(top * self.side / 100), int(bottom * self.side / 100))
        pixels = np.asarray(self.image).astype(np.float64)
        height = pixels[rows].shape[0]
        coarse = np.random.default_rng(seed).normal(size=(height // 8 + 1, self.side // stretch))
        grain = Image.fromarray(coarse.astype(np.float32)).resize(
            (self.side, height), Image.Resampling.BICUBIC
        )
        pixels[rows] += strength * np.asarray(grain)[:, :, None]
        self.image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    def finished(self) -> Image.Image:
        """Return the picture in its final size."""
        return self.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)

    def _fill(self, outline: np.ndarray, shade: Shade, blur: float) -> None:
        outline = outline * self.side / 100
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon([tuple(point) for point in outline], fill=255)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * self.side / 100))
        colours = self._gradient(shade, (outline[:, 1].min(), outline[:, 1].max()))
        self.image.paste(colours, mask=mask)

    def _gradient(self, shade: Shade, span: tuple[float, float]) -> Image.Image:
        ends = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in shade], np.float64)
        at = ((np.arange(self.side) - span[0]) / (span[1] - span[0])).clip(0, 1)[:, None]
        column = (ends[0] * (1 - at) + ends[1] * at).round().astype(np.uint8)
        return Image.fromarray(np.repeat(column[:, None], self.side, axis=1))


def rounded(points: np.ndarray) -> np.ndarray:
    """Return a closed curve [N, 2] through all points: Catmull and Rom's spline (1974)."""
    a, b, c, d = (np.roll(points, 1 - i, axis=0)[:, None] for i in range(4))
    t = np.linspace(0, 1, 24)[:, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve.reshape(-1, 2)


def airplane() -> Painting:
    """Paint an airliner in front of clouds."""
    p = Painting("#3f86cf", "#b9dcf3")
    white = ("#ffffff", "#e8f1f8")
    for x, y, w, h in [(20, 80, 22, 6), (38, 85, 26, 7), (78, 20, 18, 4), (86, 76, 16, 5)]:
        p.oval(x, y, w, h, white, blur=2.5)
    p.shape("52,45 62,45 55,27 50,27", ("#8d9aa8", "#aab5c0"), sharp=True)
    p.shape("12,50 6,27 14,27 27,46", ("#1f4f9c", "#2c66bd"), sharp=True)
    p.shape("7,51 18,46 40,44 72,44 85,46 93,51 86,55 70,57 38,57 20,55", ("#ffffff", "#9fb0c0"))
    p.shape("8,51.5 93,51.5 88,53.5 60,54 20,54", ("#2c66bd", "#1f4f9c"))
    p.shape("84,46.5 89,48.5 86,49.2 82,48.6", ("#26313d", "#46566a"), sharp=True)
    for window in np.arange(30, 80, 3.2):
        p.box(window, 48, 1.4, 1.9, ("#33475c", "#4d6680"))
    p.oval(50, 61.5, 6, 2.7, ("#dfe6ec", "#78879a"))
    p.shape("44,53 62,53 41,77 34,77", ("#dde5ec", "#8c9bab"), sharp=True)
    p.shape("11,52 23,52 12,61 6,61", ("#cfd9e2", "#8c9bab"), sharp=True)
    return p


def wheel(p: Painting, x: float, y: float, radius: float) -> None:
    """Paint a tyre with its rim."""
    p.oval(x, y, radius, radius, ("#26282b", "#0c0d0e"))
    p.oval(x, y, radius * 0.6, radius * 0.6, ("#d4d8dc", "#8d949b"))
    p.oval(x, y, radius * 0.22, radius * 0.22, ("#63696f", "#4a4f54"))


def road(p: Painting, y: float) -> None:
    """Paint trees along the horizon and asphalt below y."""
    for x in range(-4, 110, 9):
        p.oval(x, y - 8 - x % 4, 8, 9 + x % 5, ("#6d8f5d", "#3f6136"), blur=1)
    p.box(0, y - 2, 100, 5, ("#8f9a80", "#9c9f98"))
    p.box(0, y, 100, 100 - y, ("#84868a", "#5d5f63"))
    p.speckle(y, 100, 5, 12, seed=4)


def automobile() -> Painting:
    """Paint a red car on a road."""
    p = Painting("#a9cbe8", "#e6eff3")
    road(p, 58)
    p.oval(50, 79, 44, 4.5, ("#2b2c2e", "#2b2c2e"), blur=1.5)
    p.shape("24,53 34,37 44,34 60,34 70,39 80,53", ("#e0584e", "#a3160f"))
    p.shape(
        "6,66 8,57 20,53 36,51 70,51 88,54 95,60 95,72 90,76 50,77 12,76 6,73",
        ("#e8362b", "#8f120c"),
    )
    p.shape("29,52 37,40 49,38.5 49,52", ("#5b7388", "#20303e"), sharp=True)
    p.shape("52,52 52,38.5 61,38.5 68,42 75,52", ("#5b7388", "#20303e"), sharp=True)
    p.box(8, 71, 85, 2.2, ("#6a0d08", "#4c0906"))
    p.shape("88,57 94,60 94,63 88,62", ("#fff8d8", "#e8d890"))
    p.shape("6,58 10,57 10,62 6,63", ("#ff9a80", "#c02015"))
    p.box(50, 52, 0.5, 19, ("#a81a12", "#7a0f0a"))
    p.box(53, 57, 5, 1, ("#f5d0cc", "#c08a86"))
    for x in (25, 77):
        p.oval(x, 73, 10, 10, ("#3a0a08", "#1a0504"))
        wheel(p, x, 74.5, 8.6)
    return p


def truck() -> Painting:
    """Paint a delivery truck on a road."""
    p = Painting("#b4d0e6", "#eaf1f4")
    road(p, 62)
    p.oval(50, 86, 46, 4, ("#2b2c2e", "#2b2c2e"), blur=1.5)
    p.box(8, 74, 84, 5, ("#3b3f45", "#222529"))
    p.box(4, 24, 58, 50, ("#f6f6f2", "#cfd0cb"))
    p.box(4, 24, 58, 2, ("#ffffff", "#e6e6e0"))
    p.box(4, 52, 58, 6, ("#2f6fb5", "#22568f"))
    for x in (16, 28, 40, 52):
        p.box(x, 26, 0.4, 48, ("#c6c7c2", "#b0b1ac"))
    p.shape("64,76 64,38 80,38 90,55 95,58 95,78 64,78", ("#3b7ec4", "#1d4c86"), sharp=True)
    p.shape("69,55 69,42 79,42 86,55", ("#8fb0c8", "#2b3f52"), sharp=True)
    p.box(66.5, 58, 0.5, 17, ("#1d4c86", "#163b69"))
    p.box(91, 63, 4, 4.5, ("#fff8d8", "#e8d890"))
    p.box(88, 74, 8, 4, ("#d0d3d6", "#85898e"))
    for x in (18, 34, 80):
        wheel(p, x, 79, 7.5)
    return p


def ship() -> Painting:
    """Paint a cargo ship at sea."""
    p = Painting("#8fbfe6", "#dcebf4")
    for x, y, w in [(22, 18, 20), (40, 22, 16), (84, 30, 18)]:
        p.oval(x, y, w, 3.5, ("#ffffff", "#eaf2f8"), blur=2)
    p.box(0, 56, 100, 44, ("#4f8db5", "#174a72"))
    p.speckle(56, 100, 9, 60, seed=2)
    p.box(14, 30, 16, 24, ("#ffffff", "#d5dbe0"))
    p.box(12, 29, 20, 2, ("#ffffff", "#dde3e8"))
    p.box(15, 33, 14, 2.6, ("#2d4256", "#41596f"))
    for y in (39, 44, 49):
        for x in (16, 20, 24, 28):
            p.box(x, y, 1.8, 1.8, ("#41596f", "#2d4256"))
    p.box(18, 19, 7, 10, ("#d8402f", "#a12a1c"))
    p.box(18, 19, 7, 2.5, ("#30343a", "#1d2024"))
    p.box(84, 36, 0.8, 18, ("#e8ecf0", "#aab2ba"))
    colours = ["#c0392b", "#2e7db8", "#d9902f", "#4b9160", "#8a939c", "#b5483b", "#3a6ea5"]
    for row in range(2):
        for column in range(6):
            c = colours[(column * 3 + row * 2) % 7]
            p.box(33 + column * 8, 46.5 - row * 6.5, 7.6, 6.2, (c, c))
    p.shape("6,53 94,53 88,71 80,73 14,73 9,68", ("#27435f", "#14283c"), sharp=True)
    p.shape("9,67 90,67 88,71 80,73 14,73", ("#b23a2c", "#7d241a"), sharp=True)
    p.box(6, 53, 88, 1.2, ("#f2f4f6", "#cfd6dc"))
    p.oval(50, 74, 46, 1.4, ("#eaf4fa", "#bcd8e8"), blur=0.6)
    p.oval(12, 75, 12, 1.2, ("#ffffff", "#d0e4f0"), blur=0.5)
    p.oval(50, 82, 38, 5, ("#12395a", "#174a72"), blur=3)
    return p


def horse() -> Painting:
    """Paint a brown horse in a meadow."""
    p = Painting("#bcd8ee", "#e8f0ea")
    for x in range(-5, 110, 12):
        p.oval(x, 44, 11, 10 + x % 5, ("#5d8350", "#476b3c"), blur=1.5)
    p.box(0, 48, 100, 52, ("#8fb25c", "#557f33"))
    p.speckle(48, 100, 8, 20, seed=5)
    p.oval(48, 90, 34, 3.5, ("#3f6326", "#3f6326"), blur=2)
    dark, coat = ("#5a3218", "#3a1f0e"), ("#a5642f", "#6b3c1a")
    for leg in ("32,62 37,62 37,76 36,89 32,89 33,76", "62,62 67,62 66,76 66,89 62,89 62,76"):
        p.shape(leg, dark)
    p.shape("22,44 17,48 13,60 14,74 17,76 18,62 24,50", ("#2b1609", "#1a0d05"))
    p.shape("66,44 70,30 77,20 82,16 84,20 92,31 94,36 90,39 83,35 80,46 76,58 66,58", coat)
    p.shape("21,45 30,40 45,42 60,40 70,40 77,48 76,58 70,65 56,66 42,65 32,66 23,62 20,54", coat)
    p.shape("22,52 34,52 34,64 30,72 31,80 30,90 25,90 25,80 24,72 21,64", ("#94592a", "#5a3218"))
    p.shape("68,52 77,52 76,64 74,74 74,90 69,90 69,76 67,64", ("#94592a", "#5a3218"))
    p.shape("64,42 67,28 75,16 82,15 78,22 73,30 70,42", ("#2b1609", "#1a0d05"))
    p.shape("79,19 80,12 83,17", coat, sharp=True)
    p.shape("90,33 94,35 94,38 90,39 88,36", ("#4a2812", "#36200f"))
    p.oval(84.5, 24.5, 0.9, 0.9, ("#100804", "#100804"))
    for x in (25, 32, 62, 69):
        p.box(x, 88.5, 5, 2.5, ("#1c120a", "#1c120a"))
    return p


def deer() -> Painting:
    """Paint a stag at the edge of a wood."""
    p = Painting("#2f4a2c", "#4a6338")
    for x in range(-2, 104, 13):
        p.box(x, 0, 3.5, 52, ("#4b4030", "#3a3226"), blur=0.6)
        p.oval(x + 6, 8 + x % 7, 10, 12, ("#48703c", "#3c5f33"), blur=2)
    p.box(0, 50, 100, 50, ("#6f7d3c", "#4c6029"), blur=1)
    p.speckle(52, 100, 9, 24, seed=8)
    p.oval(46, 90, 30, 3, ("#4b5f2a", "#4b5f2a"), blur=2)
    back, coat = ("#7d532d", "#5c3c20"), ("#b98450", "#8a5a30")
    for leg in ("32,62 35,62 35,76 34,90 31,90 32,76", "60,62 63,62 63,76 63,90 60,90 60,76"):
        p.shape(leg, back)
    for antler in (
        "69,20 66,12 60,8 59,4 62,8 67,11 70,19",
        "71,20 74,12 80,8 82,3 79,9 75,13 72,20",
    ):
        p.shape(antler, ("#d8c4a0", "#8a7350"))
    p.shape("67,13 62,14 60,12 63,12", ("#d8c4a0", "#8a7350"))
    p.shape("75,13 80,14 83,12 79,12", ("#d8c4a0", "#8a7350"))
    p.shape("62,46 65,34 67,25 71,19 76,21 84,29 85,32 81,34 75,33 73,44 72,56 62,56", coat)
    p.shape("24,47 32,43 46,44 60,42 68,44 73,50 71,58 66,63 52,63 38,63 30,65 24,60 22,53", coat)
    p.shape("30,62 40,61 58,62 66,60 60,65 46,66 36,65", ("#e8d4b4", "#d0b890"))
    p.shape("24,52 33,52 33,62 30,72 31,80 30,91 26,91 27,80 26,72 23,62", ("#a87443", "#6e4725"))
    p.shape("64,54 72,54 71,64 69,74 69,91 66,91 66,76 64,64", ("#a87443", "#6e4725"))
    p.shape("22,49 19,52 20,58 23,57 25,51", ("#f2e6d2", "#d9c6a6"))
    p.shape("68,21 62,18 60,20 65,24", ("#a87443", "#8a5a30"))
    p.oval(75.5, 25, 0.9, 0.9, ("#140c06", "#140c06"))
    p.oval(84.5, 30.8, 1.3, 1.2, ("#20140c", "#20140c"))
    return p


def frog() -> Painting:
    """Paint a green frog on a stone."""
    p = Painting("#6d5a3c", "#4c3d28")
    p.speckle(0, 100, 14, 30, seed=9)
    p.oval(50, 84, 46, 18, ("#9a8f7c", "#6f6655"), blur=1.5)
    p.oval(50, 84, 34, 6, ("#3a3222", "#3a3222"), blur=2)
    skin, shade = ("#86b544", "#4c7c24"), ("#6a9a34", "#3c661c")
    p.shape("14,82 10,66 18,54 28,56 34,70 30,84", shade)
    p.shape("86,82 90,66 82,54 72,56 66,70 70,84", shade)
    p.shape("6,86 14,80 28,82 30,86 18,89", shade)
    p.shape("94,86 86,80 72,82 70,86 82,89", shade)
    p.shape("30,46 50,40 70,46 78,62 74,78 60,85 40,85 26,78 22,62", skin)
    p.shape("34,66 50,63 66,66 68,76 58,83 42,83 32,76", ("#dfe3a8", "#b7c47c"))
    p.shape("24,40 32,29 50,26 68,29 76,40 72,52 60,59 40,59 28,52", ("#97c653", "#5f9230"))
    p.shape("27,48 40,54 50,55.5 60,54 73,48 60,56.5 50,58 40,56.5", ("#37561a", "#2c4614"))
    for x in (32, 68):
        p.oval(x, 28, 9, 8.5, ("#a3d05c", "#6a9a34"))
        p.oval(x, 27.5, 6.2, 6, ("#e8c24a", "#b88a20"))
        p.oval(x, 27.5, 4, 2.6, ("#0e0f08", "#0e0f08"))
        p.oval(x - 1.6, 25.8, 1, 0.9, ("#ffffff", "#ffffff"))
    for x, y in [(46, 42), (54, 42)]:
        p.oval(x, y, 0.8, 0.6, ("#2c4614", "#2c4614"))
    p.shape("34,66 38,66 39,80 42,88 30,88 35,80", skin)
    p.shape("66,66 62,66 61,80 58,88 70,88 65,80", skin)
    return p


def bird() -> Painting:
    """Paint a robin on a branch."""
    p = Painting("#b8d4b0", "#88a878")
    for x, y in [(12, 20), (80, 14), (92, 60), (18, 74), (60, 88)]:
        p.oval(x, y, 18, 14, ("#d4e6c0", "#a8c494"), blur=6)
    p.shape("0,80 30,76 60,77 100,72 100,77 60,82 30,81 0,86", ("#7a5c3e", "#4a3622"))
    p.shape("30,62 12,78 6,90 12,90 26,78 38,68", ("#5f5442", "#453c2e"))
    p.shape(
        "30,60 34,44 44,32 56,24 68,24 73,32 72,44 70,58 60,70 46,74 34,70", ("#857659", "#6a5c44")
    )
    p.shape("60,30 72,32 74,42 72,56 64,66 54,66 54,48", ("#e8702a", "#d05a1c"))
    p.shape("50,68 62,66 66,62 60,72 48,75 40,73", ("#f2ece0", "#d8cfbe"))
    p.shape("28,64 34,48 46,44 53,52 48,64 36,72", ("#6c5f48", "#4c4232"))
    p.shape("72,31 81,34 72,36", ("#4a3f30", "#2e271e"), sharp=True)
    p.oval(66, 31, 2, 2, ("#120e0a", "#120e0a"))
    p.oval(65.4, 30.3, 0.6, 0.6, ("#ffffff", "#ffffff"))
    for x in (50, 57):
        p.box(x, 72, 1, 6, ("#4a3622", "#3a2a1a"))
    return p


PAINTINGS = (airplane, automobile, bird, deer, frog, horse, ship, truck)


def main() -> None:
    """Write one picture per painting."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "examples"
    folder.mkdir(exist_ok=True)
    for paint in PAINTINGS:
        paint().finished().save(folder / f"{paint.__name__}.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
