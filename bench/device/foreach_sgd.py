#!/usr/bin/env python3
"""torch's own SGD over a ResNet-50's parameters: what the fused kernels of Ronde are compared with.

Prints one JSON object a line: microseconds of a step of torch.optim.SGD with Nesterov momentum and
weight decay, once with foreach=True (many tensors a kernel, one operation after another) and once
with fused=True, over the model's tensors and over one flat tensor of as many elements. Medians over
rounds; a round is a batch of steps that is waited for once.
"""

import argparse
import json
import statistics
import sys
import time


def bottleneck_resnet_shapes(blocks=(3, 4, 6, 3), classes=1000):
    """Shapes of the parameters of a torchvision ResNet with bottlenecks; ResNet-50's 161 tensors."""
    shapes = [(64, 3, 7, 7), (64,), (64,)]
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for block in range(count):
            for shape in ((width, inputs, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)):
                shapes += [shape, (shape[0],), (shape[0],)]
            if block == 0:
                shapes += [(4 * width, inputs, 1, 1), (4 * width,), (4 * width,)]
            inputs = 4 * width
    return shapes + [(classes, inputs), (classes,)]


def element_count(shape):
    count = 1
    for extent in shape:
        count *= extent
    return count


def time_steps(torch, optimizer, device, rounds, batch_s):
    """Median microseconds of a step."""

    def batch(steps):
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / steps

    batch(2)
    steps = max(1, min(1000, int(batch_s / batch(3))))
    return statistics.median(batch(steps) for _ in range(rounds)) * 1e6


def measure(torch, device, shapes, way, rounds, batch_s):
    generator = torch.Generator(device=device).manual_seed(1)
    parameters = []
    for shape in shapes:
        parameter = torch.nn.Parameter(torch.randn(shape, device=device, generator=generator))
        parameter.grad = torch.randn(shape, device=device, generator=generator) * 1e-3
        parameters.append(parameter)
    optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9, nesterov=True,
                                weight_decay=1e-4, **{way: True})
    return time_steps(torch, optimizer, device, rounds, batch_s)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch-ms", type=float, default=20)
    parser.add_argument("--small", action="store_true", help="a tiny model, to try the script")
    arguments = parser.parse_args()
    try:
        import torch  # pylint: disable=import-outside-toplevel
    except ImportError:
        sys.exit("foreach_sgd.py: this Python has no torch; run it with the one that has")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("foreach_sgd.py: torch finds no GPU here; --device cpu tries the script",
              file=sys.stderr)
        return 2
    shapes = bottleneck_resnet_shapes()
    if arguments.small:
        shapes = bottleneck_resnet_shapes((1, 1, 1, 1), 10)
    total = sum(element_count(shape) for shape in shapes)
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu"
    for layout, of_layout in (("tensors", shapes), ("flat", [(total,)])):
        for way in ("foreach", "fused"):
            time_us = measure(torch, arguments.device, of_layout, way, arguments.rounds,
                              arguments.batch_ms / 1e3)
            print(json.dumps({"benchmark": "torch_sgd", "device": arguments.device,
                              "device_name": name, "torch": torch.__version__, "way": way,
                              "layout": layout, "tensors": len(of_layout), "elements": total,
                              "time_us": time_us}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
