"""The model and the pictures of the demo in a new site: made by code, explained on its page."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 256
"""Pixels of each side of the pictures."""

SHARPNESS = 4
"""Pictures are drawn this many times as large and then shrunk, which smooths their edges."""


def colour_model() -> bytes:
    """An ONNX model from float32 [1, 3, 32, 32] in 0..1 to the scores [1, 3] of three colours.

    The mean of every channel, times 6 for its own class and -3 for the two others.
    """
    import onnx
    from onnx import TensorProto, helper

    votes = [6.0 if row == column else -3.0 for row in range(3) for column in range(3)]
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["image"], ["means"], name="mean_colour"),
            helper.make_node("Flatten", ["means"], ["channels"], name="channels"),
            helper.make_node("Gemm", ["channels", "votes"], ["scores"], name="vote", transB=1),
        ],
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor("votes", TensorProto.FLOAT, [3, 3], votes)],
    )
    model = helper.make_model(
        graph,
        producer_name="edgesite",
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 17)],
    )
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def tomato() -> bytes:
    """A PNG of a tomato that fills a white plate."""
    return _drawing("#e9d8d0", _draw_tomato)


def leaf() -> bytes:
    """A PNG of a leaf against the light."""
    return _drawing("#bfe3b4", _draw_leaf)


def _draw_tomato(draw: ImageDraw.ImageDraw, unit: float) -> None:
    draw.ellipse(_box(4, 4, 96, 96, unit), fill="#fbf7f4")
    draw.ellipse(_box(12, 14, 88, 90, unit), fill="#d8231f")
    draw.ellipse(_box(24, 24, 44, 38, unit), fill="#f0655c")
    draw.polygon(
        _points([(50, 30), (38, 22), (46, 20), (50, 8), (54, 20), (62, 22)], unit), fill="#2f7d32"
    )


def _draw_leaf(draw: ImageDraw.ImageDraw, unit: float) -> None:
    """A blade along the diagonal from (14, 86) to (86, 14), with veins on both sides."""
    steps = [step / 40 for step in range(41)]
    blade = [_beside(t, 24 * math.sin(math.pi * t) ** 0.8) for t in steps]
    blade += [_beside(t, -24 * math.sin(math.pi * t) ** 0.8) for t in reversed(steps)]
    draw.polygon(_points(blade, unit), fill="#2e8b3a")
    veins = [(t, side * 16) for t in (0.25, 0.42, 0.6) for side in (-1, 1)]
    for t, away in veins:
        ends = [_beside(t, 0), _beside(t + 0.15, away * math.sin(math.pi * (t + 0.15)))]
        draw.line(_points(ends, unit), fill="#a6dd9a", width=round(unit))
    draw.line(_points([_beside(-0.1, 0), _beside(0.92, 0)], unit), "#a6dd9a", round(2 * unit))


def _beside(along: float, away: float) -> tuple[float, float]:
    """A point of the leaf: 0..1 along its middle, and so many percent to its side."""
    return 14 + 72 * along + away * math.sqrt(0.5), 86 - 72 * along + away * math.sqrt(0.5)


def _drawing(background: str, draw: Callable[[ImageDraw.ImageDraw, float], None]) -> bytes:
    large = Image.new("RGB", (SIZE * SHARPNESS, SIZE * SHARPNESS), background)
    draw(ImageDraw.Draw(large), SIZE * SHARPNESS / 100)
    file = io.BytesIO()
    large.resize((SIZE, SIZE), Image.Resampling.BOX).save(file, "PNG", optimize=True)
    return file.getvalue()


def _box(
    left: float, top: float, right: float, bottom: float, unit: float
) -> tuple[float, float, float, float]:
    """Corners in percent of the picture as corners in pixels."""
    return left * unit, top * unit, right * unit, bottom * unit


def _points(points: list[tuple[float, float]], unit: float) -> list[tuple[float, float]]:
    return [(x * unit, y * unit) for x, y in points]
