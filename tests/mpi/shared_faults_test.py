#!/usr/bin/env python3
"""Kills, stops and delays one of three ranks at random moments inside shared-memory collectives.

shared_faults_test.py RONDERUN PROGRAM [--seed N] [--random COUNT]

Without --random: a fixed choice of faults, some 15 s. PROGRAM is shared_faults_program, which says
what its lines mean. Afterwards no process is left, and nothing in /dev/shm or /tmp.

    kill   the job ends within the timeout, with one line that names the rank
    stop   for longer than --timeout-s: the others' handles fail and name the rank; what they then
           write in their registered memory stays as it is when the rank has woken
    abort  by a healthy rank, while another has stopped and everybody waits for it: as stop, but at
           once and with the abort's cause
    late   a stop shorter than --timeout-s: every result is right
"""

import argparse
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

KINDS = ("push", "two_shot", "one_shot", "tiny", "allgather", "broadcast", "reducescatter",
         "alltoall")
RANKS = 3
TIMEOUT_S = 1.0
PATIENCE_S = 5.0  # beyond TIMEOUT_S, for a machine under load
START_S = 60.0
LEFT_BEHIND = re.compile(r"ronde|ompi|vader|pmix|psm|prte", re.IGNORECASE)


class Failed(Exception):
    """What a job did that it must not do."""


class Job:
    """A running job, its lines with their times, and its processes."""

    def __init__(self, ronderun, program, kind, timeout_s, folder):
        self.folder = folder
        self.lines = []
        self.changed = threading.Condition()
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("RONDE_")}
        environment["RONDE_TIMEOUT_S"] = str(timeout_s)
        # A rank that stops before it has submitted a tensor is late for that tensor.
        environment["RONDE_STALL_SHUTDOWN_S"] = str(timeout_s)
        environment["RONDE_FUSION_THRESHOLD_BYTES"] = "0"
        if kind in ("two_shot", "one_shot", "tiny"):
            environment["RONDE_ALLREDUCE_ALGORITHM"] = "shared_memory"
        if kind == "push":
            environment["RONDE_ALLREDUCE_ALGORITHM"] = "push_two_shot"
        environment["TMPDIR"] = os.path.join(folder, "tmp")
        os.mkdir(environment["TMPDIR"])
        self.process = subprocess.Popen(
            [ronderun, "-np", str(RANKS), program, kind, folder], env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.family = {}

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append((time.monotonic(), line.rstrip("\n")))
                self.changed.notify_all()

    def output(self):
        return "\n".join(line for _, line in self.lines)

    def wait_for(self, pattern, count, timeout_s):
        """The first `count` (time, match) of lines that begin with `pattern`."""
        end = time.monotonic() + timeout_s
        with self.changed:
            while True:
                found = [(at, match) for at, line in self.lines
                         if (match := re.match(pattern, line))]
                if len(found) >= count:
                    return found[:count]
                left = end - time.monotonic()
                if left <= 0:
                    raise Failed(f"{len(found)} instead of {count} lines '{pattern}' in "
                                 f"{timeout_s:.1f} s")
                self.changed.wait(left)

    def wait_for_start(self):
        pids = self.wait_for(r"pid (\d+) (\d+)$", RANKS, START_S)
        self.wait_for(r"looping \d+$", RANKS, START_S)
        self.family = descendants(self.process.pid)
        return {int(match[1]): int(match[2]) for _, match in pids}

    def wait_for_end(self, timeout_s):
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"the job did not end in {timeout_s:.1f} s") from late
        self.reader.join(5)
        return code

    def create(self, name):
        open(os.path.join(self.folder, name), "w", encoding="utf-8").close()

    def clean_up(self):
        """Ends, by pid, what is left; says what that was."""
        if self.process.poll() is None:
            self.family = {**self.family, **descendants(self.process.pid)}
        self.process.kill()
        self.process.wait()
        end = time.monotonic() + 3
        while (left := [pid for pid, start in self.family.items()
                        if start_time(pid) == start]) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.process.stdout.close()
        return left


def stat_fields(pid):
    """Of /proc/PID/stat, from the state on; empty where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return []


def start_time(pid):
    """When the process began, which tells a reused pid; None where it has ended."""
    fields = stat_fields(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def descendants(pid):
    parents = {int(entry): stat_fields(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    found = {}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for child, fields in parents.items():
            if fields and int(fields[1]) == parent:
                found[child] = fields[19]
                waiting.append(child)
    return found


def leftovers(folder):
    """What jobs leave behind: in /dev/shm, in /tmp, and all that is in the job's own TMPDIR."""
    found = {os.path.join(place, name) for place in ("/dev/shm", "/tmp")
             for name in os.listdir(place) if LEFT_BEHIND.search(name)}
    for path, folders, files in os.walk(os.path.join(folder, "tmp")):
        found.update(os.path.join(path, name) for name in folders + files)
    return found


def kill_rank(job, pids, victim):
    started = time.monotonic()
    os.kill(pids[victim], signal.SIGKILL)
    code = job.wait_for_end(TIMEOUT_S + PATIENCE_S)
    seconds = time.monotonic() - started
    if code == 0:
        raise Failed("the job ended with code 0")
    cause = f"ronderun: rank {victim} on {socket.gethostname()} was killed by signal 9"
    named = [line for _, line in job.lines if line.startswith(cause)]
    if len(named) != 1:
        raise Failed(f"{len(named)} instead of one line '{cause}...'")
    return f"ended after {seconds:.2f} s"


def stop_rank(job, pids, victim, aborts):
    os.kill(pids[victim], signal.SIGSTOP)
    others = [rank for rank in range(RANKS) if rank != victim]
    cause = rf"\branks? (\d+, )*{victim}\b"
    if aborts:
        cause = f"rank {others[0]}: asked to end the job"
        time.sleep(0.3)
        job.create(f"abort{others[0]}")
    started = time.monotonic()
    failures = job.wait_for(r"failed (\d+) (.*)$", len(others), TIMEOUT_S + PATIENCE_S)
    for _, match in failures:
        if int(match[1]) == victim:
            raise Failed("the stopped rank failed first")
        if not re.search(cause, match[2]):
            raise Failed(f"rank {match[1]} does not say '{cause}': {match[2]}")
    job.wait_for(r"patterned \d+$", len(others), PATIENCE_S)
    os.kill(pids[victim], signal.SIGCONT)
    # It runs on until it learns of the job's end.
    job.wait_for(rf"patterned {victim}$", 1, TIMEOUT_S + PATIENCE_S)
    job.create("verify")
    job.wait_for(r"(un)?touched \d+|TOUCHED", RANKS, PATIENCE_S)
    if "TOUCHED" in job.output():
        raise Failed("the rank that woke wrote into another's memory")
    job.create("leave")
    job.wait_for_end(PATIENCE_S)
    return f"failed after {max(at for at, _ in failures) - started:.2f} s"


def delay_rank(job, pids, victim, generator):
    for _ in range(3):
        os.kill(pids[victim], signal.SIGSTOP)
        time.sleep(generator.uniform(0.05, 0.3))
        os.kill(pids[victim], signal.SIGCONT)
        victim = generator.randrange(RANKS)
        time.sleep(generator.uniform(0, 0.1))
    job.create("finish")
    job.wait_for(r"verified \d+ \d+$", RANKS, START_S)
    code = job.wait_for_end(PATIENCE_S)
    if code != 0:
        raise Failed(f"the job ended with code {code}")
    return "right results"


def run_fault(options, fault, kind, generator):
    """One job with one fault; returns its failure, or None."""
    # What is only late must not fail, and an abort must not wait, however slow the machine is.
    timeout_s = TIMEOUT_S if fault in ("kill", "stop") else 30.0
    # Rank 0 too, which coordinates the others: they notice that it gives no sign of life.
    victim = generator.randrange(RANKS)
    moment_s = generator.uniform(0, 0.15)
    title = f"{fault} rank {victim} in {kind} at {moment_s * 1e3:.1f} ms"
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        before = leftovers(folder)
        job = Job(options.ronderun, options.program, kind, timeout_s, folder)
        failure = None
        try:
            pids = job.wait_for_start()
            time.sleep(moment_s)
            if fault == "kill":
                outcome = kill_rank(job, pids, victim)
            elif fault in ("stop", "abort"):
                outcome = stop_rank(job, pids, victim, fault == "abort")
            else:
                outcome = delay_rank(job, pids, victim, generator)
        except Failed as reason:
            failure = str(reason)
        if left := job.clean_up():
            failure = failure or f"processes {left} were left"
        if new := leftovers(folder) - before:
            failure = failure or f"left behind: {sorted(new)}"
    print(f"{title}: {'FAILED: ' + failure if failure else outcome}", flush=True)
    if failure:
        print(re.sub("^", "    ", job.output(), flags=re.MULTILINE), flush=True)
    return failure


def choose_faults(options, generator):
    if options.random == 0:
        return [("kill", "push"), ("stop", "push"), ("stop", "allgather"), ("stop", "two_shot"),
                ("abort", "push"), ("late", "all")]
    every = [(fault, kind) for kind in KINDS for fault in ("kill", "stop", "abort", "late")]
    rest = [generator.choice(every) for _ in range(options.random - len(every))]
    return generator.sample(every, min(options.random, len(every))) + rest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ronderun")
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--random", type=int, default=0, metavar="COUNT")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    generator = random.Random(options.seed)
    faults = choose_faults(options, generator)
    failures = [run_fault(options, fault, kind, generator) for fault, kind in faults]
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main())
