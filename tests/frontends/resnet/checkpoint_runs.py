"""Runs with checkpoints, and how they are compared."""

import os
import shutil
import subprocess
import time

from trainer_runs import (ALGORITHMS, HAS_MPI, RONDERUN, TRAIN, TrainerTestCase, run, variables)

# ResNet-8 of width 4: 8 steps an epoch on two workers of batch 8, so that windows of 3 cross
# epochs. A local phase from epoch 2 on where there is one.
SMALL = ["--dataset", "synthetic", "--model", "resnet8", "--width", "4", "--batch-size", "8",
         "--limit-train", "130", "--limit-validation", "33", "--warmup-epochs", "1",
         "--reference-lr", "0.5", "--progress", "plain", "--threads", "1", "--epochs", "3"]
RANKS = 2 if HAS_MPI else 0
WAIT_S = 60

FIGURES = ["epoch", "phase", "workers", "steps", "learning_rate", "train_loss", "train_top1",
           "validation_loss", "validation_top1", "validation_top5", "validation_per_class",
           "worker_divergence", "synchronizations", "bytes_communicated"]


def figures(rows):
    return [{key: row[key] for key in FIGURES} for row in rows]


def wait_until(condition, running):
    """Polls while the process runs, for a minute at most."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if running.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


class CheckpointTestCase(TrainerTestCase):
    def flags(self, algorithm, *more):
        return SMALL + ["--algorithm", algorithm] + ALGORITHMS[algorithm] + list(more)

    def checkpoints(self, folder):
        """Names, oldest first."""
        if not os.path.isdir(folder):
            return []
        return sorted(name for name in os.listdir(folder) if name.startswith("step-"))

    def newest(self, folder):
        return os.path.join(folder, self.checkpoints(folder)[-1])

    def state(self, folder):
        """The bytes of all tensor files of the newest checkpoint: every worker's whole state."""
        newest = self.newest(folder)
        contents = {"name": os.path.basename(newest)}
        for name in sorted(os.listdir(newest)):
            if name.endswith(".safetensors"):
                with open(os.path.join(newest, name), "rb") as file:
                    contents[name] = file.read()
        return contents

    def check_same_state(self, folder, expected):
        found = self.state(folder)
        self.assertEqual(set(found), set(expected))
        for name, contents in expected.items():
            self.assertTrue(found[name] == contents, f"{name} differs")

    def keep_until(self, source, step, name):
        """A copy of a folder of checkpoints without those after `step`."""
        folder = self.path(name)
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        kept = f"step-{step:09d}"
        shutil.copytree(os.path.join(source, kept), os.path.join(folder, kept))
        return folder

    def start(self, arguments, ranks=RANKS):
        """Starts a run; the caller ends it."""
        command = [TRAIN] + arguments
        if ranks:
            command = [RONDERUN, "-np", str(ranks)] + command
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True, env=variables())
        self.addCleanup(self.end, running)
        return running

    def end(self, running):
        if running.poll() is None:
            running.kill()
            running.wait()
        running.stderr.close()

    def rank_pids(self, folder):
        """The processes of the run that writes its checkpoints to `folder`."""
        pids = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if os.path.basename(words[0]) == os.path.basename(TRAIN) and folder in words:
                pids.append(int(pid))
        return sorted(pids)


__all__ = ["CheckpointTestCase", "FIGURES", "RANKS", "SMALL", "WAIT_S", "figures", "run",
           "wait_until"]
