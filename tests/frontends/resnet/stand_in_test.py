"""ronde-train --compute-time-ms: what a run says whose compute is a stand-in."""

import unittest

from trainer_runs import (TINY, TINY_BATCH, TINY_PARAMETERS, TINY_TRAIN, WORKER_COUNTS,
                          TrainerTestCase, run)

COMPUTE_S = 0.012
FORWARD_SHARE = 1 / 3
# Without a validation limit, which would have no meaning.
BASE = [word for word in TINY if word not in ("--limit-validation", "33")]
STAND_IN = BASE + ["--compute-time-ms", "12", "--epochs", "2"]
PARTS = ("data", "forward", "backward", "optimizer", "communication")


class StandIn(TrainerTestCase):
    def check_row(self, row, steps):
        parts = {part: row["seconds_" + part] for part in PARTS}
        self.assertGreater(sum(parts.values()), 0.98 * row["seconds"])
        self.assertGreaterEqual(parts["forward"], steps * COMPUTE_S * FORWARD_SHARE)
        self.assertGreaterEqual(parts["backward"], steps * COMPUTE_S * (1 - FORWARD_SHARE) - 1e-6)
        for key in ("train_loss", "train_top1", "validation_loss", "validation_top1"):
            self.assertIsNone(row[key], key)

    def test_takes_its_time_and_communicates_for_real(self):
        for count in WORKER_COUNTS:
            steps = TINY_TRAIN // (max(1, count) * TINY_BATCH)
            for flags, averages in (([], [steps, steps]),
                                    (["--algorithm", "local", "--local-steps", "3"],
                                     [steps // 3, 2 * steps // 3 - steps // 3])):
                with self.subTest(flags=flags, workers=count):
                    config, rows = self.train(STAND_IN + flags, count)
                    self.assertEqual(config["compute"], "stand-in 12 ms")
                    self.assertEqual([row["synchronizations"] for row in rows], averages)
                    self.assertEqual([row["bytes_communicated"] for row in rows],
                                     [4 * TINY_PARAMETERS * n for n in averages])
                    for row in rows:
                        self.check_row(row, steps)
                    self.assertIn("stand-in 12 ms in place of resnet8", self.output)
                    self.assertNotIn("nan", self.output)

    def test_workers_drift_apart_between_averages(self):
        if max(WORKER_COUNTS) < 2:
            self.skipTest("no MPI")
        _, rows = self.train(STAND_IN + ["--algorithm", "local", "--local-steps", "3"], 2)
        self.assertGreater(rows[0]["worker_divergence"], 0)

    def test_real_compute_says_so(self):
        config, rows = self.train(BASE + ["--epochs", "1"])
        self.assertEqual(config["compute"], "real")
        self.assertIsNotNone(rows[0]["train_loss"])

    def test_works_with_virtual_workers_and_accumulation(self):
        _, rows = self.train(STAND_IN + ["--workers", "2", "--accumulation-steps", "2"])
        self.assertGreaterEqual(rows[0]["seconds_forward"],
                                rows[0]["steps"] * 4 * COMPUTE_S * FORWARD_SHARE)

    def test_flags_about_a_trained_model_are_refused(self):
        for flags in (["--save", self.path("model.pt")], ["--checkpoint-dir", self.folder],
                      ["--evaluate-every", "1"], ["--precision", "bf16"]):
            self.check_refused(STAND_IN + flags, flags[0], "--compute-time-ms", worker_counts=[0])
        self.check_refused(BASE + ["--compute-time-ms", "-1"], "--compute-time-ms", "at least 0",
                           worker_counts=[0])

    def test_help_says_what_it_is(self):
        self.assertIn("--compute-time-ms", run(["--help"]).stdout)


if __name__ == "__main__":
    unittest.main()
