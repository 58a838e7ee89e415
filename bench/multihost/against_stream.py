#!/usr/bin/env python3
"""Allreduce between two hosts beside a TCP stream that is full in both directions.

Two hosts of ./dev hosts, --ranks ranks on each; stream and allreduces in turn, --repeats times. The
ratio is stream / allreduce in the same turn, its median over the turns: 1 is all that the network
carries, and int8 can reach nearly 4. Exit code 1: a goal was missed.
"""

import argparse
import json
import statistics
import subprocess
import sys

import bed as beds

GOALS = {"none": 0.97, "int8": 3.5}
PORT = 7707


def stream_times(bed, sizes, samples):
    """{size: median microseconds} of a stream between h1 and h2."""
    script = str(beds.ROOT / "bench" / "multihost" / "tcp_stream.py")
    server = subprocess.Popen(bed.command("exec", "h2", sys.executable, script, "serve", str(PORT)),
                              env=beds.clean_environment())
    try:
        done = subprocess.run(
            bed.command("exec", "h1", sys.executable, script, "connect", "h2", str(PORT),
                        ",".join(map(str, sizes)), str(samples)),
            capture_output=True, text=True, check=True, timeout=beds.RUN_LIMIT_S,
            env=beds.clean_environment())
        server.wait(10)
    finally:
        server.kill()
    return {int(size): statistics.median(times) for size, times in json.loads(done.stdout).items()}


def allreduce_times(bed, options, size, compression):
    hosts = f"h1:{options.ranks},h2:{options.ranks}"
    arguments = ["allreduce", "-b", str(size), "-e", str(size), "-n", str(options.samples), "-w",
                 "1", "-c", "1" if compression == "none" else "0", *options.bench_arguments]
    if compression != "none":
        arguments += ["--wire-compression", compression]
    row, = beds.bench_rows(bed, options, hosts, arguments)
    return {place: beds.time_of(row, place, options.figure)
            for place in ("in place", "out of place")}, row.get("algorithm", "")


def measure(bed, options):
    turns = []
    for turn in range(options.repeats):
        stream = stream_times(bed, options.sizes, options.samples)
        for size in options.sizes:
            for compression in options.compressions:
                times, algorithm = allreduce_times(bed, options, size, compression)
                for place, time_us in times.items():
                    turns.append({"turn": turn, "size_bytes": size, "compression": compression,
                                  "place": place, "stream_us": stream[size], "ronde_us": time_us,
                                  "ratio": stream[size] / time_us, "algorithm": algorithm})
        print(f"turn {turn + 1} of {options.repeats} done", file=sys.stderr, flush=True)
    return turns


def summarize(turns):
    groups = {}
    for turn in turns:
        key = (turn["size_bytes"], turn["compression"], turn["place"])
        groups.setdefault(key, []).append(turn)
    return [{"size_bytes": size, "compression": compression, "place": place,
             "algorithm": group[-1]["algorithm"], "turns": len(group),
             **{name: statistics.median(turn[name] for turn in group)
                for name in ("stream_us", "ronde_us", "ratio")},
             "ratios": sorted(turn["ratio"] for turn in group)}
            for (size, compression, place), group in sorted(groups.items())]


def print_table(summary):
    print("| size | wire | place | algorithm | stream ms | Ronde ms | ratio (range) | goal |")
    print("|---:|---|---|---|---:|---:|---|---|")
    for row in summary:
        goal = GOALS.get(row["compression"])
        verdict = "" if goal is None else f"{goal:g} {'met' if row['ratio'] >= goal else 'MISSED'}"
        print(f"| {beds.size_text(row['size_bytes'])} | {row['compression']} | {row['place']} | "
              f"{row['algorithm']} | {row['stream_us'] / 1e3:.1f} | {row['ronde_us'] / 1e3:.1f} | "
              f"{row['ratio']:.3f} ({row['ratios'][0]:.3f} to {row['ratios'][-1]:.3f}) | "
              f"{verdict} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    beds.add_common_options(parser)
    parser.add_argument("--sizes", type=beds.sizes, default=beds.sizes("16M,64M"), help="[16M,64M]")
    parser.add_argument("--compressions", type=lambda text: text.split(","),
                        default=["none", "int8"], help="on the wire [none,int8]")
    parser.add_argument("--ranks", type=int, default=2, help="on each host [2]")
    parser.add_argument("--samples", type=int, default=5, help="of each run [5]")
    options, options.bench_arguments = parser.parse_known_args()
    beds.skip_where_impossible()
    with beds.TestBed(2, lifetime_s=7200, rate=options.rate, delay=options.delay) as bed:
        turns = measure(bed, options)
    summary = summarize(turns)
    print_table(summary)
    if options.json:
        options.json.write_text(json.dumps({"summary": summary, "turns": turns}, indent=1) + "\n",
                                encoding="utf-8")
    return int(any(row["ratio"] < GOALS.get(row["compression"], 0) for row in summary))


if __name__ == "__main__":
    sys.exit(main())
