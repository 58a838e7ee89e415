"""Checkpoints from end to end: a run that is stopped anywhere and resumed is the same run."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import unittest

from checkpoint_runs import RANKS, SMALL, WAIT_S, CheckpointTestCase, figures, run, wait_until
from trainer_runs import ALGORITHMS, HAS_MPI, TRAIN, variables


class Resume(CheckpointTestCase):
    def check_any_step(self, flags, steps, ranks=RANKS, resumed_on=None):
        """Resumed after each of `steps`, the run ends as the uninterrupted one."""
        whole = self.path("whole")
        _, rows = self.train(flags + ["--checkpoint-dir", whole, "--checkpoint-every", "1",
                                      "--keep-last", "100"], ranks)
        expected = self.state(whole)
        for step in steps:
            for count in resumed_on or [ranks]:
                with self.subTest(flags=flags, step=step, ranks=count):
                    folder = self.keep_until(whole, step, "resumed")
                    _, again = self.train(
                        flags + ["--checkpoint-dir", folder, "--resume", "auto"], count)
                    self.assertIn(f"resuming from {folder}/step-{step:09d}", self.output)
                    self.assertEqual(figures(again), figures(rows))
                    done = step // 8
                    self.assertEqual(again[:done], rows[:done])  # times, too
                    self.check_same_state(folder, expected)
        shutil.rmtree(whole)

    def test_at_any_step_equals_the_uninterrupted_run(self):
        steps = list(range(1, 24))
        chosen = random.Random(1)
        for algorithm in ALGORITHMS:
            # One in the first epoch, one in mid-window in the second or third.
            mid_window = [step for step in steps if step > 8 and step % 3 and (step - 8) % 3]
            self.check_any_step(self.flags(algorithm),
                                [chosen.choice(steps[:8]), chosen.choice(mid_window)])

    def test_in_the_classic_form_of_momentum(self):
        self.check_any_step(self.flags("post-local", "--momentum-form", "classic",
                                       "--weight-decay-bn", "off"), [11])

    @unittest.skipUnless(HAS_MPI, "one rank only")
    def test_on_another_number_of_ranks(self):
        flags = self.flags("slowmo", "--workers", "4", "--batch-size", "4", "--deterministic")
        self.check_any_step(flags, [12], ranks=2, resumed_on=[0, 4])

    def test_a_finished_run_may_go_on_for_more_epochs(self):
        flags = self.flags("minibatch")
        whole = self.path("whole")
        _, rows = self.train(flags + ["--checkpoint-dir", whole], RANKS)
        part = self.path("part")
        self.train(flags + ["--epochs", "2", "--checkpoint-dir", part], RANKS)
        resume = ["--checkpoint-dir", part, "--resume", "auto"]
        _, again = self.train(flags + resume, RANKS)
        self.assertEqual(figures(again), figures(rows))
        self.check_same_state(part, self.state(whole))
        self.train(flags + resume, RANKS)  # nothing is left to do
        self.check_same_state(part, self.state(whole))

    def test_checkpoints_change_nothing_that_is_logged(self):
        for algorithm in ("minibatch", "slowmo"):
            flags = self.flags(algorithm)
            _, plain = self.train(flags, RANKS)
            _, saved = self.train(flags + ["--checkpoint-dir", self.path(algorithm),
                                           "--checkpoint-every", "2"], RANKS)
            self.assertEqual(figures(saved), figures(plain))
            for row in saved:
                parts = sum(row["seconds_" + part] for part in
                            ("data", "forward", "backward", "optimizer", "communication"))
                self.assertAlmostEqual(parts, row["seconds"], delta=0.02 * row["seconds"])

    def test_keeps_as_many_as_asked(self):
        folder = self.path("checkpoints")
        self.train(SMALL + ["--checkpoint-dir", folder, "--checkpoint-every", "5"])
        self.assertEqual(self.checkpoints(folder), ["step-000000045", "step-000000048"])
        self.assertEqual(len(os.listdir(folder)), 2)


class Damage(CheckpointTestCase):
    def setUp(self):
        super().setUp()
        self.whole = self.path("whole")
        self.arguments = self.flags("slowmo")
        self.train(self.arguments + ["--checkpoint-dir", self.whole, "--checkpoint-every", "4",
                                     "--keep-last", "100"], RANKS)
        self.expected = self.state(self.whole)

    def damaged(self, name, change):
        """A folder with the checkpoints of steps 8 and 12, the second with `change` to `name`."""
        folder = self.keep_until(self.whole, 12, "damaged")
        shutil.copytree(os.path.join(self.whole, "step-000000008"),
                        os.path.join(folder, "step-000000008"))
        path = os.path.join(folder, "step-000000012", name)
        with open(path, "rb") as file:
            contents = bytearray(file.read())
        change(contents)
        with open(path, "wb") as file:
            file.write(contents)
        return folder

    @staticmethod
    def flip(contents):
        contents[len(contents) // 2] ^= 1

    @staticmethod
    def truncate(contents):
        del contents[len(contents) * 2 // 3:]

    def test_is_said_and_the_checkpoint_before_is_used(self):
        last_worker = f"worker-{max(RANKS, 1) - 1:04d}.safetensors"
        for name, change in ((last_worker, self.flip), ("shared.safetensors", self.truncate),
                             ("manifest.json", self.flip)):
            with self.subTest(name=name):
                folder = self.damaged(name, change)
                self.train(self.arguments + ["--checkpoint-dir", folder, "--resume", "auto"], RANKS)
                said = [line for line in self.errors.splitlines() if "warning" in line]
                self.assertEqual(len(said), 1, self.errors)
                self.assertIn(f"step-000000012/{name}", said[0])
                self.assertIn("step-000000008", self.output)
                self.check_same_state(folder, self.expected)

    def test_of_the_named_checkpoint_is_refused(self):
        folder = self.damaged("worker-0000.safetensors", self.truncate)
        path = os.path.join(folder, "step-000000012")
        self.check_refused(self.arguments + ["--resume", path], "worker-0000.safetensors",
                           "truncated", worker_counts=[RANKS])


class BadInput(CheckpointTestCase):
    def test_flags(self):
        for flags, texts in (
                (["--keep-last", "3"], ["--keep-last has no meaning", "--checkpoint-dir"]),
                (["--checkpoint-every", "3"], ["--checkpoint-every has no meaning"]),
                (["--resume", "auto"], ["--resume auto", "--checkpoint-dir"]),
                (["--checkpoint-dir", "d", "--keep-last", "0"], ["--keep-last", "'0'"])):
            self.check_refused(SMALL + flags, *texts, worker_counts=[0])

    def test_a_folder_that_cannot_be_written(self):
        self.check_refused(SMALL + ["--checkpoint-dir", "/proc/none"], "--checkpoint-dir",
                           "/proc/none")

    def test_a_path_that_is_none(self):
        self.check_refused(SMALL + ["--resume", "/no/such/place"], "/no/such/place")

    def test_a_folder_in_use_and_other_options(self):
        folder = self.path("checkpoints")
        log = self.path("log.jsonl")
        self.train(self.flags("minibatch", "--epochs", "1", "--checkpoint-dir", folder), RANKS)
        with open(log, encoding="utf-8") as file:
            written = file.read()
        flags = SMALL + ["--checkpoint-dir", folder, "--log-json", log]
        self.check_refused(flags, folder, "--resume auto", worker_counts=[RANKS])
        self.check_refused(flags + ["--resume", "auto", "--batch-size", "4"], "--batch-size 8",
                           "--batch-size 4", worker_counts=[RANKS])
        with open(log, encoding="utf-8") as file:
            self.assertEqual(file.read(), written)


class FullDisk(CheckpointTestCase):
    def test_is_a_warning_and_training_goes_on(self):
        folder = self.path("checkpoints")
        limit = 20000  # bytes in a file: a worker's has 50 KB

        def limit_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run([TRAIN] + SMALL + ["--checkpoint-dir", folder, "--log-json",
                                                 self.path("log.jsonl")],
                              capture_output=True, text=True, timeout=100, check=False,
                              env=variables(), preexec_fn=limit_files)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = done.stderr.splitlines()
        self.assertEqual(len(said), 3, done.stderr)  # one per epoch
        for line in said:
            self.assertRegex(line, "warning: no checkpoint of step [0-9]+: .*worker-0000.*"
                                   "cannot be written")
        self.assertEqual(os.listdir(folder), [])


class Signals(CheckpointTestCase):
    def check_stops_and_resumes(self, number, name, code, ranks):
        flags = self.flags("post-local", "--epochs", "6")
        whole = self.path("whole")
        _, rows = self.train(flags + ["--checkpoint-dir", whole], ranks)
        folder = self.path("stopped")
        log = self.path("stopped.jsonl")
        flags += ["--checkpoint-dir", folder, "--log-json", log]
        running = self.start(flags, ranks)
        self.assertTrue(wait_until(lambda: self.checkpoints(folder), running), "no checkpoint")
        running.send_signal(number)
        errors = running.communicate(timeout=WAIT_S)[1]
        self.assertEqual(running.returncode, code, errors)
        said = [line for line in errors.splitlines() if line.startswith("ronde-train:")]
        self.assertEqual(len(said), 1, errors)
        self.assertRegex(said[0], rf"stopped by {name} at step \d+; checkpoint in {folder}/step-\d+"
                                  "; go on with --resume auto")
        self.assertNotIn("exited with code", errors)
        self.assertNotIn("killed", errors)
        with open(log, encoding="utf-8") as file:
            self.assertGreater(len([json.loads(line) for line in file]), 1)

        _, again = self.train(flags + ["--resume", "auto"], ranks)
        self.assertEqual(figures(again), figures(rows))
        self.check_same_state(folder, self.state(whole))
        for path in (whole, folder):
            shutil.rmtree(path)

    def test_sigterm_and_sigint_save_and_stop(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(signal=number, ranks="bare"):
                self.check_stops_and_resumes(number, number.name, code, 0)

    @unittest.skipUnless(HAS_MPI, "one rank only")
    def test_to_one_rank_stops_all(self):
        folder = self.path("stopped")
        running = self.start(self.flags("local", "--epochs", "1000", "--checkpoint-dir", folder))
        self.assertTrue(wait_until(lambda: self.checkpoints(folder), running), "no checkpoint")
        os.kill(self.rank_pids(folder)[-1], signal.SIGTERM)
        errors = running.communicate(timeout=WAIT_S)[1]
        self.assertEqual(running.returncode, 143, errors)
        said = [line for line in errors.splitlines() if line.startswith("ronde-train:")]
        self.assertEqual(len(said), 1, errors)
        self.assertIn("stopped by SIGTERM", said[0])

    @unittest.skipUnless(HAS_MPI, "one rank only")
    def test_through_ronderun(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(signal=number, ranks=RANKS):
                self.check_stops_and_resumes(number, "SIG[A-Z]+", code, RANKS)


if __name__ == "__main__":
    unittest.main()
