"""Train this demo's digit reader on MNIST and write it as an ONNX file.

    python demos/mnist/train.py DATA [--epochs 20] [--output model.onnx] [--checkpoint FILE]

DATA is the folder with mnist.npz: train_images and test_images, uint8 [N, 28, 28], white on
black, with train_labels and test_labels. Needs torch 2.6 or later, onnx, onnxscript,
onnxruntime and numpy; and a C++ compiler, or --no-compile.

Each picture is turned, sheared, scaled, moved and given a thinner or thicker stroke before the
network sees it, because a mouse or a finger draws digits that MNIST's pens did not.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

HERE = Path(__file__).parent
CLASSES = 10
SIDE = 28

BATCH = 128
PEAK_RATE = 0.008
WEIGHT_DECAY = 0.01
LABEL_SMOOTHING = 0.05
AVERAGING = 0.998  # Of the weights, per step.

TURN = 12.0  # Degrees, either way.
SHEAR = 0.15
SCALE = 0.12
SHIFT = 1.5  # Pixels, either way.


class Digits(NamedTuple):
    """Pictures, float32 [N, 1, 28, 28] from 0 to 1, and their digits, int64 [N]."""

    images: Tensor
    labels: Tensor


class DigitReader(nn.Module):
    """Four 3x3 convolutions at three sizes, the mean of the last, and one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(convolution(1, 16), nn.MaxPool2d(2)),
            *(convolution(16, 24), convolution(24, 32), nn.MaxPool2d(2)),
            convolution(32, 48, border=0),
        )
        self.classify = nn.Linear(48, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [N, 1, 28, 28] from 0 to 1 to logits [N, 10]."""
        return self.classify(self.layers(x).mean((2, 3)))


def convolution(source: int, target: int, border: int = 1) -> nn.Sequential:
    """Make a 3x3 convolution, normalised by batch and cut off at zero."""
    kernel = nn.Conv2d(source, target, 3, padding=border, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(target), nn.ReLU())


def load(folder: Path, split: str) -> Digits:
    """Read a split, "train" or "test"."""
    archive = np.load(folder / "mnist.npz")
    images = archive[f"{split}_images"][:, None].astype(np.float32) / 255
    labels = archive[f"{split}_labels"].astype(np.int64)
    return Digits(torch.from_numpy(images), torch.from_numpy(labels))


def varied(images: Tensor) -> Tensor:
    """Draw each picture a little differently: [N, 1, 28, 28] to the same."""
    return moved(thickened(images))


def thickened(images: Tensor) -> Tensor:
    """Blend each picture with one whose strokes are one pixel thicker, or thinner, all around."""
    thick = functional.max_pool2d(images, 3, stride=1, padding=1)
    thin = -functional.max_pool2d(-images, (2, 2), stride=1, padding=1)[:, :, 1:, 1:]
    change = torch.rand(len(images), 1, 1, 1) * 1.4 - 0.7
    thicker = images + (thick - images) * change.clamp(min=0)
    return thicker - (images - thin) * -change.clamp(max=0)


def moved(images: Tensor) -> Tensor:
    """Turn, shear, scale and shift each picture by its own random amounts."""

    def between(limit: float) -> Tensor:
        return (torch.rand(len(images)) * 2 - 1) * limit

    angle, shear = torch.deg2rad(between(TURN)), between(SHEAR)
    wide, high = 1 + between(SCALE), 1 + between(SCALE)
    right, down = between(SHIFT * 2 / SIDE), between(SHIFT * 2 / SIDE)
    cosine, sine = angle.cos(), angle.sin()
    top = torch.stack([wide * cosine, shear - high * sine, right], dim=1)
    bottom = torch.stack([wide * sine, high * cosine, down], dim=1)
    grid = functional.affine_grid(
        torch.stack([top, bottom], dim=1), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images, grid, align_corners=False)


@torch.no_grad()
def average_in(average: nn.Module, network: nn.Module, step: int) -> None:
    """Move the running average of the weights towards the network, faster at the beginning."""
    keep = min(AVERAGING, (1 + step) / (10 + step))
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)


@torch.no_grad()
def accuracy(network: nn.Module, digits: Digits) -> float:
    """Return the share of pictures whose largest logit is the right one."""
    network.eval()
    batches = zip(digits.images.split(500), digits.labels.split(500), strict=True)
    right = sum(int((network(images).argmax(1) == labels).sum()) for images, labels in batches)
    return right / len(digits.labels)


def train(
    training: Digits, test: Digits, epochs: int, checkpoint: Path | None, compiled: bool
) -> nn.Module:
    """Train with AdamW on one cycle of learning rates; the result is the averaged network."""
    network, average = DigitReader(), DigitReader()
    average.load_state_dict(network.state_dict())
    forward = torch.compile(network, dynamic=False) if compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    steps = len(training.labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=steps * epochs, pct_start=0.2
    )
    for epoch in range(epochs):
        began, total_loss = time.perf_counter(), 0.0
        network.train()
        order = torch.randperm(len(training.labels))
        for batch in range(steps):
            chosen = order[batch * BATCH : (batch + 1) * BATCH]
            loss = functional.cross_entropy(
                forward(varied(training.images[chosen])),
                training.labels[chosen],
                label_smoothing=LABEL_SMOOTHING,
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average_in(average, network, epoch * steps + batch + 1)
            total_loss += loss.item()
        seconds = time.perf_counter() - began
        print(
            f"epoch {epoch + 1}/{epochs}  {seconds:.0f} s  loss {total_loss / steps:.4f}  "
            f"test {accuracy(average, test):.4f}",
            flush=True,
        )
        if checkpoint is not None:
            torch.save(average.state_dict(), checkpoint)
    return average


def fold(network: nn.Module) -> nn.Module:
    """Return a copy for inference, with every normalisation inside the convolution before it."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


def export(network: nn.Module, path: Path) -> None:
    """Write an ONNX file for one picture: `input` float32 [1, 1, 28, 28] to `logits` [1, 10]."""
    program = torch.onnx.export(
        fold(network),
        (torch.zeros(1, 1, SIDE, SIDE),),
        input_names=["input"],
        output_names=["logits"],
        opset_version=18,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    # The exporter notes where on this machine each line of Python stands.
    for noted in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del noted.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def exported_accuracy(path: Path, digits: Digits) -> float:
    """Return the accuracy of the file as onnxruntime runs it, one picture at a time."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1  # Pictures this small are not worth sharing.
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    inputs = digits.images.numpy()
    logits = [session.run(["logits"], {"input": inputs[i : i + 1]})[0] for i in range(len(inputs))]
    return float((np.concatenate(logits).argmax(1) == digits.labels.numpy()).mean())


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description="Train a small digit reader on MNIST.")
    parser.add_argument("data", type=Path, help="folder of mnist.npz")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--checkpoint", type=Path, help="the averaged weights, every epoch")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    test = load(options.data, "test")
    training = load(options.data, "train")
    network = train(training, test, options.epochs, options.checkpoint, options.compile)
    export(network, options.output)
    print(f"parameters: {sum(value.numel() for value in network.parameters()):,}")
    print(f"bytes: {options.output.stat().st_size:,}")
    print(f"test accuracy through onnxruntime: {exported_accuracy(options.output, test):.2%}")


if __name__ == "__main__":
    main()
