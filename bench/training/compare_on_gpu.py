#!/usr/bin/env python3
"""Times ronde-train on one GPU beside the same network in PyTorch, in images per second.

The network, the precision, the optimizer's rule, the libtorch library and the batch size are the
same. ronde-train does all that it does in a real run: it makes and augments images on the host,
copies them to the device, counts hits, logs, checks each loss, and passes gradients through the
engine; the PyTorch loop (reference_gpu_trainer.py) works on batches that lie on the device and does
nothing but the step. PyTorch runs once with each implementation of its SGD, and its best one
counts. A figure is the median over the repeats of ratios between neighbouring runs.

Run it with the Python whose torch package ronde-train was built with; it needs no network.
"""

import sys
from functools import partial
from pathlib import Path

from compare_with_pytorch import check_same_libtorch
from measurement import (MISSED, REACHED, BenchError, common_parser, exit_with, interleave,
                         print_table, program, run_trainer, shown, summary, write_json)

GOAL = 1.0
LEARNING_RATE = 0.01
OPTIMIZERS = ["foreach", "fused"]
PARTS = ["data", "forward", "backward", "optimizer", "communication"]


def parse_arguments():
    parser = common_parser(__doc__.splitlines()[0])
    parser.set_defaults(batch_size=128, repeats=3)
    parser.add_argument("--model", choices=["resnet18", "resnet50"], default="resnet50")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda",
                        help="cpu only shows that the script runs")
    parser.add_argument("--optimizers", choices=OPTIMIZERS, nargs="+", default=OPTIMIZERS,
                        help="PyTorch's implementations of SGD")
    return parser.parse_args()


def ronde_command(options):
    # The reference rate is for a global batch of 256; warm-up is skipped, so it is LEARNING_RATE.
    return [program(options, "ronde-train"), "--dataset", "synthetic", "--model", options.model,
            "--limit-train", options.steps * options.batch_size, "--limit-validation", 1,
            "--batch-size", options.batch_size, "--epochs", options.epochs + 1,
            "--device", options.device, "--precision", options.precision,
            "--reference-lr", LEARNING_RATE * 256 / options.batch_size, "--warmup-epochs", 0,
            "--evaluate-every", 0, "--progress", "off", "--log-json", "/dev/stdout"]


def torch_command(options, optimizer):
    return [sys.executable, Path(__file__).with_name("reference_gpu_trainer.py"),
            "--model", options.model, "--device", options.device,
            "--precision", options.precision, "--batch-size", options.batch_size,
            "--steps", options.steps, "--epochs", options.epochs + 1,
            "--learning-rate", LEARNING_RATE, "--optimizer", optimizer]


def shares(epochs):
    """Where ronde-train's time went: shares of the timed epochs' seconds."""
    seconds = sum(epoch["seconds"] for epoch in epochs)
    return {part: sum(epoch["seconds_" + part] for epoch in epochs) / seconds for part in PARTS}


def compare(options):
    """Interleaved runs; the figures as JSON has them."""
    runs = {"ronde-train": partial(run_trainer, ronde_command(options))}
    for optimizer in options.optimizers:
        runs[f"pytorch {optimizer}"] = partial(run_trainer, torch_command(options, optimizer))
    samples = interleave(runs, options.repeats, options.model)
    counts = {name: taken[0].config["parameters"] for name, taken in samples.items()}
    if len(set(counts.values())) > 1:
        raise BenchError(f"the models differ in their number of parameters: {counts}")

    rows = {name: {"images_per_second":
                   summary([options.batch_size / s.seconds_per_step for s in taken]),
                   "host_cpu_seconds_per_step": summary([s.cpu_seconds_per_step for s in taken])}
            for name, taken in samples.items()}
    speedups = {name: summary([theirs.seconds_per_step / ours.seconds_per_step for ours, theirs
                               in zip(samples["ronde-train"], taken)])
                for name, taken in samples.items() if name != "ronde-train"}
    best = min(speedups, key=lambda name: speedups[name]["median"])
    ours = samples["ronde-train"]
    return {"device": ours[0].config["device_name"], "runs": rows, "speedups": speedups,
            "best_pytorch": best, "speedup": speedups[best],
            "ronde_shares": shares([epoch for sample in ours for epoch in sample.epochs])}


def main():
    options = parse_arguments()
    libtorch = check_same_libtorch(program(options, "ronde-train"))
    print(f"{options.model}, 3x224x224, batch {options.batch_size}, {options.precision}, one rank "
          f"on {options.device}; medians [quartiles] of {options.repeats} interleaved runs")
    result = compare(options)
    print_table(["", "images/s", "ms/step of the host's CPU time"],
                [[name, shown(row["images_per_second"], digits=1),
                  shown(row["host_cpu_seconds_per_step"], 1e3)]
                 for name, row in result["runs"].items()])
    print("ronde-train's time: " + ", ".join(f"{part} {share:.1%}" for part, share in
                                             result["ronde_shares"].items()))
    reached = result["speedup"]["median"] >= GOAL
    print(f"{result['device']}: ronde-train against {result['best_pytorch']}: "
          f"{shown(result['speedup'], digits=3)} times the images/s; "
          f"goal: at least {GOAL}: {'reached' if reached else 'missed'}")
    write_json(options.json, {
        "benchmark": "training/gpu", "libtorch": libtorch, "model": options.model,
        "batch_size": options.batch_size, "precision": options.precision, "steps": options.steps,
        "epochs": options.epochs, "goal": GOAL, "reached": reached,
        "ratio": result["speedup"]["median"], **result})
    return REACHED if reached else MISSED


if __name__ == "__main__":
    exit_with(main)
