"""Two demos small enough to be written by hand: linear models that name colours and strokes.

Their modules obey the same contract as compiled ones, so that pages are tested without a compiler.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw
from wasmtime import wat2wasm

from edgesite.site.articles import Article
from edgesite.site.demo import DemoPage, Example, Proof, SiteInfo
from edgesite.site.pieces import Pieces
from edgesite.site.small import pictures
from edgesite.tasks.classification import Answer
from edgesite.tasks.images import prepare
from edgesite.tasks.inputs import Centre, ImageInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

COLOURS = ("red", "green", "blue", "white", "black")
EVERY_INPUT = ("upload", "draw", "paste", "url", "camera")
STROKES = ("dash", "bar", "dot")

_WEIGHTS_AT = 1024

# output[m] = bias[m] + sum over k of weights[m, k] * input[k]; the bias comes first in the file.
_LINEAR = """
(module
  (memory (export "memory") {pages})
  (func (export "init"))
  (func (export "warm") (param i32))
  (func (export "run") (local $m i32) (local $k i32) (local $w i32) (local $sum f32)
    (local.set $w (i32.const {weights}))
    (loop $rows
      (local.set $sum
        (f32.load (i32.add (i32.const {bias}) (i32.shl (local.get $m) (i32.const 2)))))
      (local.set $k (i32.const 0))
      (loop $columns
        (local.set $sum (f32.add (local.get $sum) (f32.mul
          (f32.load (local.get $w))
          (f32.load (i32.add (i32.const {input}) (i32.shl (local.get $k) (i32.const 2)))))))
        (local.set $w (i32.add (local.get $w) (i32.const 4)))
        (br_if $columns (i32.lt_u
          (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const {columns}))))
      (f32.store
        (i32.add (i32.const {output}) (i32.shl (local.get $m) (i32.const 2))) (local.get $sum))
      (br_if $rows (i32.lt_u
        (local.tee $m (i32.add (local.get $m) (i32.const 1))) (i32.const {rows}))))))
"""


class Linear:
    """A model of one matrix, as the files a compiled one has."""

    def __init__(self, weights: NDArray[np.floating], bias: Sequence[float], spec: ImageInput):
        self.weights = weights.astype(np.float32).reshape(len(bias), -1)
        self.bias = np.array(bias, np.float32)
        self.spec = spec
        self.files, self.manifest = self._compile()

    def probabilities(self, image: Image.Image) -> NDArray[np.float64]:
        """What the page has to show for a picture."""
        x = prepare(image, self.spec).reshape(-1).astype(np.float64)
        powers = np.exp(self.weights @ x + self.bias - (self.weights @ x + self.bias).max())
        shares: NDArray[np.float64] = powers / powers.sum()
        return shares

    def _compile(self) -> tuple[dict[str, bytes], dict[str, Any]]:
        rows, columns = self.weights.shape
        data = self.bias.tobytes() + self.weights.tobytes()
        input_at = -(-(_WEIGHTS_AT + len(data)) // 16) * 16
        output_at = input_at + columns * 4
        pages = (output_at + rows * 4) // 65536 + 1
        places = {"bias": _WEIGHTS_AT, "weights": _WEIGHTS_AT + rows * 4, "input": input_at}
        sizes = {"output": output_at, "rows": rows, "columns": columns, "pages": pages}
        module = bytes(wat2wasm(_LINEAR.format(**places, **sizes)))
        files = {f"weights.{_digest(data)}.bin": data}
        for target in ("simd", "relaxed"):
            files[f"model.{target}.{_digest(module)}.wasm"] = module
        entries = [
            {
                "file": name,
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in files.items()
        ]
        manifest = {
            "format": 1,
            "edgesite": "0.1.0",
            "inputs": [_place("input", self.spec.shape, input_at)],
            "outputs": [_place("logits", (1, rows), output_at)],
            "memory_pages": pages,
            "weights": entries[0] | {"offset": _WEIGHTS_AT},
            "modules": {"simd": entries[1], "relaxed": entries[2]},
            "source": {
                "sha256": _digest(data) * 8,
                "opset": 17,
                "parameters": rows * (columns + 1),
                "macs": rows * columns,
            },
        }
        return files | {"manifest.json": json.dumps(manifest).encode()}, manifest


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _place(name: str, shape: tuple[int, ...], offset: int) -> dict[str, Any]:
    size_bytes = 4 * int(np.prod(shape))
    return {
        "name": name, "dtype": "float32", "shape": list(shape), "offset": offset,
        "size_bytes": size_bytes,
    }  # fmt: skip


def colours() -> Linear:
    """Name the colour of the middle of a picture."""
    per_channel = np.array(
        [[4, -3, -3], [-3, 4, -3], [-3, -3, 4], [2, 2, 2], [-4, -4, -4]], np.float32
    )
    weights = np.repeat(per_channel / 64, 64, axis=1)
    return Linear(weights, [0, 0, 0, -3, 1], ImageInput(name="input", width=8, height=8))


def strokes() -> Linear:
    """Tell a line across from a line down and from a dot."""
    y, x = np.mgrid[-13.5:14, -13.5:14].astype(np.float32)
    across, down = x * x - y * y, y * y - x * x
    dot = 30 - (x * x + y * y) / 2
    spec = ImageInput(name="input", width=28, height=28, color="GRAY", centre=Centre(size=20))
    return Linear(np.stack([across, down, dot]) / 500, [0, 0, 0], spec)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def patch(colour: str, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A disc of a colour on a darker ground of the same."""
    image = Image.new("RGB", size, colour)
    width, height = size
    ImageDraw.Draw(image).rectangle((0, height * 0.9, width, height), fill="#444")
    return image


def scribble(*points: tuple[int, int]) -> Image.Image:
    """Black ink on white paper."""
    image = Image.new("L", (280, 280), 255)
    pen = ImageDraw.Draw(image)
    pen.line(points, fill=0, width=20)
    for x, y in (points[0], points[-1]):
        pen.ellipse((x - 10, y - 10, x + 10, y + 10), fill=0)
    return image


def example(
    model: Linear, labels: Sequence[str], name: str, caption: str, image: Image.Image
) -> Example:
    shares = model.probabilities(image)
    order = np.argsort(-shares, kind="stable")
    answers = tuple(Answer(labels[i], float(shares[i]), int(i)) for i in order)
    data = png(image)
    return Example(name, caption, Path(name), data, "image/png", *image.size, None, answers)


def demo(noun: str, model: Linear, labels: Sequence[str], examples: Sequence[Example]) -> DemoPage:
    return DemoPage(
        slug=noun,
        title=f"What is this {noun}?",
        description=f"A linear model tells one {noun} from the other.",
        task="image-classification",
        labels=tuple(labels),
        input=model.spec,
        output="logits",
        activation="softmax",
        top=5,
        threshold=None,
        inputs_enabled=("upload",),
        body_markdown=WORDS,
        examples=tuple(examples),
        proof=Proof(12, 1.2e-6, 1.0, "1.31.1", ("simd", "relaxed")),
        manifest=model.manifest,
        files=Pieces(model.files),
        pictures=pictures(examples, model.spec, None),
        accent=None,
    )


def colour_demo(**changes: Any) -> DemoPage:
    model = colours()
    pictures = {name: patch(name) for name in ("red", "blue", "black")}
    examples = [
        example(model, COLOURS, f"{name}.png", f"All {name}", image)
        for name, image in pictures.items()
    ]
    return changed(demo("colour", model, COLOURS, examples), changes)


def stroke_demo(**changes: Any) -> DemoPage:
    model = strokes()
    lines: Mapping[str, Image.Image] = {
        "across": scribble((60, 140), (220, 150)),
        "down": scribble((140, 60), (150, 220)),
    }
    examples = [
        example(model, STROKES, f"{name}.png", f"A line {name}", image)
        for name, image in lines.items()
    ]
    whole = demo("stroke", model, STROKES, examples)
    return changed(whole, {"inputs_enabled": ("draw", "upload")} | changes)


def changed(page: DemoPage, changes: Mapping[str, Any]) -> DemoPage:
    """Another page, with the pictures of its examples."""
    other = replace(page, **changes)
    return replace(other, pictures=pictures(other.examples, other.input, None))


def site(**changes: Any) -> SiteInfo:
    whole = SiteInfo(
        title="Models for tests",
        description="Small enough to be written by hand.",
        language="en",
        site_url=None,
        footer="Released under *Apache-2.0*.",
        accent=None,
        offline=False,
        body_markdown="",
    )
    return replace(whole, **changes)


WORDS = """\
## What it is

A matrix.[^1] It has no idea of anything else, and *every* picture is some colour to it.

[^1]: And a bias.

| part | numbers |
|---|---:|
| matrix | 960 |

```python
print("hello")
```
"""

RICH_WORDS = """\
[TOC]

## What a text may hold

A formula in a line, $p_i = e^{z_i}$, and one of its own:

$$
p_i = \\frac{e^{z_i}}{\\sum_j e^{z_j}}
$$

!!! note
    Mind this.

!!! warning "Hot"
    And `this` even more.

### A part of it

There are {{ site.demos }} demos.[^1]

[^1]: And [more](#a-part-of-it) will come.

word
:   its meaning

> A quotation.
"""

ARTICLE = Article("docs/rich.md", "Rich words", RICH_WORDS, ())

LONG_WORDS = """\
The picture is brought to eight by eight pixels before anything else happens to it, and so a
small thing in a large picture is nothing but a slightly different grey to this model, which has
never heard of shapes. What remains are sixty-four numbers for each of three colours; a matrix
weighs them, the largest sum wins, and the page says how clearly it has won. All of this takes
less time than it takes the browser to draw the bars, which is why they seem to be there at once.
"""
