#!/usr/bin/env python3
"""Jobs over several hosts: who is told apart, what is exact, and that nothing is left behind.

hosts_test.py RONDERUN INFO PROGRAM [TRAIN]. PROGRAM is collectives_program.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

import test_bed

OPTIONS = argparse.Namespace()
PLACE = re.compile(r"rank (\d+) on (\S+): local (\d+) of (\d+), cross (\d+) of (\d+)")


class HostsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.before = test_bed.machine_leftovers()
        cls.bed = test_bed.TestBed(3, lifetime_s=300)
        cls.bed.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.bed.__exit__()

    def setUp(self):
        self.started = time.monotonic()

    def tearDown(self):
        print(f"{self.id().rpartition('.')[2]}: {time.monotonic() - self.started:.1f} s")
        self.assertEqual(self.bed.wait_for_no_processes(3), {})
        self.assertEqual(self.bed.leftovers(), [])
        self.assertEqual(test_bed.machine_leftovers() - self.before, set())

    def run_program(self, hosts, mode, **variables):
        """Runs `mode` with a rank for each slot; the places of the ranks."""
        ranks = sum(int(entry.partition(":")[2]) for entry in hosts.split(","))
        done = self.bed.run("--ronderun", OPTIONS.ronderun, "-np", str(ranks), "--hosts", hosts,
                            OPTIONS.program, mode, **variables)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(re.findall(r"^good \d+$", done.stdout, re.MULTILINE)), ranks)
        return sorted((int(rank), host, int(local), int(local_size), int(cross), int(cross_size))
                      for rank, host, local, local_size, cross, cross_size
                      in PLACE.findall(done.stdout))

    def test_hosts_have_names_of_their_own(self):
        for host in ("h1", "h2"):
            command = self.bed.command("exec", host, OPTIONS.info, "--json")
            done = subprocess.run(command, capture_output=True, text=True, check=True,
                                  env=test_bed.clean_environment())
            self.assertEqual(json.loads(done.stdout)["topology"]["host_name"], host)

    def test_two_even_hosts_are_exact(self):
        places = self.run_program("h1:2,h2:2", "exact")
        self.assertEqual(places, [(0, "h1", 0, 2, 0, 2), (1, "h1", 1, 2, 0, 2),
                                  (2, "h2", 0, 2, 1, 2), (3, "h2", 1, 2, 1, 2)])

    def test_three_uneven_hosts_are_exact(self):
        places = self.run_program("h1:2,h2:1,h3:1", "exact")
        self.assertEqual(places, [(0, "h1", 0, 2, 0, 3), (1, "h1", 1, 2, 0, 1),
                                  (2, "h2", 0, 1, 1, 3), (3, "h3", 0, 1, 2, 3)])

    def test_compressed_averages_have_the_same_bits_everywhere(self):
        self.run_program("h1:1,h2:1,h3:1", "same-bits", RONDE_WIRE_COMPRESSION="int8")

    def test_training_over_two_hosts(self):
        if not OPTIONS.train:
            self.skipTest("built without ronde-train")
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log.json")
            done = self.bed.run(
                "--ronderun", OPTIONS.ronderun, "-np", "2", "--hosts", "h1:1,h2:1", OPTIONS.train,
                "--dataset", "synthetic", "--model", "resnet8", "--width", "4", "--batch-size", "8",
                "--limit-train", "64", "--limit-validation", "16", "--epochs", "2", "--threads",
                "1", "--warmup-epochs", "0", "--algorithm", "local", "--local-steps", "2",
                "--progress", "off", "--log-json", log)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(log, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
        epochs = [row for row in rows if row["event"] == "epoch"]
        self.assertEqual([row["synchronizations"] for row in epochs], [2, 2])
        self.assertEqual([row["workers"] for row in epochs], [2, 2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ronderun")
    parser.add_argument("info")
    parser.add_argument("program")
    parser.add_argument("train", nargs="?", default="")
    parser.parse_known_args(namespace=OPTIONS)
    test_bed.skip_where_impossible()
    own = [argument for argument in sys.argv[5 if OPTIONS.train else 4:]]
    unittest.main(argv=[sys.argv[0], *own])


if __name__ == "__main__":
    main()
