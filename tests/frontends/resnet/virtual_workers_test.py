"""Virtual workers: K workers on any number of ranks, and --deterministic, which makes them agree
bit for bit. Runs with the Python that has torch where there is one."""

import importlib.util
import json
import os
import subprocess
import unittest

from trainer_runs import ALGORITHMS, HAS_MPI, TRAIN, TrainerTestCase, run, variables

HAS_TORCH = importlib.util.find_spec("torch") is not None

# ResNet-8 of width 8: 4 workers make 8 steps an epoch, so windows of 3 cross epochs.
SMALL = ["--dataset", "synthetic", "--model", "resnet8", "--width", "8", "--batch-size", "4",
         "--limit-train", "130", "--limit-validation", "33", "--warmup-epochs", "1",
         "--reference-lr", "0.5", "--threads", "1", "--epochs", "2", "--progress", "plain"]
WORKERS = 4
RANKS = [1, 2, 4] if HAS_MPI else [1]
FIGURES = ["phase", "workers", "steps", "learning_rate", "train_loss", "train_top1",
           "validation_loss", "validation_top1", "validation_top5", "validation_per_class",
           "worker_divergence", "synchronizations"]


class VirtualWorkersTestCase(TrainerTestCase):
    def outcome(self, arguments, ranks=1):
        """The saved model's bytes and the log's figures."""
        model = self.path("model.pt")
        config, rows = self.train(arguments + ["--save", model], 0 if ranks == 1 else ranks)
        self.assertEqual(config["ranks"], ranks)
        self.assertEqual(config["workers_per_rank"] * ranks, config["workers"])
        with open(model, "rb") as file:
            return file.read(), [{key: row[key] for key in FIGURES} for row in rows]

    def weights(self, arguments, ranks=1, statistics=True):
        """The saved model's tensors by name."""
        import torch

        self.outcome(arguments, ranks)
        state = torch.load(self.path("model.pt"), weights_only=True)
        return {name: tensor.double() for name, tensor in state.items()
                if statistics or "running_" not in name and "num_batches" not in name}

    def check_close(self, first, second, tolerance):
        self.assertEqual(set(first), set(second))
        for name, tensor in first.items():
            largest = max(1.0, float(tensor.abs().max()))
            self.assertLess(float((tensor - second[name]).abs().max()), tolerance * largest, name)


class Deterministic(VirtualWorkersTestCase):
    def check_same_on_any_number_of_ranks(self, flags, workers=WORKERS, rank_counts=None):
        flags = SMALL + ["--deterministic", "--workers", str(workers)] + flags
        counts = rank_counts or RANKS
        weights, rows = self.outcome(flags, counts[0])
        self.assertIn("deterministic", self.output)
        for ranks in counts[1:]:
            with self.subTest(flags=flags, ranks=ranks):
                other_weights, other_rows = self.outcome(flags, ranks)
                self.assertEqual(other_rows, rows)
                self.assertEqual(other_weights, weights)
        return rows

    def test_minibatch(self):
        self.check_same_on_any_number_of_ranks([])

    def test_local(self):
        rows = self.check_same_on_any_number_of_ranks(
            ["--algorithm", "local"] + ALGORITHMS["local"])
        self.assertEqual([row["synchronizations"] for row in rows], [2, 3])
        self.assertGreater(rows[0]["worker_divergence"], 1e-6)

    def test_post_local(self):
        for momentum in ("reset", "average"):
            self.check_same_on_any_number_of_ranks(
                ["--algorithm", "post-local", "--momentum-at-average", momentum] +
                ALGORITHMS["post-local"])

    def test_slowmo(self):
        self.check_same_on_any_number_of_ranks(["--algorithm", "slowmo"] + ALGORITHMS["slowmo"])

    def test_with_every_option(self):
        self.check_same_on_any_number_of_ranks(
            ["--algorithm", "post-local", "--momentum-form", "classic", "--accumulation-steps", "2",
             "--grad-clip-norm", "0.5", "--bn-at-evaluation", "recalibrate", "--precision",
             "bf16"] + ALGORITHMS["post-local"])

    @unittest.skipUnless(HAS_MPI, "needs ranks")
    def test_a_number_of_ranks_that_is_no_power_of_two(self):
        for workers in (3, 6):
            self.check_same_on_any_number_of_ranks(
                ["--algorithm", "post-local"] + ALGORITHMS["post-local"], workers, [1, 3])


class AnyNumberOfRanks(VirtualWorkersTestCase):
    @unittest.skipUnless(HAS_TORCH and HAS_MPI, "needs torch and ranks")
    def test_a_step_differs_by_rounding_alone(self):
        one_step = ["--epochs", "1", "--limit-train", "16", "--workers", str(WORKERS)]
        for algorithm in ("minibatch", "local"):
            flags = SMALL + one_step + ["--algorithm", algorithm]
            flags += ["--local-steps", "1"] if algorithm == "local" else []
            one = self.weights(flags)
            for ranks in (2, 4):
                with self.subTest(algorithm=algorithm, ranks=ranks):
                    self.check_close(one, self.weights(flags, ranks), 1e-6)

    def test_many_workers(self):
        flags = ["--dataset", "synthetic", "--model", "resnet8", "--width", "2", "--batch-size",
                 "2", "--limit-train", "256", "--limit-validation", "33", "--epochs", "2",
                 "--algorithm", "post-local", "--switch-epoch", "1", "--local-steps", "1",
                 "--workers", "64", "--threads", "1"]
        _, rows = self.outcome(flags, RANKS[:2][-1])
        self.assertEqual([row["steps"] for row in rows], [2, 2])
        self.assertEqual({row["workers"] for row in rows}, {64})
        self.assertIn("64 workers", self.output)

    def test_a_worker_needs_memory_for_weights_and_momentum_alone(self):
        flags = ["--dataset", "synthetic", "--model", "resnet8", "--width", "64", "--batch-size",
                 "1", "--limit-train", "17", "--limit-validation", "1", "--epochs", "1",
                 "--evaluate-every", "0", "--algorithm", "local", "--local-steps", "100",
                 "--threads", "1", "--progress", "off", "--log-json", self.path("log.jsonl")]
        peaks = []
        for workers in (1, 17):
            with subprocess.Popen([TRAIN] + flags + ["--workers", str(workers)],
                                  env=variables()) as running:
                _, status, usage = os.wait4(running.pid, 0)
                running.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(running.returncode, 0)
            peaks.append(1024 * usage.ru_maxrss)
        with open(self.path("log.jsonl"), encoding="utf-8") as file:
            model_bytes = 4 * json.loads(file.readline())["parameters"]
        self.assertLess((peaks[1] - peaks[0]) / 16, 2.5 * model_bytes)

    def test_one_worker_per_rank_unless_told(self):
        for ranks in RANKS:
            _, rows = self.outcome(SMALL + ["--epochs", "1"], ranks)
            self.assertEqual(rows[0]["workers"], ranks)

    def test_seconds_add_up(self):
        _, rows = self.train(SMALL + ["--workers", "4", "--algorithm", "local"])
        for row in rows:
            parts = sum(row["seconds_" + part] for part in
                        ("data", "forward", "backward", "optimizer", "communication"))
            self.assertGreater(parts, 0.98 * row["seconds"])
            self.assertLess(parts, 1.02 * row["seconds"])

    def test_bytes_are_those_of_one_model_per_rank(self):
        config, rows = self.train(SMALL + ["--workers", "4"], RANKS[:2][-1])
        self.assertEqual(rows[0]["bytes_communicated"],
                         4 * config["parameters"] * rows[0]["steps"] * (config["ranks"] > 0))

    def test_a_loss_that_is_not_finite_names_the_worker_among_all(self):
        ranks = RANKS[:2][-1]
        for algorithm in ("minibatch", "local"):
            done = run(SMALL + ["--algorithm", algorithm, "--workers", "4", "--reference-lr",
                                "1e30"], 0 if ranks == 1 else ranks, timeout=60)
            self.assertEqual(done.returncode, 1, done.stderr)
            said = [line for line in done.stderr.splitlines()
                    if not line.startswith("ronderun: note:")]
            self.assertEqual(len(said), 1, done.stderr)
            self.assertRegex(said[0], r"rank (0( \(host .*\))?: step \d+: the training loss of "
                                      r"worker [0-3]|1( \(host .*\))?: step \d+: the training loss "
                                      r"of worker [23]) is")

    def test_refuses_what_cannot_be_shared_out(self):
        self.check_refused(SMALL + ["--workers", "0"], "--workers", "'0'", worker_counts=[0])
        if HAS_MPI:
            self.check_refused(SMALL + ["--workers", "3"], "--workers", "2 ranks, got 3",
                               worker_counts=[2])
            self.check_refused(SMALL + ["--workers", "6", "--deterministic"], "--deterministic",
                               "got 3 (6 workers on 2 ranks)", worker_counts=[2])
        self.check_refused(SMALL + ["--deterministic", "--reproducible", "off"], "--reproducible",
                           "--deterministic")
        self.check_refused(SMALL + ["--workers", "40"], "40 workers", "130", worker_counts=[0])


class Steps(VirtualWorkersTestCase):
    def test_accumulation_counts_as_batch_size(self):
        _, rows = self.outcome(SMALL + ["--accumulation-steps", "3", "--workers", "2"])
        _, larger = self.outcome(SMALL + ["--batch-size", "12", "--workers", "2"])
        for key in ("steps", "learning_rate", "synchronizations"):
            self.assertEqual([row[key] for row in rows], [row[key] for row in larger])
        self.assertEqual(rows[0]["steps"], 130 // (2 * 3 * 4))

    @unittest.skipUnless(HAS_TORCH, "this Python has no torch")
    def test_accumulation_equals_as_many_workers(self):
        one_step = SMALL + ["--epochs", "1", "--limit-train", "16"]
        for ranks in RANKS[:2]:
            accumulated = self.weights(one_step + ["--accumulation-steps", str(4 // ranks)], ranks,
                                       statistics=False)
            workers = self.weights(one_step + ["--workers", "4"], statistics=False)
            self.check_close(accumulated, workers, 1e-6)

    @unittest.skipUnless(HAS_TORCH, "this Python has no torch")
    def test_both_forms_of_momentum_train_alike(self):
        # The learning rate falls tenfold: without each worker's correction they part at once.
        flags = SMALL + ["--limit-train", "64", "--warmup-epochs", "0", "--milestones", "1",
                         "--workers", "2", "--algorithm", "local"]
        first = self.weights(flags, statistics=False)
        for ranks in RANKS[:2]:
            self.check_close(first, self.weights(flags + ["--momentum-form", "classic"], ranks,
                                                 statistics=False), 2e-5)

    def test_clipping_binds_only_where_gradients_are_longer(self):
        for algorithm in ("minibatch", "local"):
            flags = SMALL + ["--algorithm", algorithm, "--workers", "2"]
            free, _ = self.outcome(flags)
            self.assertEqual(self.outcome(flags + ["--grad-clip-norm", "1e9"])[0], free)
            clipped, rows = self.outcome(flags + ["--grad-clip-norm", "1e-6",
                                                  "--weight-decay", "0"])
            self.assertNotEqual(clipped, free)
            self.assertAlmostEqual(rows[0]["train_loss"], rows[1]["train_loss"], delta=0.02)


if __name__ == "__main__":
    unittest.main()
