#!/usr/bin/env python3
"""Times allreduce beside Open MPI at the best of its settings for each size.

Open MPI reads its settings when it starts, so every setting is a run of its own, with Ronde timed
in turn in each. A run that is already in --folder is not repeated: an interrupted series goes on
where it stopped. Arguments after -- go to ronde-bench, for example: -- --consume
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from open_mpi_settings import SETTINGS  # noqa: E402
from settings_table import markdown, summarize  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BAD_INPUT = 2
RUN_LIMIT_S = 900  # no honest run takes longer; a hang must not stop the series for good

# name: (smallest, largest, factor, samples). Large sizes need few samples and cannot afford many.
BANDS = {
    "small": ("4", "4K", 4, 300),
    "middle": ("16K", "1M", 4, 100),
    "large": ("4M", "16M", 4, 30),
    "huge": ("64M", "256M", 4, 8),
}


class BenchError(Exception):
    """What the user has to change; one line."""


def choices(known):
    def parse(text):
        names = list(known) if text == "all" else text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"'{name}' is unknown; use all or some of {', '.join(known)}")
        return names
    return parse


def positive_list(text):
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"expected integers of at least 1, got {text}")
    return values


def positive(text):
    return positive_list(text)[0]


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--np", type=positive_list, default=[2, 4], metavar="N,...",
                        help="numbers of ranks [2,4]")
    parser.add_argument("--bands", type=choices(BANDS), default=list(BANDS),
                        help=f"sizes: {', '.join(f'{k} {v[0]}-{v[1]}' for k, v in BANDS.items())}"
                             " [all]")
    parser.add_argument("--settings", type=choices(SETTINGS), default=list(SETTINGS),
                        help=f"of Open MPI: {', '.join(SETTINGS)} [all]")
    parser.add_argument("--buffers", type=choices(("registered", "private")),
                        default=["registered", "private"], help="Ronde's [registered,private]")
    parser.add_argument("--repeats", type=positive, default=3, help="of every run [3]")
    parser.add_argument("--figure", choices=("p50_us", "time_us"), default="p50_us",
                        help="of each row: median or mean over samples [p50_us]")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "best_of_settings",
                        help="of the runs [build/best_of_settings]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary there")
    parser.add_argument("--markdown", type=Path, metavar="FILE",
                        help="write the table there too; it always goes to stdout")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "bin",
                        help="folder of ronderun and ronde-bench [build/bin]")
    parser.add_argument("--report-only", action="store_true", help="use the runs that are there")
    if "--" in arguments:
        split = arguments.index("--")
        arguments, more = arguments[:split], arguments[split + 1:]
    else:
        more = []
    options = parser.parse_args(arguments)
    options.bench_arguments = more
    return options


def plan(options):
    """Every run as a dict. Repeats are outermost: a drift of the machine meets all settings."""
    return [{"name": f"np{np}.{band}.{buffers}.{setting}.{repeat}", "np": np, "band": band,
             "buffers": buffers, "setting": setting, "repeat": repeat}
            for repeat in range(1, options.repeats + 1) for np in options.np
            for band in options.bands for buffers in options.buffers
            for setting in options.settings]


def command_of(run, options):
    smallest, largest, factor, samples = BANDS[run["band"]]
    return ["ronderun", "-np", str(run["np"]), "ronde-bench", "allreduce", "-b", smallest,
            "-e", largest, "-f", str(factor), "-n", str(samples), "--buffers", run["buffers"],
            "--peers", "mpi", "--json", *options.bench_arguments]


def execute(run, options):
    """Runs ronde-bench and returns the run with its rows."""
    command = command_of(run, options)
    program = options.bin_dir / command[0]
    if not os.access(program, os.X_OK):
        raise BenchError(f"{program}: no such program; build it with ./dev build, or name its "
                         "folder with --bin-dir")
    try:
        done = subprocess.run([str(program), *command[1:]], capture_output=True, text=True,
                              timeout=RUN_LIMIT_S, check=False,
                              env={**os.environ, **SETTINGS[run["setting"]]})
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{run['name']}: no end after {RUN_LIMIT_S} s") from error
    if done.returncode:
        raise BenchError(f"{run['name']}: {' '.join(command)}: exit code {done.returncode}: "
                         f"{done.stderr.strip()[-400:]}")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {**run, "command": command, "environment": SETTINGS[run["setting"]], "rows": rows}


def read_run(path, run, options):
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["command"] != command_of(run, options):
        raise BenchError(f"{path} holds another command ({' '.join(found['command'])}); "
                         "choose another --folder or remove it")
    return found


def perform(options):
    """All runs, from the folder or made now."""
    options.folder.mkdir(parents=True, exist_ok=True)
    runs, started, made = [], time.monotonic(), 0
    planned = plan(options)
    missing = sum(not (options.folder / f"{run['name']}.json").exists() for run in planned)
    for run in planned:
        path = options.folder / f"{run['name']}.json"
        if path.exists():
            runs.append(read_run(path, run, options))
            continue
        if options.report_only:
            continue
        left = (time.monotonic() - started) / made * (missing - made) if made else 0
        print(f"{made + 1}/{missing} {run['name']}"
              + (f", about {left / 60:.0f} min left" if made else ""), file=sys.stderr, flush=True)
        done = execute(run, options)
        # Renamed when it is whole: an interrupted write must not look like a run.
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(done) + "\n", encoding="utf-8")
        partial.rename(path)
        runs.append(done)
        made += 1
    return runs


def main(arguments):
    options = parse_arguments(arguments)
    runs = perform(options)
    if not runs:
        raise BenchError(f"{options.folder}: no runs that match")
    summary = summarize(runs, options.figure)
    if options.json:
        options.json.write_text(json.dumps(
            {"figure": options.figure, "repeats": options.repeats,
             "bench_arguments": options.bench_arguments, "rows": summary}, indent=1) + "\n",
            encoding="utf-8")
    table = markdown(summary)
    if options.markdown:
        options.markdown.write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        print(f"best_of_settings.py: error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print("best_of_settings.py: interrupted; the same command goes on from here",
              file=sys.stderr)
        sys.exit(130)
