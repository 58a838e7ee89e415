"""Where the runs of a study take place: this machine alone, or the test bed of ./dev hosts."""

import os
import signal
import subprocess

from measurement import ROOT, BenchError

UP_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10


def why_no_test_bed():
    """One line that says why this machine cannot play several hosts; empty where it can."""
    done = subprocess.run([ROOT / "dev", "hosts", "check"], capture_output=True, text=True,
                          check=False, timeout=UP_TIMEOUT_S)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


class Hosts:
    """A context with room for runs on 1 .. `count` hosts, joined by links of `rate` and `delay`.

    With one host there is no test bed. Otherwise one of a name of its own is up while the context
    is entered; it goes down at its end, and also when this process is killed.
    """

    def __init__(self, count, rate, delay, bin_dir):
        self.count, self.rate, self.delay, self.bin_dir = count, rate, delay, bin_dir
        self.bed = f"iterations-{os.getpid()}"

    def __enter__(self):
        if self.count > 1:
            try:
                self._dev("up", str(self.count), "--rate", self.rate, "--delay", self.delay,
                          "--owner", str(os.getpid()))
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_):
        if self.count > 1:
            self._dev("down")

    def _dev(self, verb, *words):
        done = subprocess.run([ROOT / "dev", "hosts", verb, "--name", self.bed, *words],
                              capture_output=True, text=True, check=False, timeout=UP_TIMEOUT_S,
                              start_new_session=True)
        if done.returncode:
            raise BenchError((done.stderr + done.stdout).strip().splitlines()[0])

    def command(self, hosts, ranks_per_host, words):
        """The command line that runs `words` with so many ranks on each of so many hosts."""
        ranks = hosts * ranks_per_host
        if hosts == 1:
            return [self.bin_dir / "ronderun", "-np", ranks, *words]
        slots = ",".join(f"h{i}:{ranks_per_host}" for i in range(1, hosts + 1))
        return [ROOT / "dev", "hosts", "run", "--name", self.bed, "-np", ranks, "--hosts", slots,
                *words]


def run_bounded(command, timeout_s):
    """Runs a command to its end; what it said on stderr. It never outlives this call.

    It has a session of its own, so that Ctrl-C on a terminal reaches this process alone, which ends
    it in order. Errors: BenchError.
    """
    words = [str(word) for word in command]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            said = process.communicate(timeout=timeout_s)[1].strip()
        except subprocess.TimeoutExpired:
            end(process)
            raise BenchError(f"{' '.join(words)}: not finished after {timeout_s:.0f} s") from None
        except BaseException:
            end(process)
            raise
    if process.returncode:
        raise BenchError(f"{' '.join(words)}: exit code {process.returncode}: {cause(said)}")
    return said


def cause(said):
    """The line of stderr that names it: Ronde's programs say one, MPI may print pages around it."""
    lines = said.splitlines() or ["it said nothing"]
    ours = [line for line in lines if line.startswith(("ronde-train:", "ronderun:"))]
    return (ours or lines)[-1]


def end(process):
    """Ends a process and what it has started: in order, or else at once."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.communicate(timeout=STOP_TIMEOUT_S)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            process.communicate()
            return
