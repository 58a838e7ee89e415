#!/usr/bin/env python3
"""Ends ranks, hosts and links of jobs over several hosts at random moments.

faults_test.py RONDERUN PROGRAM [--train TRAIN] [--seed N] [--random COUNT] [--only TEXT]

Without --random: a fixed choice, some 20 s. PROGRAM is faults_program; ronde-train is killed while
it saves checkpoints. Whatever happens, the job ends within --timeout-s and 5 s with a code that is
not 0, a line on stderr names the rank or its host, no process is left on any host, and nothing in
/dev/shm and TMPDIR of those that live.

    kill    a rank gets SIGKILL
    stop    a rank gets SIGSTOP, for good
    link    the cable of a host is pulled
    mute    the network loses all packets of a host, whose cable stays where it is
    crash   a host is gone with all that ran on it
"""

import argparse
import concurrent.futures
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import test_bed

FAULTS = ("kill", "stop", "link", "mute", "crash")
PHASES = ("negotiate", "reduce", "average", "checkpoint")
PLACES = ("h1:1,h2:1", "h1:2,h2:2", "h1:1,h2:1,h3:1", "h1:2,h2:1,h3:1")
TIMEOUT_S = 2.0
PATIENCE_S = 5.0
SLACK_S = 1.0  # of a machine under load
START_S = 60.0
RECONNECT_S = 30.0  # until TCP tries again, once a link works again
# What mpirun's daemon leaves on a host from which mpirun cannot be reached.
DAEMON_FOLDER = re.compile(r"h([2-9]|\d\d):.*/tmp/(ompi|prte)")
TRAIN = ["--dataset", "synthetic", "--model", "resnet8", "--width", "4", "--batch-size", "4",
         "--limit-train", "256", "--limit-validation", "8", "--epochs", "1000", "--threads", "1",
         "--evaluate-every", "0", "--algorithm", "local", "--local-steps", "2", "--progress", "off",
         "--checkpoint-every", "1"]


class Failed(Exception):
    """What a job did that it must not do."""


class Job:
    """A running job and its lines."""

    def __init__(self, options, bed, phase, places, folder):
        self.bed, self.phase, self.program = bed, phase, options.program
        self.ranks = [host for entry in places.split(",")
                      for host, _, slots in [entry.partition(":")] for _ in range(int(slots))]
        arguments = [options.program, phase]
        self.folder = os.path.join(folder, "checkpoints")
        if phase == "checkpoint":
            self.program = options.train
            arguments = [options.train, *TRAIN, "--checkpoint-dir", self.folder]
        self.process = bed.start(
            "--ronderun", options.ronderun, "-np", str(len(self.ranks)), "--hosts", places,
            *arguments, **dict(options.set), RONDE_TIMEOUT_S=str(TIMEOUT_S))
        self.lines = {"out": [], "err": []}
        self.readers = [threading.Thread(target=self._read, args=(stream, lines), daemon=True)
                        for stream, lines in ((self.process.stdout, self.lines["out"]),
                                              (self.process.stderr, self.lines["err"]))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append((time.monotonic(), line.rstrip("\n")))

    def is_under_way(self):
        if self.phase == "checkpoint":
            return os.path.isdir(self.folder) and any(
                name.startswith("step-") for name in os.listdir(self.folder))
        looping = [line for _, line in self.lines["out"] if line.startswith("looping ")]
        return len(looping) == len(self.ranks)

    def wait_for_start(self):
        end = time.monotonic() + START_S
        while not self.is_under_way():
            if self.process.poll() is not None:
                raise Failed(f"the job ended with code {self.process.returncode} by itself")
            if time.monotonic() > end:
                raise Failed(f"the job was not under way in {START_S:.0f} s")
            time.sleep(0.01)

    def pid(self, rank):
        name = f"OMPI_COMM_WORLD_RANK={rank}".encode()
        for pid in self.bed.processes():
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    is_rank = name in file.read().split(b"\0")
                if is_rank and os.path.samefile(f"/proc/{pid}/exe", self.program):
                    return pid
            except OSError:
                continue
        raise Failed(f"rank {rank} is not running")

    def wait_for_end(self, timeout_s):
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"the job did not end in {timeout_s:.1f} s") from late
        for reader in self.readers:
            reader.join(2)
        return code

    def text(self, since):
        """All lines, with the seconds after `since`."""
        return "".join(f"    {at - since:+.1f} {name}: {line}\n"
                       for name, lines in self.lines.items() for at, line in lines)


def inject(fault, job, victim):
    if fault in ("kill", "stop"):
        os.kill(job.pid(victim), signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
    elif fault == "crash":
        job.bed.verb("crash", job.ranks[victim])
    else:
        job.bed.verb("link", job.ranks[victim], "down" if fault == "link" else "mute")


def cause_of(job):
    """What ronderun says at the end."""
    return "; ".join(line for _, line in job.lines["err"] if line.startswith("ronderun: "))


def check_end(fault, job, victim):
    started = time.monotonic()
    code = job.wait_for_end(TIMEOUT_S + PATIENCE_S + SLACK_S)
    seconds = time.monotonic() - started
    host = job.ranks[victim]
    problems = []
    if code == 0:
        problems.append("the job ended with code 0")
    cause = rf"\branks? (\d+, )*{victim}\b|\b{host}\b"
    if fault in ("link", "mute") and host == "h1":
        # Where ronderun is, all the others seem to be gone.
        cause = r"\brank \d+\b.*\bh\d\b"
    if not any(re.search(cause, line) for _, line in job.lines["err"]):
        problems.append(f"no line with '{cause}'")
    patience_s = TIMEOUT_S + PATIENCE_S + SLACK_S - seconds
    if fault in ("link", "mute"):
        # What nobody can reach ends by itself; mpirun's daemons once they learn of mpirun's end.
        left = job.bed.wait_for_no_processes(patience_s)
        if ranks := {pid: what for pid, what in left.items() if job.program in what[1]}:
            problems.append(f"left running: {ranks}")
        job.bed.verb("link", host, "up")
        patience_s = RECONNECT_S
    if left := job.bed.wait_for_no_processes(patience_s):
        problems.append(f"left running: {left}")
    if problems:
        raise Failed("; ".join(problems))
    return f"ended after {seconds:.1f} s with code {code}: {cause_of(job)}"


def run_fault(options, number, fault, phase, places, generator):
    """One job on hosts of its own with one fault; whether it failed."""
    hosts = places.count(",") + 1
    before = test_bed.machine_leftovers()
    with tempfile.TemporaryDirectory(prefix="faults") as folder, \
            test_bed.TestBed(hosts, lifetime_s=180) as bed:
        job = Job(options, bed, phase, places, folder)
        # The host where ronderun is takes the job with it.
        victims = [rank for rank, host in enumerate(job.ranks) if fault != "crash" or host != "h1"]
        victim = generator.choice(victims)
        moment_s = generator.uniform(0, 0.3)
        title = (f"{number}: {fault} rank {victim} on {job.ranks[victim]} of {places} in {phase} "
                 f"at {moment_s * 1e3:.0f} ms")
        failure = None
        injected = time.monotonic()
        try:
            job.wait_for_start()
            time.sleep(moment_s)
            injected = time.monotonic()
            inject(fault, job, victim)
            outcome = check_end(fault, job, victim)
            left = set(bed.leftovers()) | (test_bed.machine_leftovers() - before)
            if fault in ("link", "mute"):
                left = {path for path in left if not DAEMON_FOLDER.match(path)}
            if left:
                failure = f"left behind: {sorted(left)}"
        except Failed as reason:
            failure = str(reason)
        # One write: others run at the same time.
        sys.stdout.write(f"{title}: FAILED: {failure}\n{job.text(injected)}" if failure
                         else f"{title}: {outcome}\n")
        sys.stdout.flush()
    job.process.kill()
    job.process.wait()
    return failure


def choose_faults(options, generator):
    """(number, fault, phase, places): of two hosts once each, or COUNT that cover every pair."""
    phases = [phase for phase in PHASES if phase != "checkpoint" or options.train]
    if options.random == 0:
        chosen = [("kill", "negotiate"), ("stop", "reduce"), ("link", "average"),
                  ("crash", "reduce")]
        return [(number, fault, phase, PLACES[0]) for number, (fault, phase) in enumerate(chosen)]
    every = [(fault, phase) for fault in FAULTS for phase in phases]
    chosen = generator.sample(every, min(options.random, len(every)))
    chosen += [generator.choice(every) for _ in range(options.random - len(chosen))]
    return [(number, fault, phase, generator.choice(PLACES))
            for number, (fault, phase) in enumerate(chosen)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ronderun")
    parser.add_argument("program")
    parser.add_argument("--train", default="", help="ronde-train, for faults in its checkpoints")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--random", type=int, default=0, metavar="COUNT")
    parser.add_argument("--parallel", type=int, default=2, help="jobs at once, mostly waiting [2]")
    parser.add_argument("--only", default="", help="numbers of faults to inject, as in 3,17")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        type=lambda text: text.split("=", 1), help="a variable for the job")
    options = parser.parse_args()
    test_bed.skip_where_impossible()
    print(f"seed {options.seed}", flush=True)
    wanted = set(map(int, filter(None, options.only.split(","))))
    chosen = [fault for fault in choose_faults(options, random.Random(options.seed))
              if not wanted or fault[0] in wanted]
    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        failures = list(pool.map(
            lambda fault: run_fault(options, *fault, random.Random(f"{options.seed} {fault[0]}")),
            chosen))
    print(f"{len(failures) - failures.count(None)} of {len(failures)} failed", flush=True)
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main())
