"""A rank that is killed at a random moment loses nothing but time."""

import os
import random
import shutil
import signal
import time
import unittest

from checkpoint_runs import RANKS, WAIT_S, CheckpointTestCase, figures, wait_until
from trainer_runs import ALGORITHMS

POINTS = 3
EVERY = 3
EPOCHS = 6
STEPS = 8 * EPOCHS


class Killed(CheckpointTestCase):
    points = POINTS
    seed = 1

    def kill_once(self, folder, flags, chance):
        """Starts a run, kills one rank, waits for the end. Says whether that was early."""
        running = self.start(flags + ["--checkpoint-dir", folder, "--checkpoint-every", str(EVERY),
                                      "--resume", "auto"])
        reached = chance.randrange(0, STEPS - EVERY)
        name = f"step-{reached:09d}"
        expected = max(RANKS, 1)

        def is_there():
            newest = self.checkpoints(folder)[-1:]
            return (not reached or newest >= [name]) and len(self.rank_pids(folder)) == expected

        in_time = wait_until(is_there, running)
        time.sleep(chance.uniform(0, 0.05))  # anywhere in a step or in the writing of a checkpoint
        pids = self.rank_pids(folder)
        if in_time and pids:
            os.kill(chance.choice(pids), signal.SIGKILL)
        running.communicate(timeout=WAIT_S)
        return running.returncode != 0

    def test_resumed_the_final_state_is_that_of_the_uninterrupted_run(self):
        chance = random.Random(self.seed)
        whole = self.path("whole")
        outcomes = {}
        killed = resumed = 0
        for point in range(self.points):
            algorithm = list(ALGORITHMS)[(point + 1) % len(ALGORITHMS)]
            flags = self.flags(algorithm, "--epochs", str(EPOCHS))
            if algorithm not in outcomes:
                _, rows = self.train(flags + ["--checkpoint-dir", whole], RANKS)
                outcomes[algorithm] = (figures(rows), self.state(whole))
                shutil.rmtree(whole)
            folder = self.path(f"killed-{point}")
            with self.subTest(point=point, algorithm=algorithm):
                killed += self.kill_once(folder, flags, chance)
                _, rows = self.train(flags + ["--checkpoint-dir", folder, "--checkpoint-every",
                                              str(EVERY), "--resume", "auto"], RANKS)
                resumed += "resuming from" in self.output
                self.assertEqual(figures(rows), outcomes[algorithm][0])
                self.check_same_state(folder, outcomes[algorithm][1])
        self.assertGreater(killed, 0, "every run ended before its rank was killed")
        self.assertGreater(resumed, 0, "every run started afresh")
        print(f"of {self.points} runs {killed} were killed before their end and {resumed} resumed; "
              "all ended alike")


if __name__ == "__main__":
    unittest.main()
