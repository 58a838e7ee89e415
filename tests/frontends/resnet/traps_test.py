"""Mistakes that other trainers make, each by its name, in ronde-train from end to end. Those of the
algorithms alone are in tests/frontends/torch/algorithms."""

import unittest

from trainer_runs import HAS_MPI, TINY, TINY_PARAMETERS, TrainerTestCase

VALIDATION = 33  # no multiple of 2 or 3 ranks times a batch of 8
WORKERS = 6
RANKS = [0, 2, 3] if HAS_MPI else [0]  # 0: the program bare
STEPS = 2  # of 6 x 8 of the 130 images


class TrapTestCase(TrainerTestCase):
    def rows(self, ranks, flags):
        """6 workers on any number of ranks: the same training up to rounding."""
        return self.train(TINY + ["--workers", str(WORKERS)] + flags, ranks)[1]


class PaddedValidation(TrapTestCase):
    def test_every_image_is_counted_exactly_once(self):
        expected = None
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                row = self.rows(ranks, ["--epochs", "1"])[0]
                hits = [row["validation_top1"] * VALIDATION, row["validation_top5"] * VALIDATION]
                for count in hits:
                    self.assertAlmostEqual(count, round(count), places=9)
                found = [row["validation_loss"]] + hits + row["validation_per_class"]
                expected = expected or found
                for one, other in zip(expected, found):
                    self.assertAlmostEqual(one, other, places=4)

    def test_more_ranks_than_batches(self):
        for ranks in RANKS[-1:]:
            with self.subTest(ranks=ranks):
                row = self.rows(ranks, ["--epochs", "1", "--limit-validation", "5"])[0]
                hits = row["validation_top1"] * 5
                self.assertAlmostEqual(hits, round(hits), places=9)
                self.assertGreaterEqual(row["validation_top5"], row["validation_top1"])


class PerEpochWindow(TrapTestCase):
    def test_a_window_longer_than_an_epoch_ends_in_a_later_epoch(self):
        for ranks in RANKS[-1:]:
            with self.subTest(ranks=ranks):
                rows = self.rows(ranks, ["--algorithm", "local", "--epochs", "4",
                                         "--local-steps", str(STEPS + 1)])
                self.assertEqual([row["synchronizations"] for row in rows], [0, 1, 1, 0])


class BatchNormBroadcast(TrapTestCase):
    def test_training_sends_gradients_or_models_and_nothing_else(self):
        for algorithm, averages in (("minibatch", STEPS), ("local", STEPS // 2)):
            for ranks in RANKS[-1:]:
                with self.subTest(algorithm=algorithm, ranks=ranks):
                    flags = ["--local-steps", "2"] if algorithm == "local" else []
                    rows = self.rows(ranks, ["--algorithm", algorithm, "--epochs", "2"] + flags)
                    for row in rows:
                        self.assertEqual(row["bytes_communicated"],
                                         4 * TINY_PARAMETERS * averages)


if __name__ == "__main__":
    unittest.main(verbosity=2)
