"""What the benchmarks of whole training steps share: runs, interleaving, medians, tables."""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REACHED, MISSED, BAD_INPUT = 0, 1, 2  # exit codes
CIFAR_FILE_IMAGES = 10000
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """What the user has to change; one line."""


@dataclass
class Sample:
    """One run of one program: means over its epochs but the first, which warms up."""
    seconds_per_step: float
    cpu_seconds_per_step: float  # of the process that was started alone, not of its children
    config: dict
    epochs: list


def cpu_seconds(pid):
    """User and system time that process `pid` has taken so far, with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def read_events(process):
    """The JSON lines of a running process, each with its CPU time when the line came."""
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line), cpu_seconds(process.pid)


def run_trainer(command):
    """Runs a trainer that writes its log to stdout and has at least two epochs; a Sample."""
    words = [str(word) for word in command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        events = list(read_events(process))
        complaint = process.stderr.read().strip()
    if process.returncode:
        raise BenchError(f"{' '.join(words)}: exit code {process.returncode}: {complaint}")
    epochs = [(event, cpu) for event, cpu in events if event["event"] == "epoch"]
    timed = [event for event, _ in epochs[1:]]
    steps = sum(event["steps"] for event in timed)
    return Sample(sum(event["seconds"] for event in timed) / steps,
                  (epochs[-1][1] - epochs[0][1]) / steps, events[0][0], timed)


def interleave(runs, repeats, what):
    """Calls every function of `runs` (a dict) `repeats` times in turn, in another order each time.

    Returns a list of its results for each name.
    """
    results = {name: [] for name in runs}
    order = list(runs)
    shuffle = random.Random(1).shuffle
    for repeat in range(repeats):
        shuffle(order)
        for name in order:
            print(f"\r\033[K{what}: {repeat + 1}/{repeats} {name}" if sys.stderr.isatty() else "",
                  end="", file=sys.stderr, flush=True)
            results[name].append(runs[name]())
    print("\r\033[K" if sys.stderr.isatty() else "", end="", file=sys.stderr, flush=True)
    return results


def summary(values):
    """Median and quartiles, as JSON has them."""
    low, middle, high = (statistics.quantiles(values, n=4, method="inclusive")
                         if len(values) > 1 else 3 * list(values))
    return {"median": middle, "quartiles": [low, high], "samples": len(values)}


def shown(figures, scale=1.0, digits=2):
    """A summary as text: median and, in brackets, quartiles."""
    low, high = figures["quartiles"]
    return (f"{figures['median'] * scale:.{digits}f} "
            f"[{low * scale:.{digits}f}, {high * scale:.{digits}f}]")


def print_table(head, rows):
    """First column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))))


def write_json(path, result):
    if path:
        Path(path).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def make_cifar(folder, images):
    """CIFAR-10's binary version with random pixels, `images` in all."""
    draw = random.Random(1)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        count = min(CIFAR_FILE_IMAGES, images) if name == "data_batch_1.bin" else 1
        if name == "data_batch_2.bin" and images > CIFAR_FILE_IMAGES:
            count = images - CIFAR_FILE_IMAGES
        with open(os.path.join(folder, name), "wb") as file:
            for _ in range(count):
                file.write(bytes([draw.randrange(10)]) + draw.randbytes(3072))


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {text}")
    return value


def common_parser(description):
    """The flags that all benchmarks of training have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="Exit code: 0 when the figure is reached, 1 when it is missed, 2 for bad input.")
    parser.add_argument("--repeats", type=positive, default=9, help="of every run, interleaved")
    parser.add_argument("--steps", type=positive, default=40, help="of an epoch")
    parser.add_argument("--epochs", type=positive, default=2,
                        help="timed in a run, after one that warms up")
    parser.add_argument("--batch-size", type=positive, default=32, help="images per worker")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "bin",
                        help="folder of ronde-train")
    parser.add_argument("--json", metavar="FILE", help="write all figures there too")
    return parser


def program(options, name):
    path = options.bin_dir / name
    if not os.access(path, os.X_OK):
        raise BenchError(f"{path}: no such program; build it with ./dev build, or name its folder "
                         "with --bin-dir")
    return path


def exit_with(main):
    """Runs `main` as a program: its result is the exit code, a BenchError one line and 2."""
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
