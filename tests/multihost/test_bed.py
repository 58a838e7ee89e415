"""A test bed of several hosts for the tests of this folder: ./dev hosts, one for each test."""

import itertools
import os
import re
import subprocess
import sys
import time

DEV = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dev")
BEDS = "/run/ronde-hosts"
NUMBERS = itertools.count()  # of this process's test beds, which may stand at once
# A host's name, as MPI puts it into those of its files. The machine's own jobs have another.
HOST_NAME = re.compile(r"(^|[^a-zA-Z0-9])h\d+([^a-zA-Z0-9]|$)")


def skip_where_impossible():
    """Ends this test, which CTest then shows as skipped with the reason."""
    check = subprocess.run([DEV, "hosts", "check"], capture_output=True, text=True, check=False)
    if check.returncode != 0:
        print(f"skipped: {check.stdout.strip() or check.stderr.strip()}")
        sys.exit(0)


def clean_environment(**more):
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith(("RONDE_", "OMPI_", "PRTE_", "PMIX_"))}
    return {**environment, **more}


def machine_leftovers():
    """What jobs have put into the machine's own folders instead of their hosts'."""
    return {os.path.join(place, name) for place in ("/dev/shm", "/tmp")
            for name in os.listdir(place) if HOST_NAME.search(name)}


class TestBed:
    """`with TestBed(2) as bed`: hosts h1 and h2, gone with all that runs on them at the end, and
    also where this process is killed."""

    __test__ = False

    def __init__(self, hosts, lifetime_s=600, **options):
        self.name = f"test-{os.getpid()}-{next(NUMBERS)}"
        self.hosts = [f"h{index + 1}" for index in range(hosts)]
        self.arguments = [str(hosts), "--owner", str(os.getpid()), "--lifetime", str(lifetime_s)]
        for option, value in options.items():
            self.arguments += [f"--{option}", str(value)]

    def __enter__(self):
        self.verb("up", *self.arguments)
        return self

    def __exit__(self, *_):
        self.verb("down")

    def command(self, verb, *arguments):
        return [DEV, "hosts", verb, "--name", self.name, *arguments]

    def verb(self, verb, *arguments):
        """Runs ./dev hosts VERB; what it wrote."""
        done = subprocess.run(self.command(verb, *arguments), capture_output=True, text=True,
                              timeout=60, check=False, env=clean_environment())
        if done.returncode != 0:
            raise RuntimeError(f"hosts {verb} {arguments}: {done.stderr.strip()}")
        return done.stdout

    def run(self, *arguments, timeout_s=60, **variables):
        """A job: `arguments` of ./dev hosts run."""
        return subprocess.run(self.command("run", *arguments), capture_output=True, text=True,
                              timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
                              env=clean_environment(**variables))

    def start(self, *arguments, **variables):
        """The same; returns at once."""
        return subprocess.Popen(self.command("run", *arguments), text=True, errors="replace",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=clean_environment(**variables))

    def processes(self):
        """Of all hosts, without what makes them hosts: pid -> (host, command)."""
        with open(f"{BEDS}/{self.name}/id", encoding="utf-8") as file:
            own = file.read().strip()
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/root{BEDS}/{self.name}/own/id", encoding="utf-8") as file:
                    bed, _, host = file.read().strip().partition(" ")
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                    words = file.read().rstrip("\0").split("\0")
            except OSError:
                continue
            if bed == own and words != ["sleep", "infinity"]:
                found[int(pid)] = (host, " ".join(words)[:100])
        return found

    def wait_for_no_processes(self, patience_s):
        """What still runs on the hosts after `patience_s` at most."""
        end = time.monotonic() + patience_s
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.02)
        return left

    def leftovers(self):
        """What jobs left in /dev/shm of the hosts and in their TMPDIR; crashed hosts have none."""
        found = []
        for host in self.hosts:
            done = subprocess.run(
                self.command("exec", host, "sh", "-c",
                             f"find /dev/shm {BEDS}/{self.name}/own/tmp -mindepth 1"),
                capture_output=True, text=True, timeout=60, check=False, env=clean_environment())
            found += [f"{host}:{path}" for path in done.stdout.split()]
        return found
