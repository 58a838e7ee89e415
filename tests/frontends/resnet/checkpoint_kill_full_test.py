"""The same at twenty random moments."""

import unittest

import checkpoint_kill_test


class KilledOften(checkpoint_kill_test.Killed):
    points = 20
    seed = 2


if __name__ == "__main__":
    unittest.main()
