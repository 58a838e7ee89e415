#!/usr/bin/env python3
"""Trains reference_resnet.py's network on CIFAR-10 images that lie in memory, as fast as it goes.

Plain PyTorch at its best on a CPU: channels-last, batches that were cropped, normalised and put in
order before the clock starts, gradients set to none, no figure taken but the loss. Prints one JSON
object per epoch, with the keys that ronde-train's log has.
"""

import argparse
import json
import os
import time

import numpy
import torch

from reference_resnet import make_model

MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)

# How SGD goes over the parameters: several tensors an operation, one after the other, or in a
# single kernel that makes the whole update.
OPTIMIZERS = {"foreach": {"foreach": True}, "for-loop": {"foreach": False},
              "fused": {"fused": True}}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="folder of CIFAR-10's binary version")
    parser.add_argument("--model", choices=["resnet8", "resnet20"], default="resnet20")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=50, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=0.0125)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="foreach")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def read_batches(folder, batch_size, steps):
    """A list of (images, labels), normalised and in channels-last order."""
    record = 1 + 3 * 32 * 32
    stored = numpy.fromfile(os.path.join(folder, "data_batch_1.bin"), dtype=numpy.uint8)
    stored = stored.reshape(-1, record)[:batch_size * steps]
    labels = torch.from_numpy(stored[:, 0].astype(numpy.int64))
    images = torch.from_numpy(stored[:, 1:].reshape(-1, 3, 32, 32)).float() / 255
    images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    images = images.contiguous(memory_format=torch.channels_last)
    return list(zip(images.split(batch_size), labels.split(batch_size)))


def train_epoch(model, optimizer, batches):
    """Returns the mean loss and the seconds it took."""
    loss_sum = 0.0
    start = time.perf_counter()
    for images, labels in batches:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss_sum += loss.item()
        loss.backward()
        optimizer.step()
    return loss_sum / len(batches), time.perf_counter() - start


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    batches = read_batches(options.data_dir, options.batch_size, options.steps)
    model = make_model(options.model, options.width, options.seed).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learning_rate, momentum=0.9,
                                nesterov=True, weight_decay=1e-4,
                                **OPTIMIZERS[options.optimizer])
    print(json.dumps({"event": "config", "torch": torch.__version__,
                      "parameters": sum(p.numel() for p in model.parameters()),
                      "threads": torch.get_num_threads()}), flush=True)
    images = sum(len(labels) for _, labels in batches)
    for epoch in range(1, options.epochs + 1):
        loss, seconds = train_epoch(model, optimizer, batches)
        print(json.dumps({"event": "epoch", "epoch": epoch, "steps": len(batches),
                          "train_loss": loss, "seconds": seconds,
                          "images_per_second": images / seconds}), flush=True)


if __name__ == "__main__":
    main()
