#!/usr/bin/env python3
"""Trains torchvision's ResNet-18 or -50, written out here, on images that lie on the GPU.

Plain PyTorch at its best on one GPU: channels-last, bf16 autocast, cuDNN's search for the fastest
algorithm, a few random batches that were put on the device before the clock starts, gradients set
to none, no figure read back before the end of an epoch. Prints one JSON object per epoch, with the
keys that ronde-train's log has. With --device cpu it only shows that it runs.
"""

import argparse
import contextlib
import json
import time

import torch
from torch import nn

STORED_BATCHES = 4
CLASSES = 1000

OPTIMIZERS = {"foreach": {"foreach": True}, "fused": {"fused": True}}


def convolution(channels_in, channels_out, kernel, stride=1):
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """Convolutions with batch norm, a ReLU behind each, and a shortcut around them."""

    def __init__(self, layers, channels_in, channels_out, stride):
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(convolution(*layer),
                                                  nn.BatchNorm2d(layer[1])) for layer in layers)
        nn.init.zeros_(self.layers[-1][1].weight)
        self.downsample = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(convolution(channels_in, channels_out, 1, stride),
                                            nn.BatchNorm2d(channels_out))

    def forward(self, images):
        x = images
        for layer in self.layers[:-1]:
            x = layer(x).relu_()
        shortcut = images if self.downsample is None else self.downsample(images)
        return self.layers[-1](x).add_(shortcut).relu_()


def basic(channels_in, width, stride):
    return Block([(channels_in, width, 3, stride), (width, width, 3)], channels_in, width, stride)


def bottleneck(channels_in, width, stride):
    return Block([(channels_in, width, 1), (width, width, 3, stride), (width, 4 * width, 1)],
                 channels_in, 4 * width, stride)


MODELS = {"resnet18": (basic, 1, [2, 2, 2, 2]), "resnet50": (bottleneck, 4, [3, 4, 6, 3])}


def make_model(name):
    block, expansion, counts = MODELS[name]
    layers = [convolution(3, 64, 7, 2), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
              nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, count in enumerate(counts):
        width = 64 << stage
        for i in range(count):
            layers.append(block(channels, width, 2 if i == 0 and stage > 0 else 1))
            channels = width * expansion
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
    model = nn.Sequential(*layers)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model.to(memory_format=torch.channels_last)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="resnet50")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=50, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="fused")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def autocast(options):
    if options.precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(options.device, dtype=torch.bfloat16)


def train_epoch(options, model, optimizer, batches):
    """Returns the mean loss and the seconds it took."""
    loss_sum = torch.zeros((), device=options.device)
    synchronize(options.device)
    start = time.perf_counter()
    for step in range(options.steps):
        images, labels = batches[step % len(batches)]
        optimizer.zero_grad(set_to_none=True)
        with autocast(options):
            loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach()
    synchronize(options.device)
    return loss_sum.item() / options.steps, time.perf_counter() - start


def main():
    options = parse_arguments()
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    shape = (options.batch_size, 3, options.image_size, options.image_size)
    batches = [(torch.randn(shape, device=options.device).contiguous(
                    memory_format=torch.channels_last),
                torch.randint(CLASSES, (options.batch_size,), device=options.device))
               for _ in range(min(STORED_BATCHES, options.steps))]
    model = make_model(options.model).to(options.device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learning_rate, momentum=0.9,
                                nesterov=True, weight_decay=1e-4,
                                **OPTIMIZERS[options.optimizer])
    name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(json.dumps({"event": "config", "torch": torch.__version__, "device_name": name,
                      "parameters": sum(p.numel() for p in model.parameters())}), flush=True)
    for epoch in range(1, options.epochs + 1):
        loss, seconds = train_epoch(options, model, optimizer, batches)
        print(json.dumps({"event": "epoch", "epoch": epoch, "steps": options.steps,
                          "train_loss": loss, "seconds": seconds,
                          "images_per_second": options.steps * options.batch_size / seconds}),
              flush=True)


if __name__ == "__main__":
    main()
