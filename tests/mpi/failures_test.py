#!/usr/bin/env python3
"""What a user sees when a rank of a job fails, for each way and phase in which it can.

failures_test.py RONDERUN PROGRAM [--only TEXT]. PROGRAM is failure_program. Whatever happens, all
ranks end within --timeout-s and 5 s, stderr has one line with the cause, which names the rank, its
host, and the tensor and phase where they count, and nothing is left in /dev/shm or TMPDIR.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from shared_faults_test import leftovers

TIMEOUT_S = 2.0
PATIENCE_S = 5.0
START_S = 3.0  # of MPI, on a machine under load
HOST = re.escape(socket.gethostname())
ANY = ""

# phase, fault, ranks, exit code (None: any but 0), what the line says, what the other ranks get
NEGOTIATED = r"while rank \d+ (negotiated '(layer0\.weight|first|second|[^']*)'|was idle)"
REDUCED = r"while rank \d+ (ran allreduce 'large\.weight' by \w+|negotiated 'large\.weight'|was idle)"
CASES = [
    ("negotiate", "abort", 2, None, rf"^rank 1 \(host {HOST}\): disk full; {NEGOTIATED}",
     "rank 1: disk full"),
    ("data", "abort", 3, None, rf"^rank 1 \(host {HOST}\): disk full; {REDUCED}",
     "rank 1: disk full"),
    ("negotiate", "throw", 3, None, rf"^rank 1 \(host {HOST}\): learning rate is NaN; {NEGOTIATED}",
     "rank 1: learning rate is NaN"),
    ("data", "throw", 2, None, rf"^rank 1 \(host {HOST}\): learning rate is NaN; {REDUCED}",
     "rank 1: learning rate is NaN"),
    ("callback", "throw", 2, None, rf"^rank 1 \(host {HOST}\): learning rate is NaN; while",
     "rank 1: learning rate is NaN"),
    ("negotiate", "terminate", 2, None,
     rf"^rank 1 \(host {HOST}\): std::terminate was called; {NEGOTIATED}",
     "rank 1: std::terminate was called"),
    ("negotiate", "kill", 2, 137, rf"^rank 1 on {HOST} was killed by signal 9 \(Killed\)", ANY),
    ("negotiate", "kill", 4, 137, rf"^rank 1 on {HOST} was killed by signal 9 \(Killed\)", ANY),
    ("data", "kill", 3, 137, rf"^rank 1 on {HOST} was killed by signal 9 \(Killed\)", ANY),
    ("callback", "kill", 2, 137, rf"^rank 1 on {HOST} was killed by signal 9 \(Killed\)", ANY),
    ("callback", "exit", 2, 3,
     rf"^rank 1 \(host {HOST}\): the program was ended in a callback of an operation; while",
     "rank 1: the program was ended in a callback"),
    ("add-set", "kill", 3, 137, rf"^rank 1 on {HOST} was killed by signal 9 \(Killed\)", ANY),
    ("negotiate", "_exit", 2, 3, rf"^rank 1 on {HOST} exited with code 3", ANY),
    ("negotiate", "exit", 2, None, r"layer0\.weight' needs rank 1|rank 1 on .* exited with code 3",
     "needs rank 1, which has shut down without submitting it"),
    ("data", "exit", 2, None, r"large\.weight' needs rank 1|rank 1 on .* exited with code 3|rank 1",
     ANY),
    ("data", "stop", 2, None, r"\brank 1\b.*; while rank 0 ran allreduce 'large\.weight' by|"
                              r"stalled: tensor 'large\.weight'.*not by rank 1", "rank 1"),
    ("negotiate", "late", 3, None,
     rf"^rank 0 \(host {HOST}\): stalled: tensors? 'layer0\.weight'.*ranks 0, 2.*not by rank 1",
     "stalled: "),
    ("silence", "stop", 2, None,
     r"rank 1 \(host \S+\) has given no sign of life for .* s: its process is stopped or hangs",
     "no sign of life"),
    ("silence", "stop", 3, None,
     r"rank 1 \(host \S+\) has given no sign of life for .* s: its process is stopped or hangs",
     "no sign of life"),
    ("negotiate", "term", 2, 143, rf"^rank 1 \(host {HOST}\): ended by SIGTERM; {NEGOTIATED}",
     "rank 1: ended by SIGTERM"),
    ("data", "int", 3, 130, rf"^rank 1 \(host {HOST}\): ended by SIGINT; {REDUCED}",
     "rank 1: ended by SIGINT"),
    ("after-shutdown", "none", 2, 0, None, ANY),
    ("cycles", "none", 3, 0, None, ANY),
]


def leftovers_after_a_while(folder, before):
    """What stays. MPI's own daemon clears up after dead ranks, and may end after the launcher."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        new = leftovers(folder) - before
        if not new or time.monotonic() > deadline:
            return new
        time.sleep(0.05)


def run_case(options, case):
    phase, fault, ranks, code, cause, told = case
    with tempfile.TemporaryDirectory(prefix="failures") as folder:
        os.mkdir(os.path.join(folder, "tmp"))
        before = leftovers(folder)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("RONDE_")}
        # In "silence" nothing but the missing sign of life tells of rank 1.
        stall_s = 0 if phase == "silence" else TIMEOUT_S
        environment.update(RONDE_TIMEOUT_S=str(TIMEOUT_S), RONDE_STALL_SHUTDOWN_S=str(stall_s),
                           TMPDIR=os.path.join(folder, "tmp"))
        started = time.monotonic()
        limit_s = START_S + TIMEOUT_S + PATIENCE_S
        try:
            done = subprocess.run([options.ronderun, "-np", str(ranks), options.program, phase,
                                   fault], env=environment, capture_output=True, text=True,
                                  timeout=60, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired as late:
            return f"did not end in 60 s: {late.stdout} {late.stderr}"
        seconds = time.monotonic() - started
        new = leftovers_after_a_while(folder, before)
    lines = [line.removeprefix("ronderun: ") for line in done.stderr.splitlines()
             if not line.startswith("ronderun: note:")]
    problems = []
    if done.returncode != code if code is not None else done.returncode == 0:
        problems.append(f"exit code {done.returncode}, not {code}")
    if seconds > limit_s:
        problems.append(f"took {seconds:.1f} s")
    if len(lines) != (0 if cause is None else 1):
        problems.append(f"{len(lines)} lines on stderr")
    if cause is not None and not any(re.search(cause, line) for line in lines):
        problems.append(f"no line like {cause}")
    got = [line for line in done.stdout.splitlines() if line.startswith("got ")]
    if told and not all(told in line for line in got):
        problems.append(f"not every rank was told '{told}'")
    if new:
        problems.append(f"left behind: {sorted(new)}")
    print(f"{phase} {fault} -np {ranks}: {'; '.join(problems) or 'ok'} ({seconds:.1f} s, code "
          f"{done.returncode})", flush=True)
    for line in done.stderr.splitlines() + (done.stdout.splitlines() if problems else []):
        print("    " + line, flush=True)
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ronderun")
    parser.add_argument("program")
    parser.add_argument("--only", default="", help="cases whose 'PHASE FAULT' contains this")
    options = parser.parse_args()
    chosen = [case for case in CASES if options.only in f"{case[0]} {case[1]}"]
    return 1 if any([run_case(options, case) for case in chosen]) else 0


if __name__ == "__main__":
    sys.exit(main())
