# SPDX-License-Identifier: MIT
"""The training code on made-up pictures: samples are sane, a short run learns and can be resumed, exports are exact.

Run by scripts/test.sh with Debian's Python; needs the decal command.
"""
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.io import savemat
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINING = ROOT / "training"
sys.path.insert(0, str(TRAINING))

import data  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402
import model  # noqa: E402
import optimiser  # noqa: E402
import start  # noqa: E402
import train  # noqa: E402
from losses import laplacian_loss, matte_loss  # noqa: E402


def picture(rng, subject):
    """A bright disc before a dark, striped scene, and its mask; or the scene alone."""
    width, height = int(rng.integers(90, 140)), int(rng.integers(90, 140))
    rows = np.linspace(0, rng.uniform(4, 20), height)[:, None, None]
    scene = 70 + 50 * np.sin(rows + np.arange(3)) + rng.normal(0, 8, (height, width, 3))
    photo = Image.fromarray(scene.clip(0, 255).astype(np.uint8))
    mask = Image.new("L", photo.size)
    if subject:
        radius = rng.uniform(0.2, 0.4) * min(width, height)
        x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
        colour = tuple(int(v) for v in rng.integers(180, 256, 3))
        ImageDraw.Draw(photo).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return photo, mask


def write_tar(path, count, subject):
    rng = np.random.default_rng(count)
    with tarfile.open(path, "w") as archive:
        for i in range(count):
            photo, mask = picture(rng, subject)
            files = [("webp", photo)] + ([("png", mask)] if subject else [])
            for suffix, image in files:
                stored = io.BytesIO()
                image.save(stored, suffix, **({"quality": 90} if suffix == "webp" else {}))
                entry = tarfile.TarInfo(f"{'discs' if subject else 'backgrounds'}/{i:04}.{suffix}")
                entry.size = stored.tell()
                stored.seek(0)
                archive.addfile(entry, stored)


def write_detector(path):
    """A detector's backbone shaped like NanoDet-g's, with random weights, as a TensorFlow.js graph model."""
    shapes, inputs = [(3, 32)], 32
    for pairs in (1, 2, 2, 3):
        shapes += [(inputs, inputs), *pairs * [(inputs, inputs // 2), (inputs // 2, inputs // 2)], (inputs, inputs)]
        inputs *= 2
    rng = np.random.default_rng(2)
    stored, nodes, raw = [], [], b""

    def keep(name, values):
        nonlocal raw
        raw += values.astype(np.float16).tobytes()
        stored.append({"name": name, "shape": list(values.shape), "dtype": "float32", "quantization": {"dtype": "float16"}})
        nodes.append({"name": name, "op": "Const"})

    for i, (inputs, outputs) in enumerate(shapes):
        keep(f"split_{i}", rng.normal(0, (2 / (9 * inputs)) ** 0.5, (3, 3, inputs, outputs)))
        keep(f"bias_{i}", rng.normal(0, 0.1, (1, 1, 1, outputs)))
        name = f"part/convolution_{i}" if i else "part/convolution"
        nodes.append({"name": name, "op": "Conv2D", "input": ["x", f"split_{i}"]})
        nodes.append({"name": f"add_{i}", "op": "Add", "input": [name, f"bias_{i}"]})
    path.with_suffix(".bin").write_bytes(raw)
    path.write_text(json.dumps({"modelTopology": {"node": nodes},
                                "weightsManifest": [{"paths": [path.stem + ".bin"], "weights": stored}]}))


class TrainingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.data = pathlib.Path(cls.folder.name)
        write_tar(cls.data / "train.tar", 120, True)
        write_tar(cls.data / "backgrounds.tar", 30, False)
        write_tar(cls.data / "val.tar", 12, True)
        write_detector(cls.data / "detector.json")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def train(self, *arguments, state="state.pt"):
        command = [sys.executable, TRAINING / "train.py", self.data / state, "--data", self.data, "--cache",
                   self.data / "cache", "--size", "64", "--stored", "80", "--batch", "8", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_samples_are_pictures_with_mattes(self):
        pictures = data.Pictures(self.data, 80, self.data / "cache")
        dice = data.Dice(np.random.default_rng(3), "cpu")
        empty = 0
        for _ in range(6):
            rgb, matte, drawn = pictures.batch(dice, 16, 64)
            self.assertEqual((tuple(rgb.shape), tuple(matte.shape)), ((16, 3, 64, 64), (16, 1, 64, 64)))
            self.assertTrue(len(drawn) <= 16 and set(drawn) <= set(pictures.chosen), drawn)
            for planes in (rgb, matte):
                self.assertGreaterEqual(float(planes.min()), 0)
                self.assertLessEqual(float(planes.max()), 1.0001)
            empty += int((matte.amax((1, 2, 3)) < 0.01).sum())
            # Discs are brighter than scenes whatever the augmentation: the matte lies on the disc.
            inside = (rgb * matte).sum() / (3 * matte.sum())
            outside = (rgb * (1 - matte)).sum() / (3 * (1 - matte).sum())
            self.assertGreater(float(inside), float(outside) + 0.1)
        self.assertGreater(empty, 0)
        self.assertLess(empty, 40)
        for _ in range(40):  # whatever kinds such a small batch happens to have, or lack
            self.assertEqual(len(pictures.batch(dice, 1, 64)[0]), 1)

    def test_pictures_that_are_missed_come_more_often(self):
        pictures = data.Pictures(self.data, 80, self.data / "cache")
        dice = data.Dice(np.random.default_rng(4), "cpu")
        hard, easy = np.array(pictures.chosen[:10]), np.array(pictures.chosen[10:])
        for _ in range(8):
            pictures.learn(hard, np.full(len(hard), 1.0))
            pictures.learn(easy, np.full(len(easy), 0.0))
        drawn = np.concatenate([pictures.batch(dice, 64, 64)[2] for _ in range(20)])
        expected = data.HARDEST * len(hard) / (data.HARDEST * len(hard) + data.EASIEST * len(easy))
        self.assertAlmostEqual(np.isin(drawn, hard).mean(), expected, delta=0.06)
        self.assertFalse(np.isin(drawn, range(0, 120, data.HELD_OUT)).any())

        # Batches are drawn ahead by the chances of when they were asked for, whatever is learnt while they are made.
        ahead = pictures.batches(data.Dice(np.random.default_rng(4), "cpu"), 64, 64)
        next(ahead)
        pictures.learn(easy, np.full(len(easy), 1.0))
        drawn = np.concatenate([next(ahead)[2] for _ in range(2)])
        self.assertAlmostEqual(np.isin(drawn, hard).mean(), expected, delta=0.15)
        drawn = np.concatenate([next(ahead)[2] for _ in range(4)])
        self.assertLess(np.isin(drawn, hard).mean(), expected - 0.15)

    def test_pictures_that_show_subjects_do_not_teach_emptiness(self):
        pictures = data.Pictures(self.data, 80, self.data / "cache")
        self.assertIn("0026", data.SHOW_SUBJECTS)
        self.assertEqual(pictures.empty, [i for i in range(30) if i not in (0, 25, 26)])  # 0 and 25 are held out

    def test_strips_beside_subjects_are_free_of_them(self):
        mask = np.zeros((100, 200), np.uint8)
        mask[30:90, 110:150] = 255  # left of it 55 % of the width, right 25 %, above 30 % of the height
        rows, columns = data.free_strip(mask)
        self.assertEqual((rows, columns), (slice(0, 100), slice(0, 106)))
        self.assertEqual(data.free_strip(mask.T), (slice(0, 106), slice(0, 100)))
        self.assertEqual(data.free_strip(mask[::-1, ::-1]), (slice(0, 100), slice(94, 200)))
        self.assertIsNone(data.free_strip(np.full((50, 50), 255, np.uint8)))
        self.assertIsNone(data.free_strip(np.zeros((50, 50), np.uint8)))

        photo, outline = io.BytesIO(), io.BytesIO()
        Image.fromarray(np.dstack([mask, mask, mask])).save(photo, "webp", lossless=True)
        Image.fromarray(mask).save(outline, "png")
        (name, strip, nothing), = evaluate.strips([("set/7", photo.getvalue(), outline.getvalue())])
        self.assertEqual((name, nothing), ("strips/set-7", None))
        picture = np.asarray(Image.open(io.BytesIO(strip)).convert("RGB"))
        self.assertEqual((picture.shape, picture.max()), ((100, 106, 3), 0))

    def test_portraits_are_the_upper_part_of_people(self):
        standing = np.zeros((4, 160, 160), np.uint8)
        standing[0] = np.arange(160)[:, None]  # the red of a row tells where it was
        standing[3, 20:140, 74:86] = 255
        rng = np.random.default_rng(8)
        for aspect in (0.66, 1.0, 1.5):
            for _ in range(20):
                found, shape = data.portrait(standing, aspect, rng)
                self.assertTrue(0.65 < shape < 1.25, shape)
                top, bottom = int(found[0, 0].min()), int(found[0, -1].max())
                self.assertTrue(0 <= top <= 20 and 45 <= bottom <= 95, (top, bottom))
                self.assertGreater(found[3, -1].max(), 250)  # goes on below the edge
                # The person is as broad as before, pixel for pixel of the photo.
                broad = (found[3, -1] > 127).mean() * shape * (bottom - top) / (aspect * 160)
                self.assertAlmostEqual(broad, 12 / 160, delta=0.01)
        lying = standing.transpose(0, 2, 1).copy()
        self.assertIs(data.portrait(lying, 1.0, rng)[0], lying)

    def test_published_sets_become_pairs(self):
        root = self.data / "published"
        for folder in ("101_ObjectCategories/cup", "Annotations/cup", "101_ObjectCategories/Faces",
                       "101_ObjectCategories/BACKGROUND_Google", "photos", "annotations/pixel-level"):
            (root / folder).mkdir(parents=True)
        photo = Image.new("RGB", (640, 320), (200, 0, 0))
        photo.save(root / "101_ObjectCategories/cup/image_0001.jpg")
        photo.save(root / "101_ObjectCategories/Faces/image_0001.jpg")
        photo.save(root / "101_ObjectCategories/BACKGROUND_Google/image_0001.jpg")
        contour = np.array([[0, 200, 200, 0], [0, 0, 100, 100]])
        savemat(root / "Annotations/cup/annotation_0001.mat",
                {"box_coord": np.array([[60, 160, 120, 320]]), "obj_contour": contour})
        photo.save(root / "photos/0007.jpg")
        labels = np.zeros((320, 640), np.uint8)
        labels[60:160, 120:320] = 5
        savemat(root / "annotations/pixel-level/0007.mat", {"groundtruth": labels})
        for name in ("caltech101", "ccp", "backgrounds"):
            subprocess.run([sys.executable, TRAINING / "convert.py", name, root, self.data / "converted"], check=True)
        pairs = list(data.read_pairs(self.data / "converted"))
        self.assertEqual([name for name, _, _ in pairs], ["backgrounds/0000", "caltech101/00000", "ccp/00000"])
        self.assertIsNone(pairs[0][2])
        for name, photo, mask in pairs[1:]:
            planes, aspect = data.decode(photo, mask, 64)
            self.assertAlmostEqual(aspect, 2)
            expected = np.zeros((64, 64))
            expected[12:32, 12:32] = 255
            self.assertLess(np.abs(planes[3] - expected).mean(), 5, name)

    def test_a_detectors_weights_see_what_the_detector_saw(self):
        weights = start.read_detector(self.data / "detector.json")
        encoder = model.MatteNet().encoder
        start.take_detector(encoder, weights)
        rgb = torch.from_numpy(np.random.default_rng(6).uniform(0, 1, (1, 3, 96, 96)).astype(np.float32))
        numbers = iter(range(len(weights)))
        conv = lambda x, stride=1: F.leaky_relu(F.conv2d(x, *weights[next(numbers)], stride, 1), 0.1)
        mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in (start.DETECTOR_MEAN, start.DETECTOR_STD))
        with torch.no_grad():
            maps = encoder(data.normalise(rgb))
            stem = conv((255 * rgb.flip(1) - mean) / spread, 2)
            # Outside the picture lies 0, which is another colour to each.
            self.assertLess(float((maps[0] - stem)[..., 1:, 1:].abs().max()), 1e-4)
            x = F.max_pool2d(maps[0], 3, 2, 1)
            for found, stride, pairs in zip(maps[1:], (1, 2, 2, 2), (1, 2, 2, 3)):
                x = entry = conv(x, stride)
                for _ in range(pairs):
                    half = conv(x)
                    x = torch.cat([conv(half), half], 1)
                end = x if found is maps[4] else conv(x)  # the last of all is left out
                x = torch.cat([end, entry], 1)
                self.assertLess(float((found - x).abs().max()), 1e-4)

    def test_a_training_goes_on_from_an_exported_model(self):
        torch.manual_seed(7)
        trained, pictures = model.MatteNet(), torch.randn(4, 3, 64, 64)
        for norm in (module for module in trained.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            for values, low, high in ((norm.running_mean, -1, 1), (norm.running_var, 0.5, 2), (norm.weight.data, -2, 2), (norm.bias.data, -1, 1)):
                values.uniform_(low, high)
        plain = export.folded(trained)
        again = model.MatteNet()
        start.take_model(again, plain.state_dict(), pictures)
        with torch.no_grad():
            expected, found = plain(pictures), again.train()(pictures)[0]
        self.assertLess(float((found - expected).abs().max()), 1e-3 * float(expected.abs().max()))
        self.assertLess(float((again.eval()(pictures) - expected).abs().max()), 0.1 * float(expected.abs().max()))
        with self.assertRaisesRegex(SystemExit, "head.weight: the model to begin with has another network"):
            start.take_model(again, {**plain.state_dict(), "head.weight": torch.zeros(1)}, pictures)

    def test_losses_are_least_for_the_truth(self):
        matte = torch.zeros(1, 1, 32, 32)
        matte[..., 8:20, 10:24] = 1
        right, wrong = (2 * matte - 1) * 12, (1 - 2 * matte) * 12
        for loss in (matte_loss, laplacian_loss):
            self.assertLess(float(loss(right, matte)), 0.01)
            self.assertGreater(float(loss(wrong, matte)), float(loss(0 * wrong, matte)))
        nothing = torch.zeros(1, 1, 32, 32)
        self.assertLess(float(matte_loss(nothing - 12, nothing)), float(matte_loss(nothing, nothing)))

    def test_steps_of_kernels_are_orthogonal(self):
        torch.manual_seed(5)
        for shape in ((16, 27), (64, 144), (48, 20)):
            strong = torch.randn(shape[0], 1) @ torch.randn(1, shape[1])  # one direction that outweighs all others
            step = optimiser.orthogonal(3 * strong + torch.randn(shape))
            values = torch.linalg.svdvals(step)
            self.assertGreater(float(values.min()), 0.3, shape)
            self.assertLess(float(values.max()), 1.3, shape)

        # Both kinds of steps find the least of (w - target)^2.
        network = torch.nn.Sequential(torch.nn.Conv2d(16, 16, 3), torch.nn.BatchNorm2d(16))
        target = torch.randn(16, 16, 3, 3)
        both = optimiser.optimisers(network, weight_decay=0.0)
        self.assertEqual([sum(len(group["params"]) for group in each.param_groups) for each in both], [1, 3])
        for i in range(400):
            network.zero_grad()
            distance = ((network[0].weight - target) ** 2).mean() + ((network[1].weight - 3) ** 2).mean()
            distance.backward()
            for each in both:
                for group in each.param_groups:
                    group["lr"] = 0.05 * (1 - i / 400)
                each.step()
        self.assertLess(float(distance), 0.01)

    def test_every_weight_is_stepped_once_and_the_encoder_slowly(self):
        network = model.MatteNet()
        groups = [group for each in optimiser.optimisers(network, weight_decay=0.01) for group in each.param_groups]
        stepped = [weights for group in groups for weights in group["params"]]
        self.assertEqual(sorted(map(id, stepped)), sorted(map(id, network.parameters())))
        encoder = {id(weights) for weights in network.encoder.parameters()}
        for group in groups:
            self.assertEqual({id(weights) in encoder for weights in group["params"]}, {"scale" in group})

    def test_a_run_goes_on_where_it_was(self):
        pictures = data.Pictures(self.data, 80, self.data / "cache")
        run, path = train.Run(torch.device("cpu"), pictures), self.data / "kept.pt"
        samples = pictures.batch(data.Dice(np.random.default_rng(5), "cpu"), 16, 64)
        run.step(samples, 1e-3, half=False)
        self.assertTrue((pictures.difficulty[samples[2]] != data.UNKNOWN).all())
        run.save(path)
        again = train.Run(torch.device("cpu"), data.Pictures(self.data, 80, self.data / "cache"))
        again.restore(path)
        self.assertEqual(again.seen, 16)
        np.testing.assert_array_equal(again.pictures.difficulty, pictures.difficulty)
        self.assertEqual(run.step(samples, 1e-3, half=False), again.step(samples, 1e-3, half=False))

        state = torch.load(path)
        torch.save({**state, "optimisers": state["optimisers"][:1]}, path)
        with self.assertRaisesRegex(SystemExit, "kept.pt: not a state of this version of the training"):
            again.restore(path)
        for contents in (b"no state", b"", path.read_bytes()[:1000]):
            path.write_bytes(contents)
            with self.assertRaisesRegex(SystemExit, "kept.pt: not a state of this version of the training"):
                again.restore(path)

    def test_measures_of_known_masks(self):
        truth = np.zeros((100, 100), np.float32)
        truth[20:60, 20:60] = 1
        shifted = np.roll(truth, 20, 1)
        iou, error, f_beta, edge = evaluate.measure(shifted, truth)
        self.assertAlmostEqual(iou, 1 / 3)
        self.assertAlmostEqual(error, 0.16, places=5)
        self.assertAlmostEqual(f_beta.max(), 0.5)
        self.assertLess(edge, iou)
        self.assertEqual(evaluate.measure(truth, truth)[3], 1)

    def test_a_short_run_learns_and_its_export_is_exact(self):
        said = self.train("--samples", 960, "--start", self.data / "detector.json")
        held = [line for line in said.splitlines() if "held out" in line]
        iou = float(held[-1].split("IoU ")[1].split(",")[0])
        losses = [float(line.split("loss ")[1]) for line in said.splitlines() if "loss " in line]
        self.assertGreater(len(losses), 1, said)
        self.assertLess(losses[-1], 0.8 * losses[0], said)
        self.assertGreater(iou, 0.4, said)  # discs of everything: 0.2 at best

        seen = torch.load(self.data / "state.pt")["seen"]
        self.train("--samples", 16, "--decay", "--out", self.data / "final.pt")
        self.assertEqual(torch.load(self.data / "final.pt")["seen"], seen + 16)
        self.assertEqual(torch.load(self.data / "state.pt")["seen"], seen)

        exported = self.data / "model.onnx"
        subprocess.run([sys.executable, TRAINING / "export.py", self.data / "final.pt", exported, "--size", "96"],
                       check=True)
        network = model.MatteNet()
        network.load_state_dict(torch.load(self.data / "final.pt")["average"])
        said = self.train("--samples", 8, "--rate", 0, "--start", exported, state="again.pt")
        self.assertAlmostEqual(float(said.split("held out: IoU ")[1].split(",")[0]), iou, delta=0.1)
        photo, _ = picture(np.random.default_rng(9), True)
        photo = photo.resize((96, 96))
        photo.save(self.data / "photo.png")
        values = data.normalise(torch.from_numpy(np.asarray(photo).transpose(2, 0, 1).copy())[None].float() / 255)
        np.save(self.data / "input.npy", values.numpy())
        subprocess.run([ROOT / "build/bin/decal", "run", exported, "--input", self.data / "input.npy", "--output",
                        self.data / "matte.npy"], check=True, capture_output=True)
        with torch.no_grad():
            expected = model.Matte(network.eval())(values).numpy()
        self.assertLess(np.abs(np.load(self.data / "matte.npy") - expected).max(), 1e-3)
        command = [str(ROOT / "build/bin/decal"), "--model", "decal-default", "--model-file", str(exported),
                   "--refine", "off"]  # the network's own matte
        found = evaluate.mattes(command, str(self.data), ["photo"])
        self.assertLess(np.abs(found["photo"] - expected[0, 0]).mean(), 0.01)


if __name__ == "__main__":
    unittest.main(verbosity=2)
