#!/usr/bin/env python3
"""What ronderun finds out about other hosts before it starts a job there, and what it then says.

preflight_test.py RONDERUN
"""

import argparse
import os
import subprocess
import sys
import time
import unittest

import test_bed

OPTIONS = argparse.Namespace()


class PreflightTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = test_bed.TestBed(3, lifetime_s=100, **{"shm-size": "8m"})
        cls.enterClassContext(cls.bed)

    def setUp(self):
        self.started = time.monotonic()

    def tearDown(self):
        print(f"{self.id().rpartition('.')[2]}: {time.monotonic() - self.started:.1f} s")
        self.assertEqual(self.bed.wait_for_no_processes(3), {})

    def on(self, host, *command):
        done = subprocess.run(self.bed.command("exec", host, *command), capture_output=True,
                              text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                              env=test_bed.clean_environment())
        return done

    def run_from_h1(self, *arguments):
        """ronderun as a user would call it: nothing but the agent is set."""
        agent = os.path.join(test_bed.BEDS, self.bed.name, "agent")
        return self.on("h1", "env", f"OMPI_MCA_plm_rsh_agent={agent}", OPTIONS.ronderun, *arguments)

    def assert_refused(self, done, *parts):
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_good_hosts_start_over_the_network_that_connects_them(self):
        # As Docker makes them: the same address on every host, so no way from one to another.
        for host in ("h1", "h2"):
            for command in ("link add docker0 type veth peer name port", "link set port up",
                            "address add 172.17.0.1/16 dev docker0", "link set docker0 up"):
                self.assertEqual(self.on(host, "ip", *command.split()).stderr, "")
            self.addCleanup(self.on, host, "ip", "link", "delete", "docker0")
        done = self.run_from_h1("--verbose", "-np", "2", "-H", "h1:1,h2:1", "hostname")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(done.stdout.split()), ["h1", "h2"])
        self.assertIn("network: 10.77.0.0/24", done.stderr)
        self.assertIn("--mca btl_tcp_if_include eth0 ", done.stderr)

    def test_a_program_that_a_host_lacks(self):
        program = "/dev/shm/only-on-h1"  # every host has a /dev/shm of its own
        self.on("h1", "cp", "/bin/true", program)
        self.addCleanup(self.on, "h1", "rm", program)
        done = self.run_from_h1("-np", "3", "-H", "h1:1,h2:1,h3:1", program)
        self.assert_refused(done, "ronderun: each of hosts h2, h3 cannot run it: program "
                                  f"'{program}' does not exist; copy it to the same path there")

    def test_shared_memory_that_is_too_small(self):
        ranks = "-np", "10", "-H", "h1:1,h2:9"
        self.assert_refused(self.run_from_h1(*ranks, "true"),
                            "ronderun: host h2 has 8 MiB free in /dev/shm, and Open MPI's shared "
                            "memory wants 13 MiB for 9 ranks; ")
        self.assertEqual(self.run_from_h1("--no-preflight", *ranks, "true").returncode, 0)

    def test_an_interface_that_a_host_lacks(self):
        done = self.run_from_h1("-np", "2", "-H", "h1:1,h2:1", "--network-interface", "ib0", "true")
        self.assert_refused(done, "--network-interface ib0: host 'h1' has no such interface that "
                                  "is up and has an address; it has eth0 10.77.0.1/24; ")

    def test_hosts_that_no_network_connects(self):
        self.bed.verb("link", "h3", "down")
        self.addCleanup(self.bed.verb, "link", "h3", "up")
        done = self.run_from_h1("-np", "2", "-H", "h1:1,h3:1", "true")
        self.assert_refused(done, "no network connects all hosts: h1 has eth0 10.77.0.1/24; h3 has "
                                  "eth0 10.77.0.3/24 (down); ")

    def test_z_a_host_that_is_gone(self):  # the last: it does not come back
        self.bed.verb("crash", "h3")
        done = self.run_from_h1("-np", "2", "-H", "h1:1,h3:1", "true")
        self.assert_refused(done, "ronderun: host h3 cannot be reached: agent says 'ssh: connect "
                                  "to host h3: No route to host'; start the host")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ronderun", type=os.path.abspath)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    test_bed.skip_where_impossible()
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
