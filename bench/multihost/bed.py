"""What the measurements of this folder share: hosts to run on, and runs of ronde-bench."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "multihost"))
from test_bed import TestBed, clean_environment, skip_where_impossible  # noqa: E402,F401

RUN_LIMIT_S = 600
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size_bytes(text):
    text = text.strip().upper()
    number = int(text[:-1]) * UNITS[text[-1]] if text[-1:] in UNITS else int(text)
    if number < 1:
        raise ValueError
    return number


def sizes(text):
    try:
        return [size_bytes(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected sizes such as 4K,16M, got '{text}'") from error


def size_text(number):
    for unit in ("G", "M", "K"):
        if number % UNITS[unit] == 0:
            return f"{number // UNITS[unit]} {unit}iB"
    return f"{number} B"


def integers(text):
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected whole numbers, got '{text}'") from error
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"expected numbers from 1 on, got '{text}'")
    return values


def add_common_options(parser):
    parser.add_argument("--rate", default="1gbit", help="of each host's link [1gbit]")
    parser.add_argument("--delay", default="none", help="between hosts [none]")
    parser.add_argument("--repeats", type=int, default=5, help="of everything, in turn [5]")
    parser.add_argument("--figure", choices=("p50_us", "time_us"), default="p50_us",
                        help="of each run: median or mean over its samples [p50_us]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "bin",
                        help="folder of ronderun and ronde-bench [build/bin]")


def bench_rows(bed, options, hosts, arguments, **variables):
    """The rows of `ronde-bench ARGUMENTS` over `hosts`, as in h1:2,h2:2."""
    ranks = sum(int(host.partition(":")[2]) for host in hosts.split(","))
    command = bed.command("run", "--ronderun", str(options.bin_dir / "ronderun"), "-np", str(ranks),
                          "--hosts", hosts, str(options.bin_dir / "ronde-bench"), *arguments,
                          "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=RUN_LIMIT_S, env=clean_environment(**variables))
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()[-600:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def time_of(row, place, figure):
    """Microseconds of a row, or of a peer's part of one; None where that place was not timed."""
    where = row.get("in_place") if place == "in place" else row
    return where.get(figure) if where else None
