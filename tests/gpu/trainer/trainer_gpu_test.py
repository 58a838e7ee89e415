"""Training on a GPU learns what training on the CPU learns, with 1 and 2 ranks on one device."""

import os
import signal
import subprocess
import unittest

from trainer_runs import (ALGORITHMS, HAS_MPI, RONDERUN, TINY, TRAIN, TrainerTestCase, run,
                          variables)

RANKS = [0, 2] if HAS_MPI else [0]  # 0: the program bare
# Sums are in another order on a GPU: after some twenty steps losses agree to a few per mille.
RELATIVE = 0.02
SHORT = TINY + ["--reference-lr", "0.1", "--epochs", "2", "--momentum-form", "torch"]


def why_no_gpu():
    """What ronde-train says where it cannot use a GPU; None where it can."""
    done = run(TINY + ["--device", "cuda", "--epochs", "1", "--limit-train", "16"], timeout=300)
    return None if done.returncode == 0 else done.stderr.strip()


WHY_NO_GPU = why_no_gpu()


@unittest.skipIf(WHY_NO_GPU, f"no GPU to train on: {WHY_NO_GPU}")
class OnTheGpu(TrainerTestCase):

    def losses(self, arguments, ranks):
        _, epochs = self.train(arguments, ranks, timeout=300)
        return epochs, [(e["train_loss"], e["validation_loss"]) for e in epochs]

    def check_alike(self, arguments, ranks, relative=RELATIVE):
        _, on_cpu = self.losses(arguments, ranks)
        epochs, on_gpu = self.losses(arguments + ["--device", "cuda"], ranks)
        for expected, got in zip(on_cpu, on_gpu):
            for a, b in zip(expected, got):
                self.assertAlmostEqual(a, b, delta=relative * a)
        for epoch in epochs:
            parts = sum(epoch["seconds_" + part] for part in
                        ("data", "forward", "backward", "optimizer", "communication"))
            self.assertGreaterEqual(parts, 0.98 * epoch["seconds"])

    def test_every_algorithm_follows_the_cpu(self):
        for algorithm, flags in ALGORITHMS.items():
            for ranks in RANKS:
                with self.subTest(algorithm=algorithm, ranks=ranks):
                    self.check_alike(SHORT + ["--algorithm", algorithm] + flags, ranks)

    def test_momentum_policies_and_other_optimizers_follow_the_cpu(self):
        local = ["--algorithm", "local", "--local-steps", "3"]
        for flags in (local + ["--momentum-at-average", "reset"],
                      local + ["--momentum-at-average", "average"],
                      ["--weight-decay-bn", "off"], ["--grad-clip-norm", "0.5"],
                      ["--momentum-form", "classic"], ["--accumulation-steps", "2"],
                      ["--bn-at-evaluation", "recalibrate"], ["--workers", "4"]):
            with self.subTest(flags=flags):
                self.check_alike(SHORT + flags, RANKS[-1])

    def test_bf16_follows_fp32(self):
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                self.check_alike(SHORT + ["--precision", "bf16"], ranks, relative=0.1)

    def test_goes_on_from_a_checkpoint_on_either_device(self):
        whole = SHORT + ["--device", "cuda", "--deterministic"]
        _, expected = self.losses(whole, 0)
        first = SHORT + ["--deterministic", "--checkpoint-dir", self.path("run"),
                         "--checkpoint-every", "7", "--device", "cuda"]
        command = [TRAIN] + first + ["--log-json", self.path("first.jsonl")]
        with subprocess.Popen(command, env=variables(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            while not os.path.isdir(self.path("run")) and process.poll() is None:
                pass
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=300)
        for device in ("cuda", "cpu"):
            with self.subTest(device=device):
                _, got = self.losses(SHORT + ["--deterministic", "--checkpoint-dir",
                                              self.path("run"), "--resume", "auto",
                                              "--device", device], 0)
                for a, b in zip(expected[-1], got[-1]):
                    self.assertAlmostEqual(a, b, delta=RELATIVE * a)

    def test_a_loss_that_is_not_finite_ends_the_run_in_its_step(self):
        for ranks in RANKS:
            for algorithm, flags in (("minibatch", []), ("local", ["--local-steps", "3"])):
                with self.subTest(ranks=ranks, algorithm=algorithm):
                    done = run(TINY + ["--epochs", "2", "--device", "cuda", "--reference-lr",
                                       "1e30", "--algorithm", algorithm] + flags, ranks, 300)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn("the training loss of worker", done.stderr)

    @unittest.skipUnless(HAS_MPI, "built without MPI")
    def test_ranks_that_share_a_gpu_are_told(self):
        command = [RONDERUN, "-np", "2", TRAIN] + SHORT + ["--device", "cuda"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                              env={**variables(), "CUDA_VISIBLE_DEVICES": "0"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 ranks of this host share 1 GPU", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)  # the reason of a skip is said
