"""Train this demo's ResNet-20 on CIFAR-10 and write it as an ONNX file.

    python demos/cifar10/train.py DATA [--epochs 44] [--output model.onnx] [--checkpoint FILE]

DATA is the folder with cifar10-train-jpeg.npz and cifar10-test-jpeg.npz: JPEG files end to end
(`jpeg`), where each begins (`offsets`) and what it shows (`labels`). Needs torch 2.6 or later,
onnx, onnxscript, onnxruntime, numpy and pillow; and a C++ compiler, or --no-compile.

The network is He et al., "Deep Residual Learning for Image Recognition" (2015), section 4.2,
with n = 3 and 1x1 convolutions on the shortcuts that change size. Two things save time: many
epochs see 24x24 cuts, and for some the first third of the layers is frozen (Brock et al.,
"FreezeOut", 2017).
"""

from __future__ import annotations

import argparse
import copy
import io
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

HERE = Path(__file__).parent
CLASSES = 10
SIDE = 32

# Of every channel over the training pictures; demo.yaml says the same.
MEAN = torch.tensor([0.4914, 0.4822, 0.4465])
DEVIATION = torch.tensor([0.2470, 0.2435, 0.2616])

BATCH = 128
WEIGHT_DECAY = 5e-4
AVERAGING = 0.998  # Of the weights, per step.


class Phase(NamedTuple):
    """Some epochs of training: how long, on what, and how fast from begin to end."""

    epochs: int
    side: int
    rates: tuple[float, float]
    smoothing: float = 0.05
    frozen: bool = False


PHASES = (
    Phase(3, side=24, rates=(0.0, 0.4)),
    Phase(11, side=24, rates=(0.4, 0.15)),
    Phase(2, side=32, rates=(0.15, 0.1)),
    Phase(4, side=32, rates=(0.05, 0.017)),
    Phase(8, side=32, rates=(0.06, 0.02), frozen=True),
    Phase(4, side=32, rates=(0.02, 0.0), frozen=True, smoothing=0.0),
    Phase(4, side=24, rates=(0.1, 0.067), smoothing=0.0),
    Phase(8, side=32, rates=(0.067, 0.0), smoothing=0.0),
)
ALL_EPOCHS = sum(phase.epochs for phase in PHASES)


class Pictures(NamedTuple):
    """Pictures, uint8 [N, H, W, 3] in RGB, and their classes, int64 [N]."""

    images: Tensor
    labels: Tensor


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, source: int, target: int, stride: int = 1) -> None:
        super().__init__()
        self.first = convolution(source, target, 3, stride)
        self.second = convolution(target, target, 3)
        same = stride == 1 and source == target
        self.shortcut = nn.Identity() if same else convolution(source, target, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, O, H / stride, W / stride]."""
        y = self.second(functional.relu(self.first(x)))
        return functional.relu(y + self.shortcut(x))


class ResNet20(nn.Module):
    """Nine blocks of 16, 32 and 64 channels, their mean, and one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            convolution(3, 16, 3), nn.ReLU(), *(Block(16, 16) for _ in range(3))
        )
        self.coarse = nn.Sequential(
            *(Block(16, 32, stride=2), Block(32, 32), Block(32, 32)),
            *(Block(32, 64, stride=2), Block(64, 64), Block(64, 64)),
        )
        self.classify = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures [N, 3, H, W] to logits [N, 10]."""
        return self.classify(self.coarse(self.fine(x)).mean((2, 3)))


def convolution(source: int, target: int, size: int, stride: int = 1) -> nn.Sequential:
    """Make a convolution that keeps H and W (or divides them by stride), normalised by batch."""
    kernel = nn.Conv2d(source, target, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(target))


def load(folder: Path, split: str) -> Pictures:
    """Decode every picture of a split, "train" or "test"."""
    archive = np.load(folder / f"cifar10-{split}-jpeg.npz")
    data, offsets, labels = archive["jpeg"], archive["offsets"], archive["labels"]
    files = (data[begin:end].tobytes() for begin, end in pairwise(offsets))
    images = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
    return Pictures(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))


def normalized(images: Tensor) -> Tensor:
    """Bytes [N, H, W, 3] to what the network takes, float32 [N, 3, H, W]."""
    values = (images.float() / 255 - MEAN) / DEVIATION
    return values.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def cut(images: Tensor, side: int) -> Tensor:
    """Cut a side x side piece out of each picture with its border widened, mirroring half."""
    count, border = len(images), 4 if side == SIDE else 2
    wide = functional.pad(images, (0, 0, border, border, border, border))
    room = SIDE + 2 * border - side + 1
    top, left = torch.randint(0, room, (count,)), torch.randint(0, room, (count,))
    mirrored = torch.rand(count) < 0.5
    rows = top[:, None] + torch.arange(side)
    columns = left[:, None] + torch.arange(side)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    return wide[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def phase_at(epoch: float) -> tuple[Phase, float]:
    """Return the phase at a point in time, counted in epochs, and its learning rate there."""
    phase = PHASES[-1]
    for phase in PHASES:
        if epoch < phase.epochs:
            break
        epoch -= phase.epochs
    begin, end = phase.rates
    return phase, begin + (end - begin) * min(epoch / phase.epochs, 1)


class Trainee:
    """A network, its running average and what changes them; may be written down and taken up."""

    def __init__(self) -> None:
        self.network = ResNet20().to(memory_format=torch.channels_last)
        self.average = ResNet20().to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = optimizer_of(self.network)
        self.steps = 0

    def prepare(self, phase: Phase) -> None:
        """Be ready for an epoch; a frozen part stays what its average was."""
        self.network.train()
        self.network.fine.requires_grad_(not phase.frozen)
        if phase.frozen:
            self.network.fine.load_state_dict(self.average.fine.state_dict())
            self.network.fine.eval()

    def step(self, loss: Tensor, rate: float) -> None:
        """Follow the gradient of a loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        average_in(self.average, self.network, self.steps)

    def save(self, path: Path) -> None:
        """Write all that training needs to go on."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "steps": self.steps,
        }
        torch.save(state, path)

    def restore(self, path: Path) -> None:
        """Read what `save` wrote."""
        state = torch.load(path)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.steps = state["steps"]


def optimizer_of(network: nn.Module) -> torch.optim.SGD:
    """Make the optimizer: matrices and kernels decay, biases and normalisations do not."""
    decaying = [value for value in network.parameters() if value.ndim > 1]
    free = [value for value in network.parameters() if value.ndim == 1]
    groups = [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": free}]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)


@torch.no_grad()
def average_in(average: nn.Module, network: nn.Module, step: int) -> None:
    """Move the running average of the weights towards the network, faster at the beginning."""
    keep = min(AVERAGING, (1 + step) / (10 + step))
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)


@torch.no_grad()
def accuracy(network: nn.Module, pictures: Pictures) -> float:
    """Return the share of pictures whose largest logit is the right one."""
    network.eval()
    batches = zip(pictures.images.split(500), pictures.labels.split(500), strict=True)
    right = sum(
        int((network(normalized(images)).argmax(1) == labels).sum()) for images, labels in batches
    )
    return right / len(pictures.labels)


def train(
    training: Pictures, test: Pictures, epochs: int, checkpoint: Path | None, compiled: bool
) -> ResNet20:
    """Train from the start, or on from the checkpoint; the result is the averaged network."""
    trainee = Trainee()
    if checkpoint is not None and checkpoint.exists():
        trainee.restore(checkpoint)
    forward = torch.compile(trainee.network, dynamic=False) if compiled else trainee.network
    steps = len(training.labels) // BATCH
    for epoch in range(trainee.steps // steps, epochs):
        began, total_loss = time.perf_counter(), 0.0
        phase, _ = phase_at(epoch * ALL_EPOCHS / epochs)
        trainee.prepare(phase)
        order = torch.randperm(len(training.labels))
        for chosen in order[: steps * BATCH].split(BATCH):
            _, rate = phase_at(trainee.steps / steps * ALL_EPOCHS / epochs)
            logits = forward(normalized(cut(training.images[chosen], phase.side)))
            loss = functional.cross_entropy(
                logits, training.labels[chosen], label_smoothing=phase.smoothing
            )
            trainee.step(loss, rate)
            total_loss += loss.item()
        print(
            f"epoch {epoch + 1}/{epochs}  {time.perf_counter() - began:.0f} s  "
            f"loss {total_loss / steps:.4f}  test {accuracy(trainee.average, test):.4f}",
            flush=True,
        )
        if checkpoint is not None:
            trainee.save(checkpoint)
    return trainee.average


def fold(network: nn.Module) -> nn.Module:
    """Return a copy for inference, with every normalisation inside the convolution before it."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network.to(memory_format=torch.contiguous_format)


def export(network: nn.Module, path: Path) -> None:
    """Write an ONNX file for one picture: `input` float32 [1, 3, 32, 32] to `logits` [1, 10]."""
    program = torch.onnx.export(
        fold(network),
        (torch.zeros(1, 3, SIDE, SIDE),),
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


def exported_accuracy(path: Path, pictures: Pictures) -> float:
    """Return the accuracy of the file as onnxruntime runs it, one picture at a time."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1  # Pictures this small are not worth sharing.
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    inputs = normalized(pictures.images).contiguous().numpy()
    logits = [session.run(["logits"], {"input": inputs[i : i + 1]})[0] for i in range(len(inputs))]
    return float((np.concatenate(logits).argmax(1) == pictures.labels.numpy()).mean())


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description="Train a ResNet-20 on CIFAR-10.")
    parser.add_argument("data", type=Path, help="folder of cifar10-train-jpeg.npz and -test-")
    parser.add_argument("--epochs", type=int, default=ALL_EPOCHS)
    parser.add_argument("--output", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--checkpoint", type=Path, help="written every epoch, resumed if present")
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
