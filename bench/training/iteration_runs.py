"""Runs ronde-train once for each configuration of a study and keeps what it has measured."""

import json
import os
import statistics
import time

from iteration_hosts import run_bounded
from iteration_study import WARM_UP_EPOCHS, measured
from measurement import BenchError

START_S = 60  # of a run, at most, before its first step
SECONDS_PER_STEP = 2  # at most


class Runs:
    """The finished runs of a study, in a folder; each is there as a whole or not at all.

    options: model, width, batch_size, steps, epochs, rate, delay, output, force.
    """

    def __init__(self, options, hosts):
        self.options, self.hosts = options, hosts
        self.folder = options.output / "runs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stand_in_ms = options.compute_time_ms  # None until the real run has told

    def words(self, configuration, log):
        """The command line of ronde-train."""
        options = self.options
        images = options.steps * options.batch_size * configuration.workers
        words = [self.hosts.bin_dir / "ronde-train", "--dataset", "synthetic",
                 "--model", options.model, *self.width(), "--batch-size", options.batch_size,
                 "--limit-train", images, "--epochs", WARM_UP_EPOCHS + options.epochs,
                 "--warmup-epochs", 0, "--threads", 1, "--progress", "off", "--log-json", log,
                 "--algorithm", configuration.algorithm]
        if configuration.algorithm == "local":
            words += ["--local-steps", configuration.local_steps]
        if configuration.hosts > 1:
            # Hosts of the test bed share the machine's cores, which no rank on them can know: one
            # that spins while it waits takes the core from the rank that it waits for.
            words += ["--spin-us", 0]
        if configuration.stands_in:
            return words + ["--compute-time-ms", f"{self.stand_in_ms:g}"]
        return words + ["--evaluate-every", 0]

    def width(self):
        takes_width = self.options.model in ("resnet8", "resnet20")
        return ["--width", self.options.width] if takes_width else []

    def key(self, configuration):
        """What a kept run must have been made with to count as this one."""
        words = [str(word) for word in self.words(configuration, "LOG")[1:]]
        network = [self.options.rate, self.options.delay] if configuration.hosts > 1 else None
        return {"arguments": words, "network": network}

    def path(self, configuration):
        return self.folder / f"{configuration.name}.json"

    def kept(self, configuration):
        """The figures of an earlier run, or None."""
        if self.options.force:
            return None
        try:
            run = json.loads(self.path(configuration).read_text(encoding="utf-8"))
            return run["figures"] if run["key"] == self.key(configuration) else None
        except (OSError, ValueError, KeyError):
            return None

    def may_be_kept(self, configuration):
        """The same as a yes or no, and no where the stand-in's length is not known yet."""
        known = self.stand_in_ms is not None or not configuration.stands_in
        return known and self.kept(configuration) is not None

    def run(self, configuration):
        """Runs it now and keeps it; its figures."""
        options = self.options
        log = self.folder / f"{configuration.name}.jsonl"
        steps = options.steps * (WARM_UP_EPOCHS + options.epochs)
        run_bounded(self.hosts.command(configuration.hosts, configuration.ranks_per_host,
                                       self.words(configuration, log.resolve())),
                    START_S + SECONDS_PER_STEP * steps)
        events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        config, epochs = events[0], events[1:]
        if len(epochs) != WARM_UP_EPOCHS + options.epochs:
            raise BenchError(f"{log}: expected {WARM_UP_EPOCHS + options.epochs} epochs, got "
                             f"{len(epochs)}")
        figures = measured(configuration, config, epochs) | {"parameters": config["parameters"],
                                                             "version": config["version"]}
        self.keep(configuration, {"key": self.key(configuration), "figures": figures})
        log.unlink()
        return figures

    def keep(self, configuration, run):
        path = self.path(configuration)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    def run_all(self, configurations, say):
        """The figures of all, in their order. `say` is called with each line of progress."""
        rows, durations = [], []
        for number, configuration in enumerate(configurations, 1):
            self.choose_stand_in(configuration, rows, say)
            start = time.monotonic()
            row = self.kept(configuration)
            ending = "(kept)"
            if row is None:
                row = self.run(configuration)
                durations.append(time.monotonic() - start)
                left = sum(not self.may_be_kept(later) for later in configurations[number:])
                ending = f"{duration(left * statistics.fmean(durations))} left" if left else ""
            rows.append(row)
            say(f"[{number:2}/{len(configurations)}] {configuration}: "
                f"{1e3 * row['seconds_per_iteration']:.1f} ms/iteration, communication "
                f"{row['communication_share']:.0%}  {ending}".rstrip())
        return rows

    def choose_stand_in(self, configuration, rows, say):
        if not configuration.stands_in or self.stand_in_ms is not None:
            return
        self.stand_in_ms = compute_ms_of(rows)
        say(f"the stand-in takes {self.stand_in_ms:g} ms, as forward and backward pass do on one "
            "rank")


def compute_ms_of(rows):
    """Whole milliseconds of forward and backward pass on one rank."""
    one = [row for row in rows if row["workers"] == 1]
    if not one:
        raise BenchError("--compute-time-ms auto: there is no run with real compute on one rank to "
                         "take it from; give a number")
    seconds = statistics.median(sum(row["parts_seconds"][part] for part in ("forward", "backward"))
                                for row in one)
    return max(1, round(1e3 * seconds))


def duration(seconds):
    whole = max(0, round(seconds))
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
