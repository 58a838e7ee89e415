#!/usr/bin/env python3
"""The study of the time per iteration, with stand-ins for ronderun and ronde-train themselves."""

import contextlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "bench" / "training" / "time_per_iteration.py"
sys.path.insert(0, str(SCRIPT.parent))
import iteration_checks  # noqa: E402
import iteration_plot  # noqa: E402
import iteration_study  # noqa: E402
import time_per_iteration  # noqa: E402
from iteration_study import Configuration  # noqa: E402
from measurement import BenchError  # noqa: E402

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None

# Takes "-np N PROGRAM ARGS".
FAKE_RONDERUN = """#!/bin/sh
export FAKE_RANKS=$2
shift 2
exec "$@"
"""
# An iteration takes 10 ms of compute and 8 ms per average; what is in FAULT goes wrong.
FAKE_TRAIN = """#!{python}
import json, os, sys, time
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with open(os.path.join("{folder}", "started"), "a") as file:
    file.write(words["--algorithm"] + words.get("--local-steps", "") + "\\n")
fault = os.environ.get("FAULT", "")
if fault == "dies":
    sys.exit("ronde-train: the link is down")
if fault == "hangs":
    time.sleep(100)
ranks = int(os.environ["FAKE_RANKS"])
steps = int(words["--limit-train"]) // int(words["--batch-size"]) // ranks
every = int(words.get("--local-steps", 1))
stand_in = words.get("--compute-time-ms")
with open(words["--log-json"], "w") as log:
    print(json.dumps({{"event": "config", "parameters": 100, "version": "0",
                       "compute": f"stand-in {{stand_in}} ms" if stand_in else "real"}}), file=log)
    for epoch in range(1, int(words["--epochs"]) + 1):
        averages = steps // every
        waited = averages * 0.008 if ranks > 1 else 0
        print(json.dumps({{"event": "epoch", "epoch": epoch, "steps": steps,
            "seconds": steps * 0.010 + waited, "seconds_data": steps * 0.001,
            "seconds_forward": steps * 0.003, "seconds_backward": steps * 0.005,
            "seconds_optimizer": steps * 0.001, "seconds_communication": waited,
            "seconds_communication_total": waited, "bytes_on_wire": 0,
            "bytes_communicated": 400 * averages + (fault == "bytes"),
            "synchronizations": averages}}), file=log)
"""
ARGUMENTS = ["--hosts", "1", "--ranks-per-host", "1", "2", "--local-steps", "1", "2", "4",
             "--steps", "8", "--epochs", "1"]
RUNS = 2 * 2 * 4  # kinds of compute, ranks, methods


class ClosedForm(unittest.TestCase):
    def test_minibatch_averages_at_every_step(self):
        run = Configuration(2, 1, "minibatch", 1, True)
        self.assertEqual(iteration_study.synchronizations(run, 3, 10), 10)

    def test_windows_of_local_sgd_cross_epochs(self):
        run = Configuration(2, 1, "local", 4, True)
        self.assertEqual([iteration_study.synchronizations(run, epoch, 6) for epoch in (1, 2, 3)],
                         [1, 2, 1])


class Law(unittest.TestCase):
    def test_finds_a_and_b(self):
        law = iteration_study.fit_law([(h, 5 + 3 / h) for h in (1, 4, 16, 64)])
        self.assertAlmostEqual(law["a"], 5)
        self.assertAlmostEqual(law["b"], 3)
        self.assertAlmostEqual(law["r_squared"], 1)

    def test_times_that_do_not_follow_it_fit_badly(self):
        law = iteration_study.fit_law([(1, 5), (4, 9), (16, 5), (64, 9)])
        self.assertLess(law["r_squared"], 0.95)

    def test_two_points_prove_nothing(self):
        self.assertIsNone(iteration_study.fit_law([(1, 2), (4, 1)])["r_squared"])

    def test_goals_count_between_hosts_only(self):
        law = {"hosts": 1, "ranks_per_host": 2, "r_squared": 0.1}
        self.assertEqual(iteration_checks.check_laws([law]), [])
        self.assertFalse(iteration_checks.check_laws([law | {"hosts": 2}])[0]["reached"])


class Measured(unittest.TestCase):
    def test_the_epoch_with_the_median_time_counts_and_the_first_does_not(self):
        epochs = [{"epoch": number, "steps": 2, "seconds": seconds, "bytes_communicated": 800,
                   "bytes_on_wire": 0, "synchronizations": 2, "seconds_communication_total": 0,
                   **{"seconds_" + part: seconds / 5 for part in iteration_study.PARTS}}
                  for number, seconds in enumerate([90, 1, 3, 50], 1)]
        run = Configuration(2, 1, "minibatch", 1, False)
        figures = iteration_study.measured(run, {"parameters": 100, "compute": "real"}, epochs)
        self.assertEqual(figures["seconds_per_iteration"], 1.5)
        self.assertAlmostEqual(sum(figures["parts_seconds"].values()), 1.5)
        self.assertEqual(figures["bytes_communicated"], figures["bytes_expected"])


class Plan(unittest.TestCase):
    def test_real_compute_comes_first_and_on_one_host_only(self):
        runs = iteration_study.plan([1, 2], [1], [1, 4], real=True, stand_in=True)
        self.assertEqual([run.name for run in runs],
                         ["real-1x1-minibatch-1", "real-1x1-local-1", "real-1x1-local-4",
                          "stand-in-1x1-minibatch-1", "stand-in-1x1-local-1",
                          "stand-in-1x1-local-4", "stand-in-2x1-minibatch-1",
                          "stand-in-2x1-local-1", "stand-in-2x1-local-4"])


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ronde-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.write("ronderun", FAKE_RONDERUN)
        self.write("ronde-train", FAKE_TRAIN.format(python=sys.executable, folder=self.folder))
        self.arguments = [*ARGUMENTS, "--bin-dir", str(self.folder), "--output",
                          str(self.folder / "out")]

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def study(self, *more, fault=""):
        """Exit code and what was said."""
        os.environ["FAULT"] = fault
        self.addCleanup(os.environ.pop, "FAULT", None)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = time_per_iteration.main([*self.arguments, *more])
        return code, said.getvalue()

    def started(self):
        return len((self.folder / "started").read_text(encoding="utf-8").splitlines())

    def result(self):
        return json.loads((self.folder / "out" / "result.json").read_text(encoding="utf-8"))

    def test_table_json_and_figure(self):
        code, said = self.study()
        result = self.result()
        # 8 ms on top of 10: the goal of one host's communication share is missed, nothing else.
        self.assertEqual(code, 1)
        self.assertEqual({check["reached"] for check in result["checks"][:3]}, {True})
        self.assertEqual(len(result["runs"]), RUNS)
        self.assertIn("local H = 4", said)
        self.assertIn("stand-in takes 8 ms", said)
        law = next(law for law in result["laws"] if law["workers"] == 2)
        self.assertAlmostEqual(law["a_seconds"], 0.010)
        self.assertAlmostEqual(law["b_seconds"], 0.008)
        self.assertTrue((self.folder / "out" / "table.txt").exists())
        if HAS_MATPLOTLIB:
            with open(self.folder / "out" / "figure.png", "rb") as file:
                self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")

    def test_finished_runs_are_kept_unless_forced_or_different(self):
        self.study()
        self.assertEqual(self.started(), RUNS)
        _, said = self.study()
        self.assertEqual(self.started(), RUNS)
        self.assertIn("(kept)", said)
        self.study("--width", "8", "--compute", "real")
        self.assertEqual(self.started(), RUNS + RUNS // 2)
        self.study("--force")
        self.assertEqual(self.started(), 2 * RUNS + RUNS // 2)

    def test_a_wrong_number_of_bytes_is_missed_and_named_even_when_quick(self):
        code, said = self.study("--quick", fault="bytes")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"MISSED   bytes .*expected \[3200, 3200\], got \[3201, 3201\]")
        self.assertEqual(self.study("--quick", "--force")[0], 0)

    def test_a_run_that_fails_ends_the_study_with_its_reason(self):
        with self.assertRaisesRegex(BenchError, "exit code 1: ronde-train: the link is down"):
            self.study(fault="dies")

    def test_windows_must_fit_epochs(self):
        with self.assertRaisesRegex(BenchError, "multiple of the largest --local-steps, 4, got 6"):
            self.study("--steps", "6")

    def test_ctrl_c_ends_the_run_and_keeps_what_is_finished(self):
        self.study("--compute", "real", "--ranks-per-host", "1")
        command = [sys.executable, SCRIPT, *self.arguments]
        with subprocess.Popen(command, env=os.environ | {"FAULT": "hangs"}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for line in process.stdout:
                if line.startswith("[ 4/16]"):
                    break
            while self.started() < 5:
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=20)[1]
        self.assertEqual(process.returncode, 130)
        self.assertIn("interrupted", said)
        self.assertEqual(len(list((self.folder / "out" / "runs").glob("*.json"))), 4)


class Figure(unittest.TestCase):
    def test_panels_are_rows_of_ranks_with_real_compute_first(self):
        rows = [{"ranks_per_host": ranks, "hosts": hosts, "compute": compute}
                for ranks in (2, 1) for hosts, compute in
                ((2, "stand-in 8 ms"), (1, "stand-in 8 ms"), (1, "real"))]
        grid = iteration_plot.panels(rows)
        self.assertEqual([[(key[0], key[2], key[3]) for key in line] for line in grid],
                         [[(ranks, 1, "real"), (ranks, 1, "stand-in 8 ms"),
                           (ranks, 2, "stand-in 8 ms")] for ranks in (1, 2)])


if __name__ == "__main__":
    unittest.main()
