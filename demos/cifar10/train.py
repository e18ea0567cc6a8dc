"""Train this demo's ResNet-20 on CIFAR-10 and write it as an ONNX file.

    python demos/cifar10/train.py DATA [--output model.onnx] [--checkpoint FILE]

DATA is the folder with cifar10-train-jpeg.npz and cifar10-test-jpeg.npz: JPEG files end to end
(`jpeg`), where each begins (`offsets`) and what it shows (`labels`). Needs torch 2.6 or later,
onnx, onnxscript, onnxruntime, numpy and pillow; and a C++ compiler, or --no-compile.

The network is He et al., "Deep Residual Learning for Image Recognition" (2015), section 4.2,
with n = 3 and 1x1 convolutions on the shortcuts that change size. Two things save time: Muon
turns every step of a convolution into an orthogonal one (Jordan et al., "Muon: An optimizer for
hidden layers in neural networks", 2024), and most epochs see 24x24 cuts. What ships is the mean of
the weights over some last epochs at one small rate (Izmailov et al., "Averaging Weights Leads to
Wider Optima and Better Generalization", 2018); it answers with the mean of what it makes of a
picture and of its mirror image.
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
from torch.optim.swa_utils import AveragedModel, update_bn

HERE = Path(__file__).parent
CLASSES = 10
SIDE = 32

# Of every channel over the training pictures; demo.yaml says the same.
MEAN = torch.tensor([0.4914, 0.4822, 0.4465])
DEVIATION = torch.tensor([0.2470, 0.2435, 0.2616])

EPOCHS = 46
BATCH = 128
SMALL_SIDE, SMALL_EPOCHS = 24, 30
WARM_UP = 0.06  # Of the epochs; from there on the rates fall to nothing in a straight line.
AVERAGED_EPOCHS, AVERAGED_SHARE = 6, 0.15  # After these; of the highest rates.
SETTLING = 20_000  # Pictures from which the normalisations of the mean take their statistics.
SMOOTHING = 0.05
MUON_RATE, RATE = 0.02, 0.1  # Of convolutions, of everything else.
WEIGHT_DECAY = 5e-4  # Of the matrix at the end.


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
        self.features = nn.Sequential(
            *(convolution(3, 16, 3), nn.ReLU()),
            *(Block(16, 16) for _ in range(3)),
            *(Block(16, 32, stride=2), Block(32, 32), Block(32, 32)),
            *(Block(32, 64, stride=2), Block(64, 64), Block(64, 64)),
        )
        self.classify = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures [N, 3, H, W] to logits [N, 10]."""
        return self.classify(self.features(x).mean((2, 3)))


class BothWays(nn.Module):
    """A network asked twice: about a picture, and about its mirror image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """A picture [1, 3, H, W] to the mean of two rows of logits, [1, 10]."""
        return self.network(torch.cat((x, x.flip(3)))).mean(0, keepdim=True)


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


def cut(images: Tensor, side: int, mirrored: Tensor) -> Tensor:
    """Cut a side x side piece out of each picture with its border widened; mirror some."""
    count, border = len(images), 4 if side == SIDE else 2
    wide = functional.pad(images, (0, 0, border, border, border, border))
    room = SIDE + 2 * border - side + 1
    top, left = torch.randint(0, room, (count,)), torch.randint(0, room, (count,))
    rows = top[:, None] + torch.arange(side)
    columns = left[:, None] + torch.arange(side)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    return wide[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


class Muon(torch.optim.Optimizer):
    """Nesterov's momentum, orthogonalised: all directions of a kernel [O, C, H, W] move alike.

    Kernels are kept at norm sqrt(O), so that a rate is a relative change (Jordan, "94% on
    CIFAR-10 in 3.29 Seconds on a Single GPU", 2024; batch normalisation undoes the scale).
    """

    def __init__(self, kernels: list[nn.Parameter], rate: float, momentum: float = 0.9) -> None:
        super().__init__(kernels, {"lr": rate, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """Move every kernel by its gradient."""
        for group in self.param_groups:
            for kernel in group["params"]:
                state = self.state[kernel]
                if not state:
                    state["momentum"] = torch.zeros_like(kernel)
                state["momentum"].mul_(group["momentum"]).add_(kernel.grad)
                ahead = kernel.grad + group["momentum"] * state["momentum"]
                direction = orthogonal(ahead.reshape(len(kernel), -1)).reshape(kernel.shape)
                kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
                kernel.sub_(direction, alpha=group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring all singular values of a matrix [R, C], R <= C, near 1 by five Newton-Schulz steps."""
    matrix = matrix / (matrix.norm() + 1e-7)
    for _ in range(5):
        square = matrix @ matrix.T
        matrix = 3.4445 * matrix + (2.0315 * square @ square - 4.7750 * square) @ matrix
    return matrix


class Trainee:
    """A network, its mean and what changes it; may be written down and taken up."""

    def __init__(self) -> None:
        self.network = ResNet20().to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.network)
        ranks: dict[int, list[nn.Parameter]] = {1: [], 2: [], 4: []}
        for value in self.network.parameters():
            ranks[value.ndim].append(value)
        others = [{"params": ranks[2], "weight_decay": WEIGHT_DECAY}, {"params": ranks[1]}]
        self.muon = Muon(ranks[4], MUON_RATE)
        self.sgd = torch.optim.SGD(others, lr=RATE, momentum=0.9, nesterov=True)
        self.steps = 0

    def step(self, loss: Tensor, share: float, *, averaged: bool) -> None:
        """Follow the gradient of a loss, at a share of the highest rates."""
        for optimizer, rate in ((self.muon, MUON_RATE), (self.sgd, RATE)):
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        loss.backward()
        self.muon.step()
        self.sgd.step()
        self.steps += 1
        if averaged:
            self.average.update_parameters(self.network)

    def save(self, path: Path) -> None:
        """Write all that training needs to go on."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "muon": self.muon.state_dict(),
            "sgd": self.sgd.state_dict(),
            "random": torch.get_rng_state(),
            "steps": self.steps,
        }
        torch.save(state, path)

    def restore(self, path: Path) -> None:
        """Read what `save` wrote."""
        state = torch.load(path)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.muon.load_state_dict(state["muon"])
        self.sgd.load_state_dict(state["sgd"])
        torch.set_rng_state(state["random"])
        self.steps = state["steps"]


@torch.no_grad()
def accuracy(network: nn.Module, pictures: Pictures) -> float:
    """Return the share of pictures whose largest logit is the right one."""
    network.eval()
    batches = zip(pictures.images.split(500), pictures.labels.split(500), strict=True)
    right = sum(
        int((network(normalized(images)).argmax(1) == labels).sum()) for images, labels in batches
    )
    return right / len(pictures.labels)


def share_at(epoch: float) -> float:
    """Return the share of the highest rates at a point in time, counted in epochs."""
    done = epoch / EPOCHS
    return min(done / WARM_UP, (1 - done) / (1 - WARM_UP)) if done < 1 else AVERAGED_SHARE


def train(training: Pictures, test: Pictures, checkpoint: Path | None, compiled: bool) -> nn.Module:
    """Train from the start, or on from the checkpoint; the result is the mean of the end."""
    trainee = Trainee()
    if checkpoint is not None and checkpoint.exists():
        trainee.restore(checkpoint)
    forward = torch.compile(trainee.network, dynamic=False) if compiled else trainee.network
    steps = len(training.labels) // BATCH
    mirrored_first = torch.arange(len(training.labels)) * 2654435761 >> 16 & 1  # A hash's bit.
    for epoch in range(trainee.steps // steps, EPOCHS + AVERAGED_EPOCHS):
        began, total_loss = time.perf_counter(), 0.0
        trainee.network.train()
        side = SMALL_SIDE if epoch < SMALL_EPOCHS else SIDE
        order = torch.randperm(len(training.labels))
        for chosen in order[: steps * BATCH].split(BATCH):
            mirrored = mirrored_first[chosen] + epoch & 1 == 1  # So that each comes both ways.
            logits = forward(normalized(cut(training.images[chosen], side, mirrored)))
            loss = functional.cross_entropy(
                logits, training.labels[chosen], label_smoothing=SMOOTHING
            )
            trainee.step(loss, share_at(trainee.steps / steps), averaged=epoch >= EPOCHS)
            total_loss += loss.item()
        print(
            f"epoch {epoch + 1}/{EPOCHS + AVERAGED_EPOCHS}  {time.perf_counter() - began:.0f} s  "
            f"loss {total_loss / steps:.4f}  test {accuracy(trainee.network, test):.4f}",
            flush=True,
        )
        if checkpoint is not None:
            trainee.save(checkpoint)
    settling = training.images[:SETTLING].split(BATCH)
    cuts = (cut(images, SIDE, torch.rand(len(images)) < 0.5) for images in settling)
    update_bn(map(normalized, cuts), trainee.average)
    return trainee.average.module


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
        BothWays(fold(network)),
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
    parser.add_argument("--output", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--checkpoint", type=Path, help="written every epoch, resumed if present")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    test = load(options.data, "test")
    training = load(options.data, "train")
    network = train(training, test, options.checkpoint, options.compile)
    export(network, options.output)
    print(f"parameters: {sum(value.numel() for value in network.parameters()):,}")
    print(f"bytes: {options.output.stat().st_size:,}")
    print(f"test accuracy through onnxruntime: {exported_accuracy(options.output, test):.2%}")


if __name__ == "__main__":
    main()
