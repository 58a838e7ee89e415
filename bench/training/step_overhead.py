#!/usr/bin/env python3
"""Times what training adds to plain computation: communication, and many workers on few ranks.

minibatch  A step of minibatch SGD on 2 ranks, against the step of the same 2 ranks while they
           compute side by side without communicating, plus the bare allreduce of as many bytes as
           there are gradients (ronde-bench). Both kinds of steps run in turn on one model, in
           blocks that all ranks start together (ronde-bench-steps).
workers    The time per image with many virtual workers on 2 ranks, against that of 2 ranks with a
           worker each that do not communicate.

The runs are interleaved; a ratio is the median over the repeats of ratios between neighbours.
"""

import json
import statistics
import subprocess
import tempfile
from functools import partial

from measurement import (MISSED, REACHED, BenchError, common_parser, exit_with, interleave,
                         make_cifar, positive, print_table, program, run_trainer, shown, summary,
                         write_json)

BYTES_PER_GRADIENT = 4
MEASURES = ["minibatch", "workers"]
NEVER = 10**9  # local steps between two averages
MINIBATCH_GOAL, WORKERS_GOAL = 1.03, 1.10


def parse_arguments():
    parser = common_parser(__doc__.splitlines()[0])
    parser.add_argument("--measure", choices=MEASURES, nargs="+", default=MEASURES,
                        help="what to measure")
    parser.add_argument("--model", choices=["resnet8", "resnet20"], default="resnet20")
    parser.add_argument("--ranks", type=positive, default=2)
    parser.add_argument("--threads", type=positive, default=1, help="per rank")
    parser.add_argument("--minibatch-width", type=positive, default=16)
    parser.add_argument("--pairs", type=positive, default=100, help="of blocks, for minibatch")
    parser.add_argument("--block-steps", type=positive, default=5, help="steps of a block")
    parser.add_argument("--workers", type=positive, default=64, help="virtual workers in all")
    parser.add_argument("--workers-width", type=positive, default=8)
    parser.add_argument("--local-steps", type=positive, default=4, help="of the virtual workers")
    options = parser.parse_args()
    if options.workers % options.ranks:
        parser.error(f"--workers {options.workers}: expected a multiple of --ranks {options.ranks}")
    return options


def ronderun(options, name):
    return [program(options, "ronderun"), "-np", options.ranks, program(options, name)]


def train_command(options, folder, width, images, algorithm):
    """`images` per rank and epoch; the rate is so low that nothing can overflow."""
    return ronderun(options, "ronde-train") + [
        "--dataset", "cifar10", "--data-dir", folder, "--model", options.model, "--width", width,
        "--limit-train", images * options.ranks, "--batch-size", options.batch_size,
        "--epochs", options.epochs + 1, "--threads", options.threads, "--reference-lr", 0.001,
        "--warmup-epochs", 0, "--evaluate-every", 0, "--progress", "off",
        "--log-json", "/dev/stdout", *algorithm]


def plain_compute(options, folder, width, images):
    return train_command(options, folder, width, images,
                         ["--algorithm", "local", "--local-steps", NEVER])


def json_lines(words):
    """What a program that writes JSON Lines to stdout has written; at least one."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise BenchError(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")
    return lines


def bare_allreduce_seconds(options, size_bytes):
    """The median of a bare allreduce in place of `size_bytes` per rank."""
    words = ronderun(options, "ronde-bench") + [
        "allreduce", "-b", size_bytes, "-e", size_bytes, "-n", 200, "--json",
        "--reproducible", "on"]  # as ronde-train has it
    return json_lines(words)[0]["p50_us"] * 1e-6


def paired_blocks(options):
    """The JSON lines of ronde-bench-steps: seconds of blocks with and without averaging, in turn."""
    words = ronderun(options, "ronde-bench-steps") + [
        "--model", options.model, "--width", options.minibatch_width, "--batch-size",
        options.batch_size, "--pairs", options.pairs, "--steps", options.block_steps,
        "--threads", options.threads, "--reproducible", "on"]  # as ronde-train has it
    return json_lines(words)


def measure_minibatch(options):
    blocks = paired_blocks(options)
    size_bytes = blocks[0]["gradient_bytes"]
    bare = statistics.median(bare_allreduce_seconds(options, size_bytes) for _ in range(3))
    compute, averaged, waiting = ([block[key] / block["steps"] for block in blocks] for key in
                                  ("seconds_compute", "seconds_averaged", "seconds_communication"))
    ratios = [step / (alone + bare) for alone, step in zip(compute, averaged)]
    return {"measure": "minibatch",
            "what": f"width {options.minibatch_width}, gradients of {size_bytes} bytes, "
                    f"{options.pairs} pairs of {options.block_steps} steps",
            "unit": "ms/step", "scale": 1e3, "goal": MINIBATCH_GOAL, "ratio": summary(ratios),
            "rows": {"compute alone": summary(compute), "bare allreduce": summary([bare]),
                     "minibatch": summary(averaged), "(rank 0 waits)": summary(waiting)}}


def measure_workers(options, folder):
    per_rank = options.workers // options.ranks
    images = per_rank * options.batch_size * max(2, options.steps // per_rank)
    width = options.workers_width
    many = ["--workers", options.workers]
    runs = {"plain compute": plain_compute(options, folder, width, images),
            "minibatch": train_command(options, folder, width, images,
                                       ["--algorithm", "minibatch", *many]),
            "local": train_command(options, folder, width, images,
                                   ["--algorithm", "local", "--local-steps", options.local_steps,
                                    *many])}
    taken = interleave({name: partial(run_trainer, command) for name, command in runs.items()},
                       options.repeats, "workers")
    rows = {name: [sum(e["seconds"] for e in s.epochs) / (len(s.epochs) * images) for s in samples]
            for name, samples in taken.items()}
    ratios = {name: [a / b for a, b in zip(rows[name], rows["plain compute"])]
              for name in ("minibatch", "local")}
    worst = max(ratios, key=lambda name: statistics.median(ratios[name]))
    return {"measure": "workers",
            "what": f"{options.workers} workers of width {width}; ratio of {worst}, the slower",
            "unit": "us/image and rank", "scale": 1e6, "goal": WORKERS_GOAL,
            "ratio": summary(ratios[worst]),
            "rows": {name: summary(values) for name, values in rows.items()}}


def print_result(result):
    reached = "reached" if result["reached"] else "missed"
    print(f"\n{result['measure']}: {result['what']}")
    print_table(["", result["unit"]], [[name, shown(row, result["scale"], 3)]
                                       for name, row in result["rows"].items()])
    print(f"ratio {shown(result['ratio'], digits=3)}; goal: at most {result['goal']}: {reached}")


def main():
    options = parse_arguments()
    print(f"{options.model}, 3x32x32, batch {options.batch_size}, fp32, {options.ranks} ranks of "
          f"{options.threads} threads; medians [quartiles] of {options.repeats} interleaved runs")
    images = options.batch_size * max(options.steps * options.ranks, 2 * options.workers)
    results = []
    with tempfile.TemporaryDirectory(prefix="ronde-bench-") as folder:
        make_cifar(folder, images)
        for name in options.measure:
            result = (measure_minibatch(options) if name == "minibatch" else
                      measure_workers(options, folder))
            result["reached"] = result["ratio"]["median"] <= result["goal"]
            print_result(result)
            results.append(result)
    write_json(options.json, {"benchmark": "training/overhead", "results": results})
    return REACHED if all(result["reached"] for result in results) else MISSED


if __name__ == "__main__":
    exit_with(main)
