# SPDX-License-Identifier: MIT
"""The training code of the default model's larger network: a step teaches, a state goes on, an Early entry says the same, and
what is exported can be taken up again.

Run by scripts/test.sh with Debian's Python; needs the decal command.
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import torch

from training_test import ROOT, TRAINING, write_tar

import data  # noqa: E402
import early  # noqa: E402
import evaluate  # noqa: E402
import export  # noqa: E402
import join  # noqa: E402
import mixture  # noqa: E402
import model  # noqa: E402
import refine  # noqa: E402
import salient  # noqa: E402
import start  # noqa: E402


def network(seed=1):
    """With random weights that keep the size of what passes."""
    torch.manual_seed(seed)
    made = salient.Salient()
    for conv in made.convolutions():
        torch.nn.init.kaiming_normal_(conv.weight)
        torch.nn.init.normal_(conv.bias, 0, 0.1)  # equal ones would be written once, under one name
    return made.eval()


class SalientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.data = pathlib.Path(cls.folder.name)
        write_tar(cls.data / "train.tar", 60, True)
        write_tar(cls.data / "backgrounds.tar", 30, False)
        write_tar(cls.data / "backgrounds2.tar", 28, False)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_batches_mix_subjects_and_scenes_with_their_trust(self):
        pictures = mixture.Mixture(self.data)
        self.assertEqual((len(pictures.pairs), len(pictures.unknown), len(pictures.scenes)), (57, 28, 26))  # the others are held out
        rgb, matte, trust = pictures.batch(data.Dice(np.random.default_rng(1), "cpu"), 48, 64)
        self.assertEqual((rgb.shape, matte.shape, trust.shape), ((48, 3, 64, 64), (48, 1, 64, 64), (48, 1, 1, 1)))
        covered = matte.mean((1, 2, 3))
        self.assertGreater(int((covered > 0.02).sum()), 30)
        unknown = trust.flatten() == 0
        self.assertTrue(unknown.any() and float(covered[unknown].max()) == 0)
        self.assertEqual(set(trust.flatten().tolist()) - {0.0, 0.5, 0.75, 1.0} - {float(np.float32(0.7))}, set())

    def test_steps_teach_and_a_state_goes_on(self):
        pictures = mixture.Mixture(self.data)
        samples = pictures.batch(data.Dice(np.random.default_rng(2), "cpu"), 4, 64)
        run, path = refine.Run(network(), export.folded(model.MatteNet()), 2e-2), self.data / "refined.pt"
        losses = [run.step(samples, 1.0, whole, False) for whole in (False, True) for _ in range(4)]
        self.assertLess(losses[3], losses[0])
        self.assertLess(losses[7], losses[4])
        run.save(path)
        again = refine.Run(salient.Salient(), export.folded(model.MatteNet()), 2e-2)
        again.teachers.small = run.teachers.small
        again.restore(path)
        self.assertEqual(again.seen, 32)
        self.assertEqual(run.step(samples, 1.0, True, False), again.step(samples, 1.0, True, False))

    def test_teachers_alone_teach_where_there_is_no_trust(self):
        rgb, matte, trust = mixture.Mixture(self.data).batch(data.Dice(np.random.default_rng(3), "cpu"), 4, 64)
        run = refine.Run(network(), None, 1e-3)
        untrusted = [float(run.loss((rgb, mask, 0 * trust), True, False)) for mask in (matte, 1 - matte)]
        self.assertEqual(*untrusted)
        trusted = [float(run.loss((rgb, mask, 0 * trust + 1), True, False)) for mask in (matte, 1 - matte)]
        self.assertNotEqual(*trusted)

    def test_a_network_with_early_entries_says_nearly_the_same(self):
        full = network(4)
        pictures = salient.normalise(mixture.Mixture(self.data).batch(data.Dice(np.random.default_rng(4), "cpu"), 8, 64)[0])
        found = early.with_early(full, pictures)
        self.assertEqual(salient.early_stages(found.state_dict()), early.STAGES)
        with torch.no_grad():
            before, after = full(pictures), found(pictures)
        self.assertGreater(np.corrcoef(before.flatten(), after.flatten())[0, 1], 0.95)

        # What enters smooth maps is the same but for the edges.
        with torch.no_grad():
            coarse, level = torch.rand(1, 64, 1, 1).expand(1, 64, 8, 8), torch.rand(1, 64, 1, 1).expand(1, 64, 16, 16)
            entry, conv = salient.Early(), full.up[-1].entry
            entry.coarse.weight.copy_(conv.weight[:, :64])
            entry.coarse.bias.copy_(conv.bias)
            entry.fine.weight.copy_(conv.weight[:, 64:])
            expected = conv(torch.cat([salient.enlarged(coarse, level), level], 1))
            self.assertLess(float((entry(coarse, level) - expected)[..., 4:12, 4:12].abs().max()), 1e-4)

    def test_kernels_as_int8_lose_little(self):
        values = np.random.default_rng(5).normal(0, 1, (8, 16, 3, 3)).astype(np.float32) * np.arange(1, 9)[:, None, None, None]
        rounded, scale = join.as_int8(values)
        errors = np.abs(rounded * scale[:, None, None, None] - values).mean((1, 2, 3)) / np.abs(values).mean((1, 2, 3))
        self.assertLess(errors.max(), 0.02)

    def test_what_is_exported_runs_and_can_be_taken_up(self):
        import onnx

        found = early.with_early(network(6), torch.randn(2, 3, 64, 64))
        small = export.folded(model.MatteNet())
        for name, values in small.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(values, 0, 0.1)
        joint = join.Joint(found, small, small_side=64).eval()
        written = join.export(joint, 96)
        join.stored(written)
        path = self.data / "joint.onnx"
        onnx.save(written, str(path))
        picture = torch.rand(1, 3, 96, 96) * 4 - 2
        np.save(self.data / "x.npy", picture.numpy())
        subprocess.run([ROOT / "build/bin/decal", "run", path, "--input", self.data / "x.npy", "--output", self.data / "y.npy"],
                       check=True, capture_output=True)
        with torch.no_grad():
            self.assertLess(np.abs(np.load(self.data / "y.npy") - joint(picture).numpy()).mean(), 0.02)

        again, weights = salient.begun(path), found.state_dict()
        for name, value in again.state_dict().items():
            self.assertLess(float((value - weights[name]).abs().max()), 2e-3 * max(1, float(weights[name].abs().max())), name)
        taken = refine.read_small(path)
        seen = torch.randn(1, 3, 64, 64)
        with torch.no_grad():
            expected = small.eval()(seen)
            self.assertLess(float((taken.eval()(seen) - expected).abs().mean()), 0.1 * float(expected.abs().mean()))
        fresh = model.MatteNet()
        start.begin(fresh, path, torch.randn(4, 3, 64, 64))
        self.assertTrue(torch.equal(fresh.head.weight, taken.head.weight))

    def test_between_two_networks(self):
        for name, value in (("begin", 0.0), ("a", 1.0), ("b", 3.0)):
            torch.save({"w": torch.full((2,), value)}, self.data / f"{name}.pt")
        subprocess.run([sys.executable, TRAINING / "blend.py", *(self.data / f"{name}.pt" for name in ("begin", "a", "b", "out")),
                        "--share", "0.25"], check=True)
        self.assertEqual(torch.load(self.data / "out.pt")["w"].tolist(), [0.5, 0.5])

    def test_results_stand_beside_each_other(self):
        half = np.zeros((20, 20), np.float32)
        half[:, :10] = 1
        rows = [(*evaluate.measure(matte, half), matte.mean()) for matte in (half, 0 * half)]
        text = evaluate.beside_table({"decal-default": {"val": {"set": rows}}, "u2netp": {"val": {"set": rows[:1]}}})
        self.assertIn("| val | decal-default (sets seen in training) | 2 | 0.500 | 0.250 |", text)
        self.assertIn("| 1 | 1 |", text.splitlines()[2])
        self.assertIn("| val | u2netp | 1 | 1.000 | 0.000 |", text)
        self.assertIn("| 0 | 0 |", text.splitlines()[3])


if __name__ == "__main__":
    unittest.main(verbosity=2)
