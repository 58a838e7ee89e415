#!/usr/bin/env python3
"""Allreduce over several hosts beside Open MPI's default and its hierarchical component `han`.

Hosts of ./dev hosts, --ranks ranks on each. Open MPI reads its settings when it starts: each is a
run of its own, in which Ronde is timed in turn with it. The ratio is Open MPI / Ronde in that run,
its median over --repeats, in the setting in which Open MPI's median is less: from 1 on Ronde is
faster. With more ranks than cores Open MPI is told to yield, without which it takes far longer. Exit code 1: it is below 0.97 somewhere. Unknown flags go to ronde-bench.
"""

import argparse
import json
import os
import statistics
import sys

import bed as beds

GOAL = 0.97
SETTINGS = {"default": {}, "han": {"OMPI_MCA_coll_han_priority": "100"}}
# smallest, largest, samples: large sizes cannot afford many.
BANDS = (("4", "4K", 200), ("16K", "256K", 30), ("1M", "4M", 8), ("16M", "64M", 2))


def bands(options):
    """The bands cut to --min and --max."""
    for smallest, largest, samples in BANDS:
        low = max(beds.size_bytes(smallest), options.min)
        high = min(beds.size_bytes(largest), options.max)
        if low <= high:
            yield low, high, samples


def measure(options, runs):
    """Appends every row to `runs`, so that they are there when it is interrupted."""
    for hosts in options.hosts:
        crowded = hosts * options.ranks > len(os.sched_getaffinity(0))
        fair = {"OMPI_MCA_mpi_yield_when_idle": "1"} if crowded else {}
        with beds.TestBed(hosts, lifetime_s=14400, rate=options.rate, delay=options.delay) as bed:
            places = ",".join(f"{host}:{options.ranks}" for host in bed.hosts)
            for repeat in range(options.repeats):
                for low, high, samples in bands(options):
                    for setting, variables in SETTINGS.items():
                        rows = beds.bench_rows(
                            bed, options, places,
                            ["allreduce", "-b", str(low), "-e", str(high), "-f", "4", "-n",
                             str(samples), "-w", "2", "--peers", "mpi", *options.bench_arguments],
                            **fair, **variables)
                        runs += [{"hosts": hosts, "repeat": repeat, "setting": setting, **row}
                                 for row in rows]
                print(f"{hosts} hosts: {repeat + 1} of {options.repeats} done", file=sys.stderr,
                      flush=True)


def best(by_setting):
    """Of {setting: [(ronde_us, mpi_us), ...]}: the setting in which Open MPI needs least."""
    medians = {setting: statistics.median(mpi for _, mpi in pairs)
               for setting, pairs in by_setting.items()}
    setting = min(medians, key=medians.get)
    ratios = sorted(mpi / ronde for ronde, mpi in by_setting[setting])
    return {"ronde_us": statistics.median(ronde for ronde, _ in by_setting[setting]),
            "setting": setting, "mpi_us": medians[setting], "ratio": statistics.median(ratios),
            "ratios": ratios, "settings_us": medians}


def summarize(runs, figure):
    groups = {}
    for row in runs:
        for place in ("in place", "out of place"):
            ronde_us = beds.time_of(row, place, figure)
            mpi_us = beds.time_of(row["peers"]["mpi"], place, figure)
            if ronde_us is None or mpi_us is None:
                continue
            key = (row["hosts"], row["size_bytes"], place)
            group = groups.setdefault(key, {"algorithm": "", "pairs": {}})
            group["algorithm"] = row["algorithm"]
            group["pairs"].setdefault(row["setting"], []).append((ronde_us, mpi_us))
    return [{"hosts": hosts, "size_bytes": size, "place": place, "algorithm": group["algorithm"],
             **best(group["pairs"])}
            for (hosts, size, place), group in sorted(groups.items())]


def print_table(summary):
    print("| hosts | size | place | algorithm | Ronde us | default us | han us | ratio |  |")
    print("|---:|---:|---|---|---:|---:|---:|---|---|")
    for row in summary:
        times = [f"{row['settings_us'].get(setting, float('nan')):.0f}" for setting in SETTINGS]
        print(f"| {row['hosts']} | {beds.size_text(row['size_bytes'])} | {row['place']} | "
              f"{row['algorithm']} | {row['ronde_us']:.0f} | {' | '.join(times)} | "
              f"{row['ratio']:.2f} ({row['ratios'][0]:.2f} to {row['ratios'][-1]:.2f}) | "
              f"{'' if row['ratio'] >= GOAL else 'MISSED'} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    beds.add_common_options(parser)
    parser.add_argument("--hosts", type=beds.integers, default=[2, 3, 4], help="[2,3,4]")
    parser.add_argument("--ranks", type=int, default=1, help="on each host [1]")
    parser.add_argument("--min", type=beds.size_bytes, default=4, help="smallest size [4]")
    parser.add_argument("--max", type=beds.size_bytes, default=64 << 20, help="largest size [64M]")
    options, options.bench_arguments = parser.parse_known_args()
    beds.skip_where_impossible()
    runs = []
    try:
        measure(options, runs)
    except KeyboardInterrupt:
        print("interrupted: what there is so far", file=sys.stderr)
    summary = summarize(runs, options.figure)
    print_table(summary)
    if options.json:
        options.json.write_text(json.dumps({"summary": summary, "runs": runs}, indent=1) + "\n",
                                encoding="utf-8")
    return int(any(row["ratio"] < GOAL for row in summary))


if __name__ == "__main__":
    sys.exit(main())
