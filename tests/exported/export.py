"""Makes the models in models/: networks of the usual kinds, as PyTorch's exporters write them.

Run with PyTorch 2.13, onnx and onnxscript: `python tests/exported/export.py`. The networks are of
our own, tiny and with random weights; what counts is the graph that an exporter makes of them.
Each is exported twice, by the exporter of today and by the older one. Where a size is left open,
its name and the sizes to try are in SIZES of test_exported.py.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

FOLDER = Path(__file__).parent / "models"
WIDTH, HEADS = 16, 2


class Residual(nn.Module):
    """Two convolutions and a shortcut, as ResNet has them."""

    def __init__(self, channels: int, wider: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, wider, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(wider)
        self.second = nn.Conv2d(wider, wider, 3, 1, 1, bias=False)
        self.other = nn.BatchNorm2d(wider)
        self.shortcut = nn.Conv2d(channels, wider, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm(self.first(x)))
        return functional.relu(self.other(self.second(y)) + self.shortcut(x))


class Classifier(nn.Module):
    """A picture's class."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1)
        self.blocks = nn.Sequential(Residual(8, 8, 1), Residual(8, 12, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(12, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.hardswish(self.stem(image)), 2)
        return self.head(torch.flatten(self.pool(self.blocks(x)), 1))


class UNet(nn.Module):
    """A mask for a picture: down, up, and across."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.GroupNorm(2, 6), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(6, 10, 3, padding=1), nn.InstanceNorm2d(10), nn.ReLU())
        self.deepest = nn.Sequential(nn.Conv2d(10, 10, 3, padding=2, dilation=2), nn.LeakyReLU(0.1))
        self.up = nn.ConvTranspose2d(10, 6, 2, 2)
        self.mix = nn.Conv2d(16, 6, 3, padding=1, padding_mode="reflect")
        self.head = nn.Conv2d(12, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        first = self.down(image)
        second = self.deep(functional.max_pool2d(first, 2))
        third = self.deepest(functional.avg_pool2d(second, 2))
        wide = functional.interpolate(third, scale_factor=2, mode="bilinear", align_corners=False)
        mixed = self.mix(torch.cat([wide, second[:, :6]], 1))
        raised = self.up(torch.cat([mixed, second[:, 6:]], 1))
        return torch.sigmoid(self.head(torch.cat([raised, first], 1)))


class Tagger(nn.Module):
    """A tag for every word, by an LSTM that reads in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 12)
        self.lstm = nn.LSTM(12, 10, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(20, 8, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, words: Tensor) -> Tensor:
        read, _ = self.lstm(self.words(words))
        again, _ = self.gru(read)
        return functional.log_softmax(self.head(again), -1)


class Attention(nn.Module):
    """Attention of several heads, causal or masked."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def split(self, x: Tensor) -> list[Tensor]:
        batch, length, _ = x.shape
        parts = self.qkv(x).view(batch, length, 3, HEADS, WIDTH // HEADS)
        return [part.squeeze(2).transpose(1, 2) for part in parts.split(1, 2)]

    def join(self, x: Tensor) -> Tensor:
        return self.out(x.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.split(x)
        return self.join(functional.scaled_dot_product_attention(q, k, v, attn_mask=mask))


class Block(nn.Module):
    """A layer of a transformer, normalised before or after."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.attention = Attention()
        self.norm, self.other = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 32), nn.GELU(), nn.Linear(32, WIDTH))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.first:
            x = x + self.attention(self.norm(x), mask)
            return x + self.feed(self.other(x))
        x = self.norm(x + self.attention(x, mask))
        return self.other(x + self.feed(x))


class Bert(nn.Module):
    """A class for a text of any length, padded behind its mask."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(60, WIDTH), nn.Embedding(64, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.blocks = nn.ModuleList([Block(first=False), Block(first=False)])
        self.pooler, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
        x = self.norm(self.words(ids) + self.places(places))
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for block in self.blocks:
            x = block(x, bias)
        return self.head(torch.tanh(self.pooler(x[:, 0])))


class Vit(nn.Module):
    """A picture's class, from its patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.places = nn.Parameter(torch.randn(1, 17, WIDTH))
        self.blocks = nn.Sequential(Block(first=True), Block(first=True))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


class Whisper(nn.Module):
    """The encoder of a recogniser of speech: two convolutions over a spectrogram, then blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(20, WIDTH, 3, padding=1)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        angles = torch.arange(24)[:, None] * torch.exp(-torch.arange(WIDTH // 2) / 2)
        self.register_buffer("places", torch.cat([angles.sin(), angles.cos()], 1))
        self.blocks = nn.Sequential(Block(first=True), Block(first=True))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, spectrogram: Tensor) -> Tensor:
        x = functional.gelu(self.second(functional.gelu(self.first(spectrogram))))
        return self.norm(self.blocks(x.transpose(1, 2) + self.places))


class Gpt(nn.Module):
    """One step of a writer: a token in, scores of the next out, keys and values kept in a cache."""

    CACHE = 12

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(40, WIDTH), nn.Embedding(self.CACHE, WIDTH)
        self.blocks = nn.ModuleList([Block(first=True), Block(first=True)])
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, token: Tensor, position: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`past` is [layer, key or value, 1, head, CACHE, width of a head]."""
        x = self.words(token) + self.places(position)
        here = (torch.arange(self.CACHE) == position).view(1, 1, -1, 1)
        seen = torch.arange(self.CACHE) <= position
        kept = []
        for number, block in enumerate(self.blocks):
            q, k, v = block.attention.split(block.norm(x))
            keys = torch.where(here, k, past[number, 0])
            values = torch.where(here, v, past[number, 1])
            scores = q @ keys.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
            scores = scores.masked_fill(~seen, float("-inf"))
            x = x + block.attention.join(torch.softmax(scores, -1) @ values)
            x = x + block.feed(block.other(x))
            kept.append(torch.stack([keys, values]))
        return self.norm(x)[:, 0] @ self.words.weight.T, torch.stack(kept)


class Suppression(torch.autograd.Function):
    """ONNX's NonMaxSuppression, which PyTorch itself does not have."""

    @staticmethod
    def forward(_ctx: object, _boxes: Tensor, _scores: Tensor) -> Tensor:
        return torch.zeros(4, 3, dtype=torch.int64)

    @staticmethod
    def symbolic(g: torch.Graph, boxes: torch.Value, scores: torch.Value) -> torch.Value:
        limits = [torch.tensor([6]), torch.tensor([0.5]), torch.tensor([0.1])]
        constants = [g.op("Constant", value_t=limit) for limit in limits]
        return g.op("NonMaxSuppression", boxes, scores, *constants)


class Detector(nn.Module):
    """Boxes on a grid, the best of which remain."""

    def __init__(self, *, traced: bool) -> None:
        super().__init__()
        self.traced = traced
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))
        self.boxes, self.scores = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = functional.relu(self.features(image))
        steps = torch.arange(8).float()
        centres = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).view(1, -1, 2)
        raw = self.boxes(x).flatten(2).transpose(1, 2)
        corner, size = centres + raw[..., :2].sigmoid(), 3 * raw[..., 2:].exp()
        boxes = torch.cat([corner - size / 2, corner + size / 2], -1)
        scores = self.scores(x).flatten(2).softmax(1)
        if self.traced:
            found = Suppression.apply(boxes, scores)
        else:
            limits = (torch.tensor([6]), torch.tensor([0.5]), torch.tensor([0.1]))
            found = torch.onnx.ops.symbolic(
                "NonMaxSuppression", (boxes, scores, *limits), dtype=torch.int64,
                shape=(12, 3), version=11,
            )  # fmt: skip
        return boxes, scores, found


PICTURE = torch.zeros(1, 3, 32, 32)
NETWORKS: dict[
    str, tuple[type[nn.Module], dict[str, Tensor], list[str], dict[str, dict[int, str]]]
] = {
    "classifier": (Classifier, {"image": PICTURE}, ["scores"], {"image": {0: "batch"}}),
    "unet": (UNet, {"image": PICTURE}, ["mask"], {}),
    "tagger": (Tagger, {"words": torch.zeros(1, 7, dtype=torch.int64)}, ["tags"], {}),
    "bert": (
        Bert,
        {
            "ids": torch.zeros(1, 9, dtype=torch.int64),
            "mask": torch.ones(1, 9, dtype=torch.int64),
        },
        ["scores"],
        {"ids": {1: "length"}, "mask": {1: "length"}},
    ),
    "vit": (Vit, {"image": PICTURE}, ["scores"], {}),
    "whisper": (Whisper, {"spectrogram": torch.zeros(1, 20, 48)}, ["features"], {}),
    "gpt": (
        Gpt,
        {
            "token": torch.zeros(1, 1, dtype=torch.int64),
            "position": torch.zeros(1, 1, dtype=torch.int64),
            "past": torch.zeros(2, 2, 1, HEADS, Gpt.CACHE, WIDTH // HEADS),
        },
        ["scores", "present"],
        {},
    ),
    "detector": (Detector, {"image": PICTURE}, ["boxes", "scores", "found"], {}),
}
"""Class, inputs, names of the outputs, and the axes that stay open."""


def export(name: str, *, dynamo: bool) -> onnx.ModelProto:
    """A network's model, by the exporter of today or the older one."""
    kind, inputs, outputs, axes = NETWORKS[name]
    torch.manual_seed(7)
    network = (kind(traced=not dynamo) if kind is Detector else kind()).eval()
    path = FOLDER / f"{name}-{'dynamo' if dynamo else 'traced'}.onnx"
    options = {"input_names": list(inputs), "output_names": outputs, "dynamo": dynamo}
    if dynamo:
        dims = {
            key: {at: torch.export.Dim(dim) for at, dim in axes.get(key, {}).items()}
            for key in inputs
        }
        options |= {
            "dynamic_shapes": dims if axes else None,
            "external_data": False,
            "verbose": False,
        }
    else:
        options |= {"dynamic_axes": axes, "opset_version": 17}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, tuple(inputs.values()), str(path), **options)
    return onnx.load(path)


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without what the exporter notes about the machine and the code it ran on."""
    nodes = [*model.graph.node, *(node for f in model.functions for node in f.node)]
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    for part in (model, model.graph, *nodes, *values, *model.graph.initializer, *model.functions):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    for name in parser.parse_args().names:
        for dynamo in (True, False):
            model = bare(export(name, dynamo=dynamo))
            for value in model.graph.output:
                if value.name == "found":  # as many as there are, which the exporters cannot say
                    value.type.tensor_type.shape.dim[0].dim_param = "count"
            path = FOLDER / f"{name}-{'dynamo' if dynamo else 'traced'}.onnx"
            path.write_bytes(model.SerializeToString(deterministic=True))
            kinds = sorted({node.op_type for node in model.graph.node})
            print(f"{path.name}: {path.stat().st_size} bytes, {', '.join(kinds)}")


if __name__ == "__main__":
    main()
