"""Bad input to ronde-train: one line that names the thing, exit code 2, no hang."""

import gzip
import json
import os
import shutil
import signal
import struct
import subprocess
import time
import unittest
import unittest.mock

from trainer_runs import RONDERUN, TINY, TRAIN, WORKER_COUNTS, TrainerTestCase, run, variables


def idx(magic, dimensions, values):
    return gzip.compress(struct.pack(">I", magic) + b"".join(struct.pack(">I", d)
                                                             for d in dimensions) + values)


class BadInput(TrainerTestCase):
    def test_flags(self):
        self.check_refused(["--algorithm", "local", "--local-steps", "0"], "--local-steps", "'0'")
        self.check_refused(["--algorithm", "post-local", "--epochs", "2", "--switch-epoch", "3"],
                           "--switch-epoch", "--epochs 2")
        for arguments, texts in (
                (["--local-steps", "4"], ["--local-steps has no meaning for --algorithm minibatch"]),
                (["--algorithm", "adam"], ["--algorithm", "adam"]),
                (["--no-such-flag"], ["--no-such-flag"])):
            self.check_refused(arguments, *texts, worker_counts=[0])

    def test_output_folders_before_training(self):
        for flag in ("--save", "--log-json", "--plot"):
            self.check_refused(TINY + [flag, "/no/such/folder/file"], flag, "/no/such/folder")

    def test_too_few_images(self):
        self.check_refused(["--dataset", "synthetic", "--limit-train", "10"], "--batch-size", "10")


class BadData(BadInput):
    def setUp(self):
        super().setUp()
        for prefix in ("train", "t10k"):
            self.write(f"{prefix}-images-idx3-ubyte.gz", idx(0x803, [64, 28, 28], bytes(64 * 784)))
            self.write(f"{prefix}-labels-idx1-ubyte.gz", idx(0x801, [64], bytes(64)))
        self.arguments = ["--model", "resnet8", "--width", "2", "--epochs", "1", "--data-dir",
                          self.folder]

    def write(self, name, contents):
        with open(self.path(name), "wb") as file:
            file.write(contents)

    def test_missing_file(self):
        os.remove(self.path("t10k-labels-idx1-ubyte.gz"))
        self.check_refused(self.arguments, "t10k-labels-idx1-ubyte", "--data-dir")

    def test_missing_folder(self):
        shutil.rmtree(self.folder)
        os.mkdir(self.folder)
        self.check_refused(self.arguments, "train-images-idx3-ubyte")

    def test_truncated_file(self):
        name = "train-images-idx3-ubyte.gz"
        self.write(name, idx(0x803, [64, 28, 28], bytes(1000)))
        self.check_refused(self.arguments, name, "truncated")

    def test_wrong_magic(self):
        name = "train-labels-idx1-ubyte.gz"
        self.write(name, idx(0x1234, [64], bytes(64)))
        self.check_refused(self.arguments, name, "magic", "0x00001234")

    def test_label_out_of_range(self):
        name = "t10k-labels-idx1-ubyte.gz"
        self.write(name, idx(0x801, [64], bytes(63) + b"\x0a"))
        self.check_refused(self.arguments, name, "label 10")


class MissingGpu(TrainerTestCase):
    def test_a_gpu_that_is_not_there_is_refused_on_all_ranks_in_one_line(self):
        with unittest.mock.patch.dict(os.environ, {"CUDA_VISIBLE_DEVICES": ""}):
            self.check_refused(TINY + ["--device", "cuda"], "--device cuda: ", "--device cpu")


class Failures(TrainerTestCase):
    def test_a_loss_that_is_not_finite_is_one_line_that_names_step_worker_and_tensor(self):
        for algorithm in ("minibatch", "local"):
            for count in WORKER_COUNTS:
                with self.subTest(algorithm=algorithm, workers=count):
                    done = run(TINY + ["--algorithm", algorithm, "--epochs", "3",
                                       "--reference-lr", "1e30"], count, timeout=60)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    said = [line for line in done.stderr.splitlines()
                            if not line.startswith("ronderun: note:")]
                    self.assertEqual(len(said), 1, done.stderr)
                    self.assertRegex(said[0], r"rank (\d+)( \(host .*\))?: step \d+: the "
                                     r"training loss of worker \1 is .*"
                                     r"\b(parameter|buffer) '[\w.]+' is not finite")

    def interrupted(self, signal_number, workers):
        """Signals a long run once it has logged an epoch; returns its exit code."""
        log = self.path("log.jsonl")
        command = [TRAIN] + TINY + ["--epochs", "100000", "--log-json", log, "--progress", "off"]
        if workers:
            command = [RONDERUN, "-np", str(workers)] + command
        with subprocess.Popen(command, env=variables(), stderr=subprocess.DEVNULL) as running:
            self.addCleanup(running.kill)
            while not os.path.exists(log) or os.path.getsize(log) < 3000:
                self.assertIsNone(running.poll())
                time.sleep(0.05)
            running.send_signal(signal_number)
            return running.wait(timeout=20)

    def test_signals_end_the_run_and_leave_whole_lines(self):
        for count in WORKER_COUNTS:
            for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
                with self.subTest(signal=number, workers=count):
                    self.assertEqual(self.interrupted(number, count), code)
                    with open(self.path("log.jsonl"), encoding="utf-8") as file:
                        self.assertGreater(len([json.loads(line) for line in file]), 1)
                    os.remove(self.path("log.jsonl"))


if __name__ == "__main__":
    unittest.main()
