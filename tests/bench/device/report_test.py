"""report.py and foreach_sgd.py without a GPU: invented figures, and none."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bench" / "device"))
import foreach_sgd  # noqa: E402
import report  # noqa: E402


def kernel(name, percent, **others):
    row = {"kernel": name, "variant": "some", "dtype": "float32", "device_name": "a GPU",
           "bytes_moved": 1, "launches": 1, "time_us": 100.0, "bound_us": percent, "gbs": 1.0,
           "bound_percent": percent, "goal_percent": 85, "most_launches": None, "wrong": 0}
    return {**row, **others}


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, rows):
        (self.path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    def test_says_that_nothing_was_measured(self):
        text, good = report.report(self.path)
        self.assertTrue(good)
        self.assertIn("no GPU was at hand", text)
        self.assertEqual(text.count("| not measured | - |"), 5)

    def test_the_least_of_the_kernels_counts(self):
        self.write("kernels.jsonl", [kernel("pack", 93, most_launches=3),
                                     kernel("unpack", 91, most_launches=3), kernel("reduce", 84.0),
                                     kernel("reduce", 99)])
        text, good = report.report(self.path)
        self.assertFalse(good)
        self.assertIn("91% at least (unpack, some), 1 launch | yes |", text)
        self.assertIn("84% at least (reduce, some) | **no** |", text)

    def test_launches_and_wrong_elements_count_too(self):
        self.write("kernels.jsonl", [kernel("pack", 93, most_launches=3, launches=4)])
        self.assertIn("4 launches | **no** |", report.report(self.path)[0])
        self.write("kernels.jsonl", [kernel("reduce", 93, wrong=2)])
        self.assertFalse(report.report(self.path)[1])

    def test_the_optimizer_is_compared_with_the_best_of_foreach(self):
        self.write("kernels.jsonl", [kernel("nesterov", 90), kernel("slowmo", 90),
                                     kernel("both", 90, time_us=200.0)])
        self.write("torch_sgd.jsonl", [
            {"way": way, "layout": "flat", "tensors": 1, "elements": 1, "torch": "2",
             "device_name": "a GPU", "time_us": us}
            for way, us in (("foreach", 300.0), ("foreach", 260.0), ("fused", 100.0))])
        text, good = report.report(self.path)
        self.assertTrue(good)
        self.assertIn("both 1.30x, nesterov 2.60x (torch's best: 260 us) | yes |", text)

    def test_rows_of_collectives_are_shown_beside_nccl(self):
        figures = {"p50_us": 10.0, "algbw_gbs": 1.0, "wrong": 0}
        self.write("bench_nccl.jsonl", [{
            **figures, "ranks": 1, "path": "direct", "buffers": "private", "size_bytes": 4,
            "algorithm": "cuda_ipc", "in_place": figures, "peers": {"nccl": {"p50_us": 25.0}}}])
        self.assertIn("| 4 | cuda_ipc | 10.0 | 1.00 | 10.0 | 2.50 | 0 |", report.report(self.path)[0])

    def test_a_line_that_was_cut_is_left_out(self):
        (self.path / "kernels.jsonl").write_text(json.dumps(kernel("reduce", 90)) + '\n{"kernel": ')
        self.assertIn("90% at least", report.report(self.path)[0])

    def test_steps_say_what_became_of_them(self):
        step = {"exit_code": 0, "skipped": False, "seconds": 60, "command": "some"}
        self.write("steps.jsonl", [{**step, "step": "machine"},
                                   {**step, "step": "kernels", "exit_code": 124},
                                   {**step, "step": "test_nccl", "skipped": True}])
        (self.path / "machine.txt").write_text("a GPU, 80 GiB\n")
        text, _ = report.report(self.path)
        self.assertIn("- device: a GPU, 80 GiB", text)
        self.assertIn("| machine | passed | 60 s |", text)
        self.assertIn("| kernels | ran past its limit | 60 s |", text)
        self.assertIn("| test_nccl | skipped, at least in part | 60 s |", text)

    def test_a_run_without_a_gpu_is_no_measurement(self):
        self.write("steps.jsonl", [{"step": "machine", "exit_code": 127, "skipped": False,
                                    "seconds": 0, "command": "nvidia-smi"}])
        (self.path / "machine.txt").write_text("nvidia-smi: not found\n")
        text, _ = report.report(self.path)
        self.assertIn("no GPU was at hand", text)
        self.assertNotIn("## Steps", text)


class ForeachSgd(unittest.TestCase):
    def test_has_the_parameters_of_resnet_50(self):
        shapes = foreach_sgd.bottleneck_resnet_shapes()
        self.assertEqual(len(shapes), 161)
        self.assertEqual(sum(map(foreach_sgd.element_count, shapes)), 25557032)


class MeasureGpu(unittest.TestCase):
    def test_refuses_a_step_that_it_does_not_have(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [ROOT / "bench" / "device" / "measure_gpu.sh", "--programs", folder, "--output",
                 folder, "--steps", "nothing"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'nothing' is unknown", done.stderr)


if __name__ == "__main__":
    unittest.main()
