"""Runs ronde-train for the end-to-end tests. Paths come from the environment, set by CTest."""

import json
import os
import subprocess
import tempfile
import unittest

TRAIN = os.environ["RONDE_TEST_TRAIN"]
RONDERUN = os.environ["RONDE_TEST_RONDERUN"]
HAS_MPI = os.environ["RONDE_TEST_HAS_MPI"] == "1"
WORKER_COUNTS = [0, 2] if HAS_MPI else [0]  # 0: the program bare, without ronderun

# ResNet-8 of width 4 on 130 + 33 images: an epoch takes a fraction of a second.
TINY = ["--dataset", "synthetic", "--model", "resnet8", "--width", "4", "--batch-size", "8",
        "--limit-train", "130", "--limit-validation", "33", "--warmup-epochs", "1",
        "--reference-lr", "0.5", "--progress", "plain", "--threads", "1"]
TINY_TRAIN = 130
TINY_BATCH = 8
TINY_PARAMETERS = 5214

ALGORITHMS = {
    "minibatch": [],
    "local": ["--local-steps", "3"],
    "post-local": ["--switch-epoch", "1", "--local-steps", "3"],
    "slowmo": ["--switch-epoch", "1", "--local-steps", "3"],
}


def variables():
    """The environment without what CTest sets for these scripts."""
    return {k: v for k, v in os.environ.items() if not k.startswith("RONDE_TEST_")}


def run(arguments, workers=0, timeout=100):
    """`workers` 0 starts the program bare, otherwise through ronderun."""
    command = [TRAIN] + arguments
    if workers:
        command = [RONDERUN, "-np", str(workers)] + command
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=variables(),
                          check=False)


class TrainerTestCase(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ronde-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def train(self, arguments, workers=0, timeout=100):
        """Runs to success; returns the log's config and epoch objects."""
        log = self.path("log.jsonl")
        done = run(arguments + ["--log-json", log], workers, timeout)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.output = done.stdout
        self.errors = done.stderr
        with open(log, encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        self.assertEqual(events[0]["event"], "config")
        return events[0], events[1:]

    def check_refused(self, arguments, *texts, worker_counts=None):
        """One line with `texts`, exit code 2, and nothing else."""
        for count in worker_counts or WORKER_COUNTS:
            with self.subTest(arguments=arguments, workers=count):
                done = run(arguments, count, timeout=30)
                lines = [line for line in done.stderr.splitlines()
                         if not line.startswith("ronderun:")]
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(len(lines), 1, done.stderr)
                self.assertEqual(done.stdout, "")
                for text in texts:
                    self.assertIn(text, lines[0])

    def trained_weights(self, arguments, workers=0):
        """The bytes of the saved model."""
        path = self.path("model.pt")
        done = run(arguments + ["--save", path], workers)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, "rb") as file:
            return file.read()
