#!/usr/bin/env python3
"""ronderun inside jobs of a real Slurm: hosts and slots are found, by mpirun and by srun.

slurm_test.py RONDERUN PROGRAM [SlurmTest|SlurmFullTest]. PROGRAM is collectives_program of
tests/multihost. On two hosts of a test bed where one is permitted, else on this machine.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

import slurm_cluster

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "multihost"))
import test_bed  # noqa: E402

OPTIONS = argparse.Namespace()
# Each rank says which it is, on which host, of how many.
WHO = ('echo "${OMPI_COMM_WORLD_RANK:-$PMIX_RANK} $(hostname -s) '
       '${OMPI_COMM_WORLD_SIZE:-$SLURM_NTASKS}"')


class JobTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        permitted = subprocess.run([test_bed.DEV, "hosts", "check"], capture_output=True,
                                   check=False).returncode == 0
        cls.bed = test_bed.TestBed(2, lifetime_s=170) if permitted else None
        cls.folder = tempfile.TemporaryDirectory(prefix="ronde-slurm-")
        cls.addClassCleanup(cls.folder.cleanup)
        if cls.bed:
            cls.enterClassContext(cls.bed)
        cls.cluster = cls.enterClassContext(slurm_cluster.SlurmCluster(cls.folder.name, cls.bed))

    def setUp(self):
        self.started = time.monotonic()

    def tearDown(self):
        print(f"{self.id().rpartition('.')[2]}: {time.monotonic() - self.started:.1f} s")

    def job(self, size, *arguments, **variables):
        """ronderun in a job of `size` ("--ntasks=3")."""
        return self.cluster.run("salloc", "--quiet", *size, OPTIONS.ronderun, *arguments,
                                **variables)

    def places(self, done):
        """(rank, host) of every rank that said WHO it is."""
        self.assertEqual(done.returncode, 0, done.stderr + self.cluster.logs())
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertTrue(all(len(line) == 3 and int(line[2]) == len(lines) for line in lines), lines)
        return sorted((int(rank), host) for rank, host, _ in lines)

    def expected(self, *hosts):
        """Where three ranks belong; all on one host where there is only one."""
        return [(rank, host if self.bed else self.cluster.hosts[0])
                for rank, host in enumerate(hosts)]

    def size(self):
        return ["--nodes=2", "--ntasks=3"] if self.bed else ["--ntasks=3"]


class SlurmTest(JobTest):
    def test_mpirun_starts_a_rank_for_every_task_of_the_job(self):
        done = self.job(self.size(), "--launcher", "mpirun", "sh", "-c", WHO)
        self.assertEqual(self.places(done), self.expected("h1", "h1", "h2"))

    def test_srun_starts_a_rank_for_every_task_of_the_job(self):
        done = self.job(self.size(), "--launcher", "srun", "sh", "-c", WHO)
        self.assertEqual(self.places(done), self.expected("h1", "h1", "h2"))

    def test_hosts_by_hand_choose_from_the_job(self):
        last = self.cluster.hosts[-1]
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher):
                done = self.job(self.size(), "--launcher", launcher, "-np", "1", "-H", last, "sh",
                                "-c", WHO)
                self.assertEqual(self.places(done), [(0, last)])

    def test_hosts_outside_of_the_job_are_refused(self):
        done = self.job(["--ntasks=1"], "-np", "1", "-H", "elsewhere", "true")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^ronderun: -H: host 'elsewhere' is outside Slurm job \d+, "
                                      r"which has \S+; choose from these, leave -H out to use them "
                                      r"all, or allocate 'elsewhere' too\n$")

    def test_hosts_are_asked_through_slurm(self):
        if not self.bed:
            self.skipTest("one host: there is no other to ask")
        done = self.job(self.size(), "--launcher", "mpirun", self.folder.name + "/none")
        self.assertEqual(done.returncode, 2)
        program = self.only_on_first_host()
        done = self.job(self.size(), "--launcher", "mpirun", program)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn(f"host h2 cannot run it: program '{program}' does not exist", done.stderr)

    def only_on_first_host(self):
        """A program where only the first host sees it: /dev/shm is each host's own."""
        program = "/dev/shm/ronde-slurm-test"
        done = self.cluster.run("cp", "/bin/true", program)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(self.cluster.run, "rm", "-f", program)
        return program


class SlurmFullTest(JobTest):
    def test_collectives_over_its_hosts_are_exact(self):
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher):
                done = self.job(self.size(), "--launcher", launcher, OPTIONS.program, "exact")
                self.assertEqual(done.returncode, 0, done.stderr + self.cluster.logs())
                self.assertEqual(len(re.findall(r"^good \d+$", done.stdout, re.MULTILINE)), 3)

    def test_ranks_may_save_when_the_job_is_stopped(self):
        saves = ('trap "sleep 1; echo saved; exit 143" TERM; touch "$0.$PMIX_RANK"; '
                 'while true; do sleep 0.1; done')
        # Once all ranks are there, their job gets SIGTERM.
        stops = ('ready=$0; "$@" & while [ "$(ls "$ready".* 2>/dev/null | wc -l)" -lt 3 ]; do '
                 'sleep 0.1; done; kill -TERM $!; wait $!')
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher):
                ready = f"{self.folder.name}/{launcher}.ready"
                done = self.cluster.run(
                    "salloc", "--quiet", *self.size(), "sh", "-c", stops, ready, OPTIONS.ronderun,
                    "--launcher", launcher, "sh", "-c", saves, ready)
                self.assertEqual(done.returncode, 143, done.stderr)
                self.assertEqual(done.stdout.split(), ["saved"] * 3, done.stderr)
                self.assertIn("ronderun: interrupted by signal 15 (Terminated)\n", done.stderr)

    def test_a_program_that_fails_ends_the_job_with_its_code(self):
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher):
                done = self.job(self.size(), "--launcher", launcher, "sh", "-c", "exit 7")
                self.assertEqual(done.returncode, 7, done.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ronderun", type=os.path.abspath)
    parser.add_argument("program", type=os.path.abspath)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    reason = slurm_cluster.missing()
    if reason:
        print(f"skipped: {reason}")
        return
    unittest.main(module=__name__, argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
