# SPDX-License-Identifier: MIT
"""The training code on made-up pictures: samples are sane, a short run learns and can be resumed, exports are exact.

Run by scripts/test.sh with Debian's Python; needs the decal command.
"""
import io
import pathlib
import shutil
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
import encoder  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402
import mixture  # noqa: E402
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


def write_imagenet(path):
    """Random weights with batch normalisation, named as in efficientnet-lite0-57934424.pth."""
    torch.manual_seed(2)
    stored = {"_fc.bias": torch.zeros(1000)}
    for conv, name, norm in encoder.convolutions(encoder.Encoder()):
        count = len(conv.weight)
        fan_in = conv.weight[0].numel()
        stored[f"{name}.weight"] = torch.randn_like(conv.weight) * (2 / fan_in) ** 0.5
        stored[f"{norm}.weight"], stored[f"{norm}.bias"] = torch.rand(count) + 0.5, torch.randn(count) * 0.2
        stored[f"{norm}.running_mean"], stored[f"{norm}.running_var"] = torch.randn(count) * 0.2, torch.rand(count) + 0.5
    torch.save(stored, path)


class TrainingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.data = pathlib.Path(cls.folder.name)
        write_tar(cls.data / "train.tar", 120, True)
        write_tar(cls.data / "backgrounds.tar", 30, False)
        write_tar(cls.data / "val.tar", 12, True)
        write_imagenet(cls.data / "imagenet.pth")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def train(self, *arguments, state="state.pt"):
        command = [sys.executable, TRAINING / "train.py", self.data / state, "--data", self.data, "--size", "64", "--batch", "8",
                   *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_samples_are_pictures_with_mattes(self):
        pictures = mixture.Mixture(self.data)
        dice = data.Dice(np.random.default_rng(3), "cpu")
        for _ in range(6):
            rgb, matte, _ = pictures.batch(dice, 16, 64)
            for planes in (rgb, matte):
                self.assertGreaterEqual(float(planes.min()), 0)
                self.assertLessEqual(float(planes.max()), 1.0001)
            # Discs are brighter than scenes whatever the augmentation: the matte lies on the disc.
            inside = (rgb * matte).sum() / (3 * matte.sum())
            outside = (rgb * (1 - matte)).sum() / (3 * (1 - matte).sum())
            self.assertGreater(float(inside), float(outside) + 0.1)
        for _ in range(20):  # whatever kinds such a small batch happens to have, or lack
            self.assertEqual(len(pictures.batch(dice, 1, 64)[0]), 1)

    def test_listed_photos_come_out_of_clones(self):
        clone = self.data / "clones/someone+photos"
        clone.mkdir(parents=True)
        git = lambda *arguments: subprocess.run(["git", "-C", clone, "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
                                                check=True, capture_output=True, text=True).stdout.strip()
        git("init")
        Image.new("RGB", (640, 400), "red").save(clone / "a photo.png")
        (clone / "notes.jpg").write_text("none")
        git("add", ".")
        git("commit", "-m", "photos")
        commit, listed = git("rev-parse", "HEAD"), self.data / "list.tsv"
        run = lambda *rows: (
            listed.write_text("picture\tsource\tpath\tlicence\tauthor\n" + "".join(f"{each}\tCC0 1.0\tsomeone\n" for each in rows)),
            subprocess.run([sys.executable, TRAINING / "photos.py", self.data / "clones", self.data / "taken", "--list", listed],
                           capture_output=True, text=True))[1]
        done = run(f"red/1\tsomeone/photos@{commit}\ta photo.png", f"red/2\tsomeone/photos@{commit}\tgone.png",
                   f"red/3\tanother/photos@{commit}\ta photo.png")
        self.assertEqual(done.stdout, "1 photos written, 2 not found\n", done.stderr)
        with Image.open(self.data / "taken/red/1.webp") as taken:
            self.assertEqual(taken.size, (320, 200))
        broken = run(f"red/4\tsomeone/photos@{commit}\tnotes.jpg")
        self.assertNotEqual(broken.returncode, 0)
        self.assertIn("notes.jpg: not a picture", broken.stderr.splitlines()[-1])
        self.assertNotIn("Traceback", broken.stderr)

    def test_a_large_teachers_answers_are_in_the_targets(self):
        answers, folder = self.data / "answers", self.data / "extra"
        white, black = (Image.new("L", (320, 320), value) for value in (255, 0))
        names = [name for name, _, _ in data.read_pairs(self.data / "train.tar")][1:11]
        for name in names:
            (answers / name).parent.mkdir(parents=True, exist_ok=True)
            white.save(answers / f"{name}.png")
        (folder / "new").mkdir(parents=True)
        for i in range(6):
            picture(np.random.default_rng(i), True)[0].save(folder / f"new/{i}.webp")
            (answers / "new").mkdir(exist_ok=True)
            black.save(answers / f"new/{i}.png")
        try:
            found = mixture.Mixture(self.data, answers=mixture.read_answers(answers), trust=0.0)
            self.assertEqual((sum(map(len, found.members.values())), len(found.extra)), (10, 5))
            rng = np.random.default_rng(1)
            targets = np.array([found.draw(rng)[3].mean() for _ in range(200)])
            # The teacher says that all is subject, the masks of discs say less; those of this set are not trusted on their own.
            self.assertEqual(targets.min(), 255)
            picked, _, trust = found._photo(rng, found.extra)
            self.assertEqual((picked[3].max(), trust), (0, 1.0))
            half = mixture.Mixture(self.data, answers=mixture.read_answers(answers), trust=1.0)
            self.assertLess(half.draw(rng)[3].min(), 200)
        finally:
            shutil.rmtree(folder)

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

    def test_imagenets_weights_see_what_the_published_network_saw(self):
        found, stored = encoder.Encoder().eval(), torch.load(self.data / "imagenet.pth")
        encoder.take(found, self.data / "imagenet.pth")
        rgb = torch.from_numpy(np.random.default_rng(6).uniform(0, 1, (2, 3, 64, 64)).astype(np.float32))

        def layer(x, conv, name, norm):
            x = F.conv2d(x, stored[f"{name}.weight"], None, conv.stride, conv.padding, 1, conv.groups)
            of = lambda part: stored[f"{norm}.{part}"]
            return F.batch_norm(x, of("running_mean"), of("running_var"), of("weight"), of("bias"), False, 0.1, 1e-3)

        named = {conv: (name, norm) for conv, name, norm in encoder.convolutions(found)}
        with torch.no_grad():
            maps = found(data.normalise(rgb))
            self.assertEqual([tuple(m.shape[1:]) for m in maps], [(c, 32 >> i, 32 >> i) for i, c in enumerate(encoder.CHANNELS)])
            x = F.relu6(layer(2 * rgb - 1, found.stem, *named[found.stem]))
            expected = []
            for stage in found.stages:
                for block in stage:
                    y = x if block.expand is None else F.relu6(layer(x, block.expand, *named[block.expand]))
                    y = F.relu6(layer(y, block.depthwise, *named[block.depthwise]))
                    y = layer(y, block.project, *named[block.project])
                    x = x + y if y.shape == x.shape else y
                expected.append(x)
            for i, level in enumerate(encoder.LEVELS):
                self.assertLess(float((maps[i] - expected[level]).abs().max()), 1e-3 * float(expected[level].abs().max()))

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
        kept = model.MatteNet(frozen=2)
        kept_groups = [group for each in optimiser.optimisers(kept, weight_decay=0.01) for group in each.param_groups]
        stepped = {id(weights) for group in kept_groups for weights in group["params"]}
        frozen = ("encoder.stem.", "encoder.stages.0.", "encoder.stages.1.")
        self.assertEqual({name for name, weights in kept.named_parameters() if id(weights) not in stepped},
                         {name for name, _ in kept.named_parameters() if name.startswith(frozen)})
        encoder = {id(weights) for weights in network.encoder.parameters()}
        for group in groups:
            self.assertEqual({id(weights) in encoder for weights in group["params"]}, {"scale" in group})

    def test_a_run_goes_on_where_it_was(self):
        pictures = mixture.Mixture(self.data)
        run, path = train.Run(), self.data / "kept.pt"
        samples = pictures.batch(data.Dice(np.random.default_rng(5), "cpu"), 4, 64)
        run.step(samples, 1e-3)
        run.save(path)
        again = train.Run()
        again.restore(path)
        self.assertEqual(again.seen, 4)
        self.assertEqual(run.step(samples, 1e-3), again.step(samples, 1e-3))
        self.assertEqual([round(train.share_of_rate(seen, done), 3) for seen, done in ((999, 0), (9999, 0.4), (9999, 0.75), (9999, 1))],
                         [0.5, 1, 0.5, 0])

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
        said = self.train("--samples", 640, "--start", self.data / "imagenet.pth")
        held = [line for line in said.splitlines() if "held out" in line]
        iou = float(held[-1].split("IoU ")[1].split(",")[0])
        losses = [float(line.split("loss ")[1]) for line in said.splitlines() if "loss " in line]
        self.assertGreater(len(losses), 1, said)
        self.assertLess(losses[-1], 0.8 * losses[0], said)
        self.assertGreater(iou, 0.4, said)  # discs of everything: 0.2 at best
        self.assertEqual(torch.load(self.data / "state.pt")["seen"], 640)

        exported = self.data / "model.onnx"
        subprocess.run([sys.executable, TRAINING / "export.py", self.data / "state.pt", exported, "--size", "96"],
                       check=True)
        network = model.MatteNet()
        network.load_state_dict(torch.load(self.data / "state.pt")["average"])
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
