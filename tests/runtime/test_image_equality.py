"""The page prepares pictures exactly as Pillow and numpy do: every bit, on a grid of cases."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edgesite.tasks.images import prepare, seen
from edgesite.tasks.inputs import Centre, Filter, ImageInput, Resize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

SOURCES = (
    (1, 1), (1, 9), (13, 1), (2, 3), (17, 31), (32, 32), (61, 97), (103, 101), (64, 48), (331, 257),
    (1000, 3), (640, 479),
)  # fmt: skip
TARGETS = ((32, 32), (28, 28), (7, 5), (1, 1), (65, 33), (24, 131))
FITS = ("crop", "contain", "stretch", "shorter")
KINDS = ("opaque", "noise", "smooth", "edges")
NORMS = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


@dataclass(frozen=True)
class Case:
    kind: str
    width: int
    height: int
    spec: ImageInput

    def __str__(self) -> str:
        spec = self.spec
        what = f"centre{spec.centre.size}" if spec.centre else spec.resize.fit
        if spec.resize.shorter:
            what = f"shorter{spec.resize.shorter}"
        return (
            f"{self.kind}-{self.width}x{self.height}-{what}-{spec.resize.filter}-"
            f"{spec.width}x{spec.height}-{spec.color}-{spec.layout}-{spec.dtype}"
        )

    def picture(self) -> Pixels:
        """RGBA, H W 4; the same at every call."""
        seed = np.random.default_rng([self.width, self.height, len(self.kind)])
        return PAINTERS[self.kind](self.width, self.height, seed)


def noise(width: int, height: int, rng: np.random.Generator) -> Pixels:
    return rng.integers(0, 256, (height, width, 4), dtype=np.uint8)


def opaque(width: int, height: int, rng: np.random.Generator) -> Pixels:
    picture = noise(width, height, rng)
    picture[..., 3] = 255
    return picture


def smooth(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Waves of other lengths in each channel, alpha included."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.uniform(0.01, 0.4, (4, 3))]
    return (127.5 + 127.4 * np.stack(waves, axis=-1)).astype(np.uint8)


def edges(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Black and white blocks, where overshooting filters are clamped; alpha is all or nothing."""
    blocks = rng.integers(0, 2, (-(-height // 5), -(-width // 5), 4), dtype=np.uint8) * 255
    return blocks.repeat(5, axis=0).repeat(5, axis=1)[:height, :width]


def tiles(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """A large picture without the memory that large waves take."""
    tile = smooth(331, 257, rng)
    return np.tile(tile, (-(-height // 257), -(-width // 331), 1))[:height, :width]


def ink(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Dark strokes on transparent, as a drawing pad gives them."""
    image = Image.new("RGBA", (width, height))
    points = [(int(x * width), int(y * height)) for x, y in rng.uniform(0.1, 0.9, (5, 2))]
    ImageDraw.Draw(image).line(points, fill=(20, 20, 40, 255), width=max(1, width // 12))
    return np.asarray(
        image.resize((width, height), Image.Resampling.BICUBIC, (0.3, 0, width, height))
    )


def paper(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """The same strokes photographed: uneven grey paper and noise."""
    drawing = Image.fromarray(ink(width, height, rng))
    grey = np.linspace(170, 200, width) + rng.integers(-9, 10, (height, width))
    behind = Image.fromarray(np.uint8(grey)).convert("RGBA")
    behind.alpha_composite(drawing)
    return np.asarray(behind)


def chalk(width: int, height: int, rng: np.random.Generator) -> Pixels:
    picture = paper(width, height, rng).copy()
    picture[..., :3] = 255 - picture[..., :3]
    return picture


def blank(width: int, height: int, rng: np.random.Generator) -> Pixels:
    return np.full((height, width, 4), rng.integers(0, 256), np.uint8)


PAINTERS: dict[str, Callable[[int, int, np.random.Generator], Pixels]] = {
    painter.__name__: painter
    for painter in (noise, opaque, smooth, edges, tiles, ink, paper, chalk, blank)
}


def spec(
    number: int, size: tuple[int, int], resize: Resize, centre: Centre | None = None
) -> ImageInput:
    """Go through colours, layouts, dtypes and norms as the number grows."""
    color = "GRAY" if centre else ("RGB", "GRAY", "BGR")[number % 3]
    mean, std = (() if number % 4 == 0 else norm[: 1 if color == "GRAY" else 3] for norm in NORMS)
    return ImageInput(
        name="input",
        width=size[0],
        height=size[1],
        layout=("NCHW", "NHWC")[number // 2 % 2],
        color=color,
        dtype=("float32", "uint8")[number % 5 == 0],
        resize=resize,
        background=((255, 255, 255), (12, 200, 99))[number % 2],
        mean=mean,
        std=std,
        centre=centre,
    )


def grid() -> list[Case]:
    cases = []
    for number, (filter_, fit, source) in enumerate(itertools.product(Filter, FITS, SOURCES)):
        size = TARGETS[number % len(TARGETS)]
        shorter = max(size) + number % 9
        resize = (
            Resize(filter=filter_, shorter=shorter)
            if fit == "shorter"
            else Resize(filter=filter_, fit=fit)
        )
        cases.append(Case(KINDS[number % 4], *source, spec(number, size, resize)))
    drawings = itertools.product(
        ("ink", "paper", "chalk", "blank", "noise"),
        ((280, 280), (1, 1), (28, 28), (57, 300), (301, 40)),
        (Filter.BILINEAR, Filter.LANCZOS, Filter.NEAREST),
    )
    for number, (kind, source, filter_) in enumerate(drawings):
        centre = Centre(size=(20, 12)[number % 2])
        cases.append(
            Case(kind, *source, spec(number, (28, 28 + number % 3), Resize(filter=filter_), centre))
        )
    huge = Resize(filter=Filter.BILINEAR, shorter=256)
    return [*cases, Case("tiles", 8000, 6000, spec(0, (224, 224), huge))]


CASES = grid()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, int], Path]:
    """Raw RGBA files, one for each picture that some case needs."""
    folder = tmp_path_factory.mktemp("pictures")
    files = {}
    for case in CASES:
        key = (case.kind, case.width, case.height)
        if key not in files:
            files[key] = folder / "-".join(map(str, key))
            files[key].write_bytes(case.picture().tobytes())
    return files


@pytest.fixture(scope="module")
def prepared(
    pictures: dict[tuple[str, int, int], Path],
    bundle: Callable[[str], Path],
    node: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[Case, tuple[bytes, bytes]]:
    """For every case what the model is fed and the RGBA that is shown, from one Node process."""
    folder = tmp_path_factory.mktemp("prepared")
    lines = [
        json.dumps(
            {
                "picture": str(pictures[case.kind, case.width, case.height]),
                "width": case.width,
                "height": case.height,
                "spec": case.spec.model_dump(mode="json"),
            }
        )
        for case in CASES
    ]
    (folder / "cases").write_text("\n".join(lines))
    sizes = node("prepare.mjs", bundle("runtime/image.ts"), folder / "cases", folder / "results")
    results = {}
    with (folder / "results").open("rb") as file:
        for case, size in zip(CASES, sizes, strict=True):
            fed = file.read(size)
            results[case] = fed, file.read(case.spec.width * case.spec.height * 4)
    return results


def test_the_grid_is_large_and_has_every_filter_and_fit() -> None:
    assert len(CASES) >= 200
    assert len({(case.spec.resize.filter, case.spec.resize.fit) for case in CASES}) == 18


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_page_feeds_the_very_bytes_that_python_feeds(
    case: Case, prepared: dict[Case, tuple[bytes, bytes]]
) -> None:
    image = Image.fromarray(case.picture())

    fed, shown = prepared[case]

    assert fed == prepare(image, case.spec).tobytes()
    assert shown == seen(image, case.spec).convert("RGBA").tobytes()
