"""ronde-train from end to end: what the log says, and which runs must agree bit for bit."""

import unittest

from trainer_runs import (ALGORITHMS, HAS_MPI, TINY, TINY_BATCH, TINY_PARAMETERS, TINY_TRAIN,
                          TrainerTestCase, run)

EPOCH_KEYS = set("""event epoch algorithm phase workers local_steps learning_rate train_loss
train_top1 validation_loss validation_top1 validation_top5 validation_per_class
images_per_second seconds seconds_data seconds_forward seconds_backward seconds_optimizer
seconds_communication seconds_communication_total bytes_communicated bytes_on_wire
bytes_evaluation synchronizations worker_divergence precision""".split())
CONFIG_KEYS = set("""event algorithm workers ranks workers_per_rank deterministic momentum_form
accumulation_steps grad_clip_norm batch_size parameters threads seed settings""".split())

EPOCHS = 3
WORKER_COUNTS = [0, 2] if HAS_MPI else [0]


class EpochRows(TrainerTestCase):
    def check_seconds(self, row):
        parts = sum(row["seconds_" + part] for part in
                    ("data", "forward", "backward", "optimizer", "communication"))
        self.assertGreater(parts, 0.98 * row["seconds"])
        self.assertLess(parts, 1.02 * row["seconds"])
        self.assertGreaterEqual(row["seconds_communication_total"], row["seconds_communication"])

    def check_row(self, row, number, algorithm, workers):
        self.assertLessEqual(EPOCH_KEYS, set(row))
        self.assertEqual((row["event"], row["epoch"]), ("epoch", number))
        self.assertEqual((row["algorithm"], row["workers"]), (algorithm, workers))
        for key in ("train_top1", "validation_top1"):
            self.assertTrue(0 <= row[key] <= 1, row[key])
        self.check_seconds(row)

    def check_divergence(self, row, workers):
        divergence = row["worker_divergence"]
        if row["phase"] == "minibatch":
            self.assertIsNone(divergence)
        elif workers == 1:
            self.assertEqual(divergence, 0)
        else:
            self.assertTrue(1e-6 < divergence < 1, divergence)

    def expected_synchronizations(self, algorithm, number, steps):
        """H = 3 and, with two phases, T = 1; the window crosses epochs."""
        if algorithm == "minibatch" or (number == 1 and algorithm != "local"):
            return steps
        first = (number - 1) * steps if algorithm == "local" else (number - 2) * steps
        return sum(1 for t in range(first + 1, first + steps + 1) if t % 3 == 0)

    def test_rows_are_complete_and_exact(self):
        for algorithm, flags in ALGORITHMS.items():
            for count in WORKER_COUNTS:
                with self.subTest(algorithm=algorithm, workers=count):
                    workers = max(1, count)
                    config, rows = self.train(
                        TINY + ["--algorithm", algorithm, "--epochs", str(EPOCHS)] + flags, count)
                    self.assertLessEqual(CONFIG_KEYS, set(config))
                    self.assertEqual(config["workers"], workers)
                    self.assertEqual(config["parameters"], TINY_PARAMETERS)
                    self.assertEqual(len(rows), EPOCHS)
                    steps = TINY_TRAIN // (workers * TINY_BATCH)
                    for number, row in enumerate(rows, 1):
                        self.check_row(row, number, algorithm, workers)
                        local = algorithm == "local" or (algorithm != "minibatch" and number > 1)
                        self.assertEqual(row["phase"], "local" if local else "minibatch")
                        averages = self.expected_synchronizations(algorithm, number, steps)
                        self.assertEqual(row["synchronizations"], averages)
                        self.assertEqual(row["bytes_communicated"],
                                         4 * TINY_PARAMETERS * averages)
                        self.assertGreater(row["bytes_evaluation"], 0)
                        self.check_divergence(row, workers)

    def test_an_epoch_without_an_average_has_no_divergence(self):
        for count in WORKER_COUNTS:
            _, rows = self.train(TINY + ["--algorithm", "local", "--local-steps", "1000",
                                         "--epochs", "1"], count)
            self.assertIsNone(rows[0]["worker_divergence"])

    def test_bf16_trains(self):
        for count in WORKER_COUNTS:
            config, rows = self.train(TINY + ["--epochs", "10", "--reference-lr", "4",
                                              "--precision", "bf16"], count)
            self.assertEqual(config["precision"], "bf16")
            self.assertEqual({row["precision"] for row in rows}, {"bf16"})
            self.assertLess(rows[-1]["train_loss"], 0.6 * rows[0]["train_loss"])
            steps = TINY_TRAIN // (max(1, count) * TINY_BATCH)
            self.assertEqual(rows[0]["bytes_communicated"], 4 * TINY_PARAMETERS * steps)

    def test_loss_falls(self):
        _, rows = self.train(TINY + ["--epochs", "5"])
        self.assertLess(rows[-1]["train_loss"], rows[0]["train_loss"])

    def test_epochs_that_are_not_evaluated_have_null(self):
        _, rows = self.train(TINY + ["--epochs", "3", "--evaluate-every", "2"])
        self.assertEqual([row["validation_top1"] is None for row in rows], [True, False, False])

    def test_local_phase_may_have_its_own_batch_size(self):
        _, rows = self.train(TINY + ["--algorithm", "post-local", "--epochs", "2", "--switch-epoch",
                                     "1", "--local-batch-size", "4",
                                     "--local-learning-rate-scale", "0.5", "--schedule", "cosine"])
        self.assertEqual([row["steps"] for row in rows], [TINY_TRAIN // 8, TINY_TRAIN // 4])
        self.assertAlmostEqual(rows[1]["learning_rate"], 0.5 * 8 * 0.5 / 256)

    def test_table_names_every_phase(self):
        self.train(TINY + ["--algorithm", "post-local", "--epochs", "2", "--switch-epoch", "1"])
        for word in ("minibatch", "local", "all", "forward", "communication", "synchronizations",
                     "worker divergence"):
            self.assertIn(word, self.output)

    def test_progress_off_is_silent(self):
        done = run(TINY + ["--epochs", "1", "--progress", "off"])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class SameBits(TrainerTestCase):
    def check_same(self, first, second, workers):
        self.assertEqual(self.trained_weights(TINY + first, workers),
                         self.trained_weights(TINY + second, workers))

    def test_runs_repeat(self):
        for count in WORKER_COUNTS:
            for precision in ("fp32", "bf16"):
                flags = ["--algorithm", "post-local", "--switch-epoch", "1", "--epochs", "2",
                         "--precision", precision]
                self.check_same(flags, flags, count)

    def test_precision_matters(self):
        self.assertNotEqual(self.trained_weights(TINY + ["--epochs", "1"]),
                            self.trained_weights(TINY + ["--epochs", "1", "--precision", "bf16"]))

    def test_seeds_matter(self):
        self.assertNotEqual(self.trained_weights(TINY + ["--epochs", "1"]),
                            self.trained_weights(TINY + ["--epochs", "1", "--seed", "2"]))

    def test_evaluation_does_not_change_training(self):
        for bn in ("average", "rank0", "recalibrate"):
            for count in WORKER_COUNTS:
                with self.subTest(bn=bn, workers=count):
                    flags = ["--algorithm", "slowmo", "--switch-epoch", "1", "--epochs", "3",
                             "--local-steps", "5", "--bn-at-evaluation", bn]
                    self.check_same(flags, flags + ["--evaluate-every", "0"], count)

    def test_post_local_that_never_switches_is_minibatch(self):
        for count in WORKER_COUNTS:
            self.check_same(["--epochs", "2"],
                            ["--algorithm", "post-local", "--switch-epoch", "2", "--epochs", "2"],
                            count)

    def test_post_local_that_switches_at_once_is_local(self):
        for count in WORKER_COUNTS:
            self.check_same(["--algorithm", "local", "--epochs", "2"],
                            ["--algorithm", "post-local", "--switch-epoch", "0", "--epochs", "2"],
                            count)


if __name__ == "__main__":
    unittest.main()
