#!/usr/bin/env python3
"""Times ronde-train on one rank beside the same model in PyTorch, in images per second.

The network, the batches, the optimizer's rule, the libtorch library and the number of threads are
the same. ronde-train does all that it does in a real run: it augments images, counts hits, logs,
and passes gradients through the engine; the PyTorch loop (reference_trainer.py) does nothing but
the step. PyTorch runs once with each implementation of its SGD, and its best one counts. A figure
is the median over the repeats of ratios between neighbouring runs.

Run it with the Python whose torch package ronde-train was built with: ./dev bench training pytorch
"""

import importlib.util
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measurement import (MISSED, REACHED, BenchError, common_parser, exit_with, interleave,
                         make_cifar, positive, print_table, program, run_trainer, shown, summary,
                         write_json)

GOAL = 1.0
LEARNING_RATE = 0.0125  # ronde-train's for a global batch of 32
OPTIMIZERS = ["foreach", "for-loop", "fused"]


def parse_arguments():
    parser = common_parser(__doc__.splitlines()[0])
    parser.add_argument("--model", choices=["resnet8", "resnet20"], default="resnet20")
    parser.add_argument("--width", type=positive, default=16)
    parser.add_argument("--threads", type=positive, nargs="+", default=[1, 2])
    parser.add_argument("--optimizers", choices=OPTIMIZERS, nargs="+", default=OPTIMIZERS,
                        help="PyTorch's implementations of SGD")
    return parser.parse_args()


def libtorch_of_program(path):
    listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        if "libtorch_cpu.so" in line:
            return Path(line.split("=>")[1].split()[0]).resolve()
    raise BenchError(f"{path}: ldd does not show its libtorch_cpu.so")


def check_same_libtorch(path):
    """Both sides must load one library. Returns its path."""
    spec = importlib.util.find_spec("torch")
    if spec is None:
        raise BenchError(f"{sys.executable} has no torch package; run ./dev bench training pytorch")
    ours = libtorch_of_program(path)
    theirs = (Path(spec.origin).parent / "lib" / "libtorch_cpu.so").resolve()
    if ours != theirs:
        raise BenchError(f"ronde-train uses {ours}, this Python {theirs}; use the Python whose "
                         "torch package Ronde was built with")
    return str(ours)


def ronde_command(options, folder, threads):
    images = options.steps * options.batch_size
    # The reference rate is for a global batch of 256; warm-up is skipped, so it is LEARNING_RATE.
    return [program(options, "ronde-train"), "--dataset", "cifar10", "--data-dir", folder,
            "--model", options.model, "--width", options.width, "--limit-train", images,
            "--batch-size", options.batch_size, "--epochs", options.epochs + 1,
            "--threads", threads, "--reference-lr", LEARNING_RATE * 256 / options.batch_size,
            "--warmup-epochs", 0, "--evaluate-every", 0, "--progress", "off",
            "--log-json", "/dev/stdout"]


def torch_command(options, folder, threads, optimizer):
    return [sys.executable, Path(__file__).with_name("reference_trainer.py"), "--data-dir", folder,
            "--model", options.model, "--width", options.width, "--steps", options.steps,
            "--batch-size", options.batch_size, "--epochs", options.epochs + 1,
            "--threads", threads, "--learning-rate", LEARNING_RATE, "--optimizer", optimizer]


def compare(options, folder, threads):
    """Interleaved runs at one number of threads; the figures as JSON has them."""
    runs = {"ronde-train": partial(run_trainer, ronde_command(options, folder, threads))}
    for optimizer in options.optimizers:
        runs[f"pytorch {optimizer}"] = partial(
            run_trainer, torch_command(options, folder, threads, optimizer))
    samples = interleave(runs, options.repeats, f"{threads} threads")
    counts = {name: taken[0].config["parameters"] for name, taken in samples.items()}
    if len(set(counts.values())) > 1:
        raise BenchError(f"the models differ in their number of parameters: {counts}")

    rows = {}
    for name, taken in samples.items():
        rows[name] = {
            "images_per_second": summary([options.batch_size / s.seconds_per_step for s in taken]),
            "cpu_seconds_per_step": summary([s.cpu_seconds_per_step for s in taken])}
    speedups = {name: summary([theirs.seconds_per_step / ours.seconds_per_step for ours, theirs
                               in zip(samples["ronde-train"], taken)])
                for name, taken in samples.items() if name != "ronde-train"}
    best = min(speedups, key=lambda name: speedups[name]["median"])
    return {"threads": threads, "runs": rows, "best_pytorch": best, "speedup": speedups[best],
            "cpu_time_ratio": (rows["ronde-train"]["cpu_seconds_per_step"]["median"] /
                               rows[best]["cpu_seconds_per_step"]["median"])}


def print_result(result):
    print(f"\n{result['threads']} threads")
    print_table(["", "images/s", "ms/step of CPU time"],
                [[name, shown(row["images_per_second"], digits=1),
                  shown(row["cpu_seconds_per_step"], 1e3)]
                 for name, row in result["runs"].items()])
    print(f"ronde-train against {result['best_pytorch']}: "
          f"{shown(result['speedup'], digits=3)} times the images/s, "
          f"{result['cpu_time_ratio']:.3f} times the CPU time")


def main():
    options = parse_arguments()
    libtorch = check_same_libtorch(program(options, "ronde-train"))
    print(f"{options.model} of width {options.width}, 3x32x32, batch {options.batch_size}, fp32, "
          f"one rank; medians [quartiles] of {options.repeats} interleaved runs")
    with tempfile.TemporaryDirectory(prefix="ronde-bench-") as folder:
        make_cifar(folder, options.steps * options.batch_size)
        results = []
        for threads in options.threads:
            results.append(compare(options, folder, threads))
            print_result(results[-1])
    reached = all(result["speedup"]["median"] >= GOAL for result in results)
    write_json(options.json, {"benchmark": "training/pytorch", "libtorch": libtorch, "goal": GOAL,
                              "reached": reached, "results": results})
    print(f"\ngoal: at least {GOAL} times the images/s: {'reached' if reached else 'missed'}")
    return REACHED if reached else MISSED


if __name__ == "__main__":
    exit_with(main)
