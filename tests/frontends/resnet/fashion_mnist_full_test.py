"""The full check: each algorithm reaches 88% on Fashion-MNIST with ResNet-8 and two workers."""

import unittest

from trainer_runs import TrainerTestCase

ACCURACY = 0.88
COMMON = ["--dataset", "fashion-mnist", "--model", "resnet8", "--epochs", "5", "--schedule",
          "cosine", "--warmup-epochs", "0", "--reference-lr", "0.8"]


class FashionMnist(TrainerTestCase):
    def check(self, arguments):
        _, rows = self.train(COMMON + arguments, workers=2, timeout=1000)
        self.assertGreaterEqual(rows[-1]["validation_top1"], ACCURACY)

    def test_minibatch(self):
        self.check(["--algorithm", "minibatch"])

    def test_local(self):
        self.check(["--algorithm", "local", "--local-steps", "8"])

    def test_post_local(self):
        self.check(["--algorithm", "post-local", "--switch-epoch", "2", "--local-steps", "8"])

    def test_slowmo(self):
        self.check(["--algorithm", "slowmo", "--switch-epoch", "2", "--local-steps", "8"])


if __name__ == "__main__":
    unittest.main()
