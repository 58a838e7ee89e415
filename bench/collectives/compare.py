#!/usr/bin/env python3
"""Compares runs of ronde-bench: two files, or new runs with this machine's saved baseline.

  compare.py OLD NEW          two files of `ronde-bench --json FILE`, or baselines
  compare.py NEW              with bench/baselines/<this machine>.json
  compare.py                  the same, and makes the runs: all collectives on 2 ranks
  compare.py --save-baseline [RUN...]    saves medians of the runs as this machine's baseline

Medians (p50_us) are compared. Exit code: 1 where one is slower than the tolerance allows, 2 for bad
input.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from baseline import (BASELINES, KEY, ROOT, BenchError, baseline_path, medians,  # noqa: E402
                      read_rows, split_places, this_machine, write_baseline)

SLOWER, BAD_INPUT = 1, 2
RUN_LIMIT_S = 300
COLLECTIVES = ("allreduce", "allgather", "reducescatter", "broadcast", "alltoall")
SIZES = ("-b", "64", "-e", "16M", "-f", "64", "-n", "60")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="FILE")
    parser.add_argument("--save-baseline", action="store_true",
                        help="save instead of comparing")
    parser.add_argument("--tolerance", type=float, default=0.4,
                        help="how much slower, as a share, is still no warning [0.4]")
    parser.add_argument("--repeats", type=int, default=3, help="of the runs made here [3]")
    parser.add_argument("--baselines", type=Path, default=BASELINES,
                        help="folder of baselines [bench/baselines]")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "bin",
                        help="folder of the programs [build/bin]")
    options = parser.parse_args(arguments)
    if options.tolerance < 0 or options.repeats < 1:
        parser.error("--tolerance must be at least 0 and --repeats at least 1")
    if not options.save_baseline and len(options.runs) > 2:
        parser.error("at most two files; --save-baseline takes more")
    return options


def make_runs(options):
    """Rows of the standard runs. Repeats are outermost: a drift of the machine meets them all."""
    rows = []
    for repeat in range(options.repeats):
        for collective in COLLECTIVES:
            for buffers in ("private", "registered"):
                print(f"{repeat + 1}/{options.repeats} {collective} {buffers}", file=sys.stderr)
                rows += run_bench(options, [collective, *SIZES, "--buffers", buffers])
    return rows


def run_bench(options, arguments):
    command = [str(options.bin_dir / "ronderun"), "-np", "2", "ronde-bench", *arguments, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_S,
                              check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "").strip()
        raise BenchError(f"{' '.join(command)}: {error} {said}") from error
    return split_places(json.loads(line) for line in done.stdout.splitlines()
                        if line.startswith("{"))


def compare(old, new, tolerance):
    """(lines, slower): a line for each row that both have and that changed beyond the tolerance."""
    common = [key for key in old if key in new]
    if not common:
        raise BenchError("the two have no row in common (collective, ranks, sizes, type, buffers)")
    lines, slower = [], 0
    for key in sorted(common, key=str):
        ratio = new[key] / old[key] if old[key] > 0 else 1.0
        row = dict(zip(KEY, key))
        text = (f"{row['collective']} np {row['ranks']} {row['size_bytes']} B {row['dtype']} "
                f"{row['op']} {row['path']} {row['buffers']} {row['place']}: "
                f"{old[key]:.2f} -> {new[key]:.2f} us ({ratio:.2f}x)")
        if ratio > 1 + tolerance:
            slower += 1
            lines.append(f"SLOWER {text}")
        elif ratio < 1 / (1 + tolerance):
            lines.append(f"faster {text}")
    lines.append(f"{len(common)} rows compared: {slower} slower than {tolerance:.0%} allows")
    return lines, slower


def main(arguments):
    options = parse_arguments(arguments)
    if options.save_baseline:
        rows = [row for path in options.runs for row in read_rows(path)] or make_runs(options)
        print(f"saved {write_baseline(this_machine(options.bin_dir), rows, options.baselines)}")
        return 0
    if len(options.runs) == 2:
        old, new = (read_rows(path) for path in options.runs)
    else:
        path = baseline_path(this_machine(options.bin_dir), options.baselines)
        if not path.exists():
            raise BenchError(f"{path}: this machine has no baseline yet; make one with "
                             "--save-baseline")
        old = read_rows(path)
        new = read_rows(options.runs[0]) if options.runs else make_runs(options)
    lines, slower = compare(medians(old), medians(new), options.tolerance)
    print("\n".join(lines))
    return SLOWER if slower else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        print(f"compare.py: error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(130)
