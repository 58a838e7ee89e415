#!/usr/bin/env python3
"""Times an iteration of ronde-train on 1, 2 and 4 hosts, broken down into what it is spent on.

Minibatch SGD and local SGD with H local steps between two averages run with 1 and 2 ranks per
host. The time per iteration is divided into data, forward, backward, optimizer and exposed
communication (compute waiting for other ranks), as rank 0's --log-json has them: a table, a JSON
file and a figure of stacked bars. Several hosts are those of ./dev hosts: on one machine, with a
network of their own and links of a limited rate. They have more ranks than the machine has cores,
so a stand-in of the same length sleeps in place of forward and backward pass (ronde-train
--compute-time-ms); parameters, optimizer and communication are real. On one host compute is real
as well, beside the stand-in.

Checked: local SGD's times follow t(H) = a + b/H at a fixed number of workers; the parts make up
the epochs' time; bytes and numbers of averages equal the closed form exactly; two ranks on one
host spend next to nothing on communication.

Finished runs are kept in the output folder: the same command goes on where it was interrupted.
"""

import argparse
import os
import platform
import signal
import sys
import time
from functools import partial
from pathlib import Path

import iteration_checks
import iteration_plot
from iteration_hosts import Hosts, why_no_test_bed
from iteration_report import text_of
from iteration_runs import Runs
from iteration_study import BYTES_PER_PARAMETER, laws, plan
from measurement import (MISSED, REACHED, ROOT, BenchError, exit_with, positive, program,
                         write_json)

INTERRUPTED = 130
MODELS = ["resnet8", "resnet20", "resnet18", "resnet34", "resnet50", "resnet101"]
# Some seconds: does everything work? Its figures mean little.
QUICK = {"hosts": [1, 2], "ranks_per_host": [1], "local_steps": [4], "model": "resnet8",
         "width": 8, "batch_size": 2, "steps": 8, "epochs": 1, "compute_time_ms": 4.0}


def milliseconds(text):
    """None for "auto"."""
    if text == "auto":
        return None
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected auto or milliseconds above 0, got {text}")
    return value


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=type(
            "Formatter", (argparse.ArgumentDefaultsHelpFormatter,
                          argparse.RawDescriptionHelpFormatter), {}),
        epilog="Exit code: 0 when every check is reached, 1 when one is missed, 2 for bad input.")
    study = parser.add_argument_group("what is compared")
    study.add_argument("--hosts", type=positive, nargs="+", default=[1, 2, 4],
                       help="numbers of hosts")
    study.add_argument("--ranks-per-host", type=positive, nargs="+", default=[1, 2])
    study.add_argument("--local-steps", type=positive, nargs="+", default=[1, 4, 16, 64],
                       help="H of local SGD; minibatch SGD runs too")
    study.add_argument("--compute", choices=["both", "real", "stand-in"], default="both",
                       help="real compute runs on one host only")
    study.add_argument("--compute-time-ms", type=milliseconds, default="auto", metavar="T|auto",
                       help="length of the stand-in; auto: what forward and backward pass take on "
                       "one rank with real compute")
    job = parser.add_argument_group("the job")
    job.add_argument("--model", choices=MODELS, default="resnet20")
    job.add_argument("--width", type=positive, default=32, help="of resnet8 and resnet20")
    job.add_argument("--batch-size", type=positive, default=4, help="images per worker")
    job.add_argument("--steps", type=positive, default=64, help="of an epoch")
    job.add_argument("--epochs", type=positive, default=3,
                     help="timed in a run, after one that warms up; the median one counts")
    network = parser.add_argument_group("the network between hosts")
    network.add_argument("--rate", default="1gbit", help="of each host's link, each direction")
    network.add_argument("--delay", default="none", help="from one host to another, such as 50us")
    output = parser.add_argument_group("output and runs")
    output.add_argument("--output", type=Path, default=ROOT / "build" / "time-per-iteration",
                        metavar="DIR", help="table.txt, result.json, figure.png and finished runs")
    output.add_argument("--force", action="store_true", help="run again what is there already")
    output.add_argument("--quick", action="store_true",
                        help="some seconds of a tiny job on 1 and 2 hosts: does it all work? "
                        "Replaces the defaults above, not what is given; goals of timing do not "
                        "count")
    output.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "bin",
                        help="folder of ronde-train and ronderun")
    if "--quick" in (sys.argv[1:] if words is None else words):
        parser.set_defaults(**QUICK)
    options = parser.parse_args(words)
    complete(options)
    return options


def complete(options):
    """The rules between flags. Errors: BenchError."""
    for name in ("hosts", "ranks_per_host", "local_steps"):
        setattr(options, name, sorted(set(getattr(options, name))))
    longest = max(options.local_steps)
    if options.steps % longest:
        raise BenchError(f"--steps: expected a multiple of the largest --local-steps, {longest}, "
                         f"got {options.steps}: else an epoch has a part of a window")
    takes_one_rank = options.compute == "both" and 1 in options.ranks_per_host
    if options.compute != "real" and options.compute_time_ms is None and not takes_one_rank:
        raise BenchError("--compute-time-ms auto: is measured on one rank with real compute; give "
                         "a number, or --compute both with --ranks-per-host 1")
    for name in ("ronde-train", "ronderun"):
        program(options, name)


def study_of(options):
    """The runs that this machine can do; says what it leaves out."""
    if max(options.hosts) > 1 and options.compute != "real":
        reason = why_no_test_bed()
        if reason:
            print(f"skipped: more than one host: {reason}")
            options.hosts = [count for count in options.hosts if count == 1]
    return plan(options.hosts, options.ranks_per_host, options.local_steps,
                real=options.compute != "stand-in", stand_in=options.compute != "real")


def machine():
    names = [line.partition(":")[2].strip()
             for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
             if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release()}


def result_of(options, rows):
    found = laws(rows)
    several = max(row["hosts"] for row in rows) > 1
    parameters = rows[0]["parameters"]
    width = f" of width {options.width}" if options.model in ("resnet8", "resnet20") else ""
    return {"benchmark": "training/time-per-iteration", "version": rows[0]["version"],
            "date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine(),
            "model": {"name": options.model + width, "parameters": parameters,
                      "bytes_per_average": BYTES_PER_PARAMETER * parameters,
                      "batch_size": options.batch_size},
            "network": {"rate": options.rate, "delay": options.delay} if several else None,
            "epochs": {"warm_up": 1, "timed": options.epochs, "steps_each": options.steps},
            "laws": found, "checks": iteration_checks.all_checks(rows, found), "runs": rows}


def say_result(options, result):
    """All on stdout; the same as files, and the figure."""
    text = text_of(result)
    print("\n" + text)
    (options.output / "table.txt").write_text(text, encoding="utf-8")
    write_json(options.output / "result.json", result)
    figure = options.output / "figure.png"
    try:
        iteration_plot.draw(result, figure)
    except (ImportError, OSError) as error:
        print(f"warning: no figure: {error}", file=sys.stderr)
        figure = "no figure"
    print(f"{options.output / 'result.json'}, {figure}")


def main(words=None):
    options = parse_arguments(words)
    # As for Ctrl-C: what was started is ended, and the test bed taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configurations = study_of(options)
    if not configurations:
        raise BenchError("nothing is left to run")
    try:
        most = max(configuration.hosts for configuration in configurations)
        with Hosts(most, options.rate, options.delay, options.bin_dir.resolve()) as hosts:
            rows = Runs(options, hosts).run_all(configurations, partial(print, flush=True))
    except KeyboardInterrupt:
        print(f"\ninterrupted; the same command goes on with what is kept in {options.output}",
              file=sys.stderr)
        return INTERRUPTED
    result = result_of(options, rows)
    say_result(options, result)
    judged = [check for check in result["checks"] if not (options.quick and check["is_timing"])]
    return REACHED if all(check["reached"] for check in judged) else MISSED


if __name__ == "__main__":
    exit_with(main)
