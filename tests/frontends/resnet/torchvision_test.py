"""Weights go to torchvision and come from it, in both formats. Runs with the Python that has
torch and, from ./dev setup, torchvision; without safetensors its files are read by hand."""

import importlib.util
import json
import os
import struct
import subprocess
import unittest

from trainer_runs import TrainerTestCase, WORKER_COUNTS, run, variables

LOGITS = os.environ.get("RONDE_TEST_WRITE_LOGITS")
HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_TORCHVISION = HAS_TORCH and importlib.util.find_spec("torchvision") is not None
HAS_SAFETENSORS = importlib.util.find_spec("safetensors") is not None
CLASSES = 3
TOLERANCE = 1e-5

ONE_EPOCH = ["--batch-size", "4", "--evaluate-every", "0", "--epochs", "1", "--progress", "off",
             "--threads", "1"]
SYNTHETIC = ONE_EPOCH + ["--dataset", "synthetic", "--limit-train", "8", "--limit-validation", "4"]


def read_safetensors(path):
    """By the format's description; a check on the package too."""
    import torch

    dtypes = {"F32": torch.float32, "I64": torch.int64}
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        values = bytearray(file.read())
    assert length % 8 == 0
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(values[begin:end], dtype=dtypes[entry["dtype"]])
        tensors[name] = flat.view(entry["shape"])
    return tensors


def write_safetensors(tensors, path):
    header, values = {}, b""
    for name, tensor in tensors.items():
        data = tensor.contiguous().numpy().tobytes()
        dtype = {"torch.float32": "F32", "torch.int64": "I64"}[str(tensor.dtype)]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape),
                        "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + values)


@unittest.skipUnless(HAS_TORCHVISION, "this Python has no torchvision; ./dev setup installs it")
class Torchvision(TrainerTestCase):
    def setUp(self):
        """A folder of three classes of four coloured images, for one step of two workers."""
        super().setUp()
        from PIL import Image

        for part in ("train", "val"):
            for label in range(CLASSES):
                folder = os.path.join(self.path("images"), part, f"class{label}")
                os.makedirs(folder)
                for number in range(4):
                    image = Image.new("RGB", (32, 32), (60 * number, 80 * label, 100))
                    image.save(os.path.join(folder, f"{number}.png"))
        self.images = ONE_EPOCH + ["--dataset", "imagefolder", "--data-dir", self.path("images")]

    def model(self, name):
        """torchvision's network with random weights and statistics, in evaluation mode."""
        import torch
        import torchvision

        torch.manual_seed(7)
        model = getattr(torchvision.models, name)(num_classes=CLASSES)
        model.train()
        with torch.no_grad():
            model(torch.randn(8, 3, 32, 32))
        return model.eval()

    def check_logits(self, name, model, files):
        """Those of `model` in Python and of each of the `files` in C++."""
        import torch

        images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
        write_safetensors({"images": images}, self.path("images.safetensors"))
        done = subprocess.run(
            [LOGITS, name, str(CLASSES), self.path("images.safetensors")] + files,
            capture_output=True, text=True, timeout=60, check=False, env=variables())
        self.assertEqual(done.returncode, 0, done.stderr)
        with torch.no_grad():
            expected = model(images)
        for file in files:
            got = read_safetensors(file + ".logits")["logits"]
            error = ((got - expected).abs().max() / expected.abs().max()).item()
            self.assertLess(error, TOLERANCE, file)

    def check_saved(self, name):
        """A model that was trained here, in both formats, with the same values."""
        import torch

        torch_file, safe_file = self.path("model.pt"), self.path("model.safetensors")
        for path in (torch_file, safe_file):
            done = run(self.images + ["--model", name, "--save", path])
            self.assertEqual(done.returncode, 0, done.stderr)
        states = [torch.load(torch_file, weights_only=True), read_safetensors(safe_file)]
        if HAS_SAFETENSORS:
            from safetensors.torch import load_file

            states.append(load_file(safe_file))
        for state in states:
            self.assertEqual(state.keys(), states[0].keys())
            for key, tensor in state.items():
                self.assertTrue(torch.equal(tensor, states[0][key]), key)
            model = self.model(name)
            model.load_state_dict(state, strict=True)
        self.check_logits(name, model, [torch_file, safe_file])

    def check_read(self, name):
        """torchvision's weights, in both formats."""
        import torch

        model = self.model(name)
        files = [self.path("torch"), self.path("by_hand")]
        torch.save(model.state_dict(), files[0])
        write_safetensors(model.state_dict(), files[1])
        if HAS_SAFETENSORS:
            from safetensors.torch import save_file

            files.append(self.path("by_package"))
            save_file(model.state_dict(), files[2])
        self.check_logits(name, model, files)

    def test_resnet18_is_saved(self):
        self.check_saved("resnet18")

    def test_resnet50_is_saved(self):
        self.check_saved("resnet50")

    def test_resnet18_is_read(self):
        self.check_read("resnet18")

    def test_resnet50_is_read(self):
        self.check_read("resnet50")

    def test_training_starts_from_it_on_every_rank(self):
        import torch

        state = self.model("resnet18").state_dict()
        torch.save(state, self.path("start.pt"))
        # Steps of this size leave fp32 weights as they are.
        still = ["--reference-lr", "1e-30", "--warmup-epochs", "0"]
        for workers in WORKER_COUNTS:
            done = run(self.images + still + ["--model", "resnet18", "--init-weights",
                                           self.path("start.pt"), "--save", self.path("end.pt")],
                       workers)
            self.assertEqual(done.returncode, 0, done.stderr)
            end = torch.load(self.path("end.pt"), weights_only=True)
            for key in ("conv1.weight", "layer4.1.conv2.weight", "fc.bias"):
                self.assertTrue(torch.equal(end[key], state[key]), key)

    def test_other_states_that_torch_saves(self):
        import torch

        model = self.model("resnet18")
        state = model.state_dict()
        variants = {
            "dict": dict(state),
            "parameters": dict(state) | dict(model.named_parameters()),
            "views_of_one_storage": {key: torch.stack([tensor, tensor])[1]
                                     for key, tensor in state.items()},
            "other_strides": {key: tensor.to(memory_format=torch.channels_last)
                              if tensor.dim() == 4 else tensor for key, tensor in state.items()},
            "no_counts": {key: tensor for key, tensor in state.items()
                          if not key.endswith("num_batches_tracked")},
            "doubles": {key: tensor.double() if tensor.is_floating_point() else tensor
                        for key, tensor in state.items()},
        }
        for kind, variant in variants.items():
            torch.save(variant, self.path(kind))
        self.check_logits("resnet18", model, [self.path(kind) for kind in variants])


class Refused(TrainerTestCase):
    TINY = SYNTHETIC + ["--model", "resnet8", "--width", "4"]

    def check(self, path, *texts, **options):
        self.check_refused(self.TINY + ["--init-weights", path], "--init-weights: ", path, *texts,
                           **options)

    def test_no_file(self):
        self.check("/no/such/file.pt", "cannot be read: No such file")

    def test_no_weights(self):
        with open(self.path("text"), "w", encoding="utf-8") as file:
            file.write("not weights at all")
        self.check(self.path("text"), "neither a safetensors file nor a zip", worker_counts=[0])

    @unittest.skipUnless(HAS_TORCH, "this Python has no torch")
    def test_states_that_do_not_fit(self):
        import torch

        path = self.path("model.pt")
        done = run(self.TINY + ["--save", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        state = torch.load(path, weights_only=True)
        other = {key: tensor for key, tensor in state.items() if not key.startswith("fc.")}
        torch.save(other | {"fc.weight": torch.zeros(7, 16), "fc.bias": torch.zeros(7)}, path)
        self.check(path, "7 classes", "expected the 10")
        torch.save(other, path)
        self.check(path, "missing 'fc.bias', 'fc.weight'", worker_counts=[0])
        torch.save({"model": state, "epoch": 3}, path)
        self.check(path, "'model' is a dict", "model.state_dict()", worker_counts=[0])
        torch.save(state, path, _use_new_zipfile_serialization=False)
        self.check(path, "saved anew", worker_counts=[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)  # with the reasons of what was skipped, for CTest
