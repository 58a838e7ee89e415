"""The saved model and the plot, read by Python. Runs with the Python that has torch."""

import importlib.util
import os
import subprocess
import unittest

from trainer_runs import TINY, TrainerTestCase, run, variables

HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


class SavedModel(TrainerTestCase):
    @unittest.skipUnless(HAS_TORCH, "this Python has no torch")
    def test_torch_load_reads_it(self):
        import torch

        path = self.path("model.pt")
        done = run(TINY + ["--epochs", "1", "--save", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        state = torch.load(path, weights_only=True)
        self.assertEqual(tuple(state["conv1.weight"].shape), (4, 3, 3, 3))
        self.assertEqual(tuple(state["layer2.0.downsample.0.weight"].shape), (8, 4, 1, 1))
        self.assertEqual(tuple(state["fc.bias"].shape), (10,))
        self.assertIn("bn1.running_var", state)
        self.assertEqual(state["bn1.num_batches_tracked"].item(), 16)
        self.assertTrue(all(torch.isfinite(tensor).all() for tensor in state.values()))
        self.assertFalse(os.path.exists(path + ".tmp"))

    @unittest.skipUnless(HAS_TORCH, "this Python has no torch")
    def test_weights_are_fp32_whatever_the_precision(self):
        import torch

        for precision in ("fp32", "bf16"):
            path = self.path("model.pt")
            done = run(TINY + ["--epochs", "1", "--save", path, "--precision", precision])
            self.assertEqual(done.returncode, 0, done.stderr)
            state = torch.load(path, weights_only=True)
            kinds = {tensor.dtype for name, tensor in state.items()
                     if not name.endswith("num_batches_tracked")}
            self.assertEqual(kinds, {torch.float32})


class Plot(TrainerTestCase):
    ARGUMENTS = TINY + ["--algorithm", "post-local", "--epochs", "2", "--switch-epoch", "1"]

    @unittest.skipUnless(HAS_MATPLOTLIB, "this Python has no matplotlib")
    def test_is_a_png(self):
        path = self.path("plot.png")
        done = run(self.ARGUMENTS + ["--plot", path])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(path, "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
        self.assertEqual(os.listdir(self.folder), ["plot.png"])

    def test_a_failure_is_a_warning(self):
        from trainer_runs import TRAIN

        done = subprocess.run([TRAIN] + self.ARGUMENTS + ["--plot", self.path("plot.png")],
                              capture_output=True, text=True, timeout=100, check=False,
                              env=variables() | {"RONDE_PYTHON": "/no/such/python"})
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: no plot: /no/such/python", done.stderr)


if __name__ == "__main__":
    unittest.main()
