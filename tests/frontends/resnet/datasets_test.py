"""ronde-train on every data set that comes from files, whole and damaged; figures per class."""

import os
import struct
import unittest
import zlib

from trainer_runs import WORKER_COUNTS, TrainerTestCase

SMALL = ["--model", "resnet8", "--width", "2", "--epochs", "1", "--batch-size", "4",
         "--progress", "off", "--threads", "1"]


def png(side, grey):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([grey]) * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


class DatasetTestCase(TrainerTestCase):
    def write(self, name, contents):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(contents)

    def arguments(self, dataset):
        return SMALL + ["--dataset", dataset, "--data-dir", self.folder]

    def check_figures(self, row, per_class):
        """Every image counted once: with `per_class` images each, accuracies are whole parts."""
        accuracies = row["validation_per_class"]
        self.assertEqual([a is None for a in accuracies], [n == 0 for n in per_class])
        hits = [a * n for a, n in zip(accuracies, per_class) if n > 0]
        for count in hits:
            self.assertAlmostEqual(count, round(count))
        self.assertAlmostEqual(sum(hits), row["validation_top1"] * sum(per_class))
        if len(per_class) <= 5:
            self.assertIsNone(row["validation_top5"])
        else:
            self.assertGreaterEqual(row["validation_top5"], row["validation_top1"])
            self.assertLessEqual(row["validation_top5"], 1)

    def check_training(self, dataset, images, per_class, flags=()):
        for workers in WORKER_COUNTS:
            with self.subTest(dataset=dataset, workers=workers):
                config, rows = self.train(self.arguments(dataset) + list(flags), workers)
                self.assertEqual(config["training_images"], images)
                self.assertEqual(config["validation_images"], sum(per_class))
                self.check_figures(rows[0], per_class)


class Cifar(DatasetTestCase):
    def setUp(self):
        super().setUp()
        for i in range(1, 6):
            self.write(f"data_batch_{i}.bin", self.records([[(i + j) % 10] for j in range(4)]))
        # Class 9 is missing; neither a class nor the whole divides by two workers.
        self.write("test_batch.bin", self.records([[i % 9] for i in range(23)]))
        self.write("train.bin", self.records([[i, 5 * i] for i in range(16)]))
        self.write("test.bin", self.records([[0, 7]] * 7))

    @staticmethod
    def records(labels):
        return b"".join(bytes(label) + bytes([10 * label[-1] % 256]) * 3072 for label in labels)

    def test_cifar10(self):
        self.check_training("cifar10", 20, [3] * 5 + [2] * 4 + [0])

    def test_cifar100(self):
        self.check_training("cifar100", 16, [0] * 7 + [7] + [0] * 92)

    def test_epochs_that_are_not_evaluated_have_null(self):
        _, rows = self.train(self.arguments("cifar10") + ["--evaluate-every", "0"])
        self.assertIsNone(rows[0]["validation_top5"])
        self.assertIsNone(rows[0]["validation_per_class"])

    def test_bad_files(self):
        os.remove(self.path("data_batch_3.bin"))
        self.check_refused(self.arguments("cifar10"), "data_batch_3.bin", "--data-dir")
        self.write("data_batch_3.bin", bytes(3072))
        self.check_refused(self.arguments("cifar10"), "data_batch_3.bin", "3073", "3072")
        self.write("data_batch_3.bin", self.records([[10]]))
        self.check_refused(self.arguments("cifar10"), "data_batch_3.bin", "label 10 of image 0")
        self.write("test.bin", self.records([[1, 100]]))
        self.check_refused(self.arguments("cifar100"), "test.bin", "label 100 of image 0")

    def test_folder_must_be_named(self):
        self.check_refused(SMALL + ["--dataset", "cifar10"], "cifar10", "--data-dir")


class ImageFolder(DatasetTestCase):
    def setUp(self):
        super().setUp()
        for number, name in enumerate(("ant", "bee", "cat")):
            for i in range(4):
                self.write(f"train/{name}/{i}.png", png(20 + i, 80 * number))
            for i in range(number):
                self.write(f"val/{name}/{i}.png", png(20 + i, 80 * number))

    def test_trains(self):
        self.check_training("imagefolder", 12, [0, 1, 2])
        self.check_training("imagefolder", 12, [0, 1, 2], ["--image-size", "16"])

    def test_unreadable_image(self):
        self.write("train/bee/2.png", png(20, 1)[:40])
        self.check_refused(self.arguments("imagefolder"), self.path("train/bee/2.png"), "PNG")

    def test_no_class_folders(self):
        os.rename(self.path("train"), self.path("images"))
        self.check_refused(self.arguments("imagefolder"), self.path("train"), "--data-dir")
        os.mkdir(self.path("train"))
        self.check_refused(self.arguments("imagefolder"), self.path("train"),
                           "expected at least 2 class folders, got 0")

    def test_unknown_validation_class(self):
        self.write("val/dog/1.png", png(20, 1))
        self.check_refused(self.arguments("imagefolder"), self.path("val/dog"), "'dog'")

    def test_image_size_belongs_to_image_folders(self):
        self.check_refused(["--image-size", "32"], "--image-size", "fashion-mnist",
                           worker_counts=[0])


if __name__ == "__main__":
    unittest.main()
