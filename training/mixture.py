#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the networks are trained on: pairs of all sets, composites of them, scenes without a subject, and how far to
trust each mask beside the teachers' answer.

With the stored answers of a large teacher (teacher.py), targets contain its share already, and most pictures drawn are ones that it
answered.

Pictures stay compressed and are decoded when they are drawn: a few milliseconds, where a step of training takes hundreds.
"""
import argparse
import collections
import io
import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from data import HELD_OUT, PEOPLE, PORTRAIT_SHARE, Dice, compose, decode, free_strip, portrait, read_pairs, recolour, tar_or_folder, warp

STORED = 320  # the sets' long side, and the network's input
SOURCES = ("train", "clothing_cc0", "coco_by", "alpha_objects", "alpha_groceries")
# Of each set: how often it is drawn as it is, how often cut out for a composite, and what share of the target is its mask; the
# rest is the teachers'. Masks count for less where they are coarse or name one of several subjects (see the sets' own READMEs).
SETS = {
    "caltech101": (0.36, 0.15, 0.6),
    "animals_komahomu": (0.12, 0.09, 0.6),
    "ccp": (0.13, 0.16, 0.8),
    "clothing_cc0": (0.11, 0.16, 0.6),
    "coco_by": (0.07, 0.05, 0.6),
    "feral_cats": (0.06, 0.03, 0.6),
    "cars246": (0.04, 0.06, 0.85),
    "class5segment": (0.03, 0.03, 0.5),
    "alpha_objects": (0.02, 0.17, 0.9),
    "alpha_groceries": (0.02, 0.10, 0.9),
    "coco256": (0.03, 0.0, 0.3),
    "cats81": (0.01, 0.0, 0.4),
}
OTHERS = (0.03, 0.03, 0.5)
EXACT = ("alpha_objects", "alpha_groceries")
# Of the samples: composites; strips beside subjects and scenes that show none, whose masks are empty; and pictures of Caltech-101's
# background class, many of which show a subject of no class, for the teachers alone to say.
COMPOSITES, STRIPS, SCENES, UNKNOWN = 0.25, 0.06, 0.04, 0.06
EXTRA = 0.4  # if there are photos without masks that a large teacher has answered
# Of the pairs drawn beside a large teacher, so many have no answer of it yet: of sets whose masks are trusted this far.
UNANSWERED, TRUSTED = 0.35, 0.6
TWICE = 0.35  # of the composites get a second subject, and a third of these a third
EMPTY_TRUST, SCENE_TRUST, COMPOSITE_TRUST = 1.0, 0.7, 0.75
# Behind a cut-out: a scene, a strip, a picture of no class, or another picture with its subject.
BEHIND = (0.4, 0.2, 0.2, 0.2)


def read_answers(folder):
    """What teacher.py wrote: PNG bytes by picture name."""
    folder = pathlib.Path(folder)
    return {path.relative_to(folder).with_suffix("").as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


class Mixture:
    """Draws augmented batches from a folder of archives."""

    def __init__(self, folder, held_out=False, answers=None, trust=1.0, composites=COMPOSITES, extra=EXTRA):
        self.pairs, self.members, self.unanswered, self.answers = [], collections.defaultdict(list), collections.defaultdict(list), answers
        self.trust, self.composites = trust, composites
        for source in SOURCES:
            path = tar_or_folder(folder, source)
            if not path.exists():
                continue
            stored = {name: (photo, mask) for name, photo, mask in read_pairs(path)}
            masked = [name for name, (_, mask) in stored.items() if mask is not None]
            for i, name in enumerate(masked):
                group = name.split("/")[0]
                answered = self._answered(name)
                if (i % HELD_OUT == 0) != held_out or not (answered or SETS.get(group, OTHERS)[2] >= TRUSTED):
                    continue
                cut = stored.get(name + "_fg", (None,))[0]  # the foreground's own colours, past its edge
                (self.members if answered else self.unanswered)[group].append(len(self.pairs))
                self.pairs.append((name, *stored[name], cut))
        self.scenes = self._photos(folder, "backgrounds2", held_out)
        self.unknown = self._photos(folder, "backgrounds", held_out)
        self.extra = self._photos(folder, "extra", held_out)
        self.extra_share = extra if self.extra else 0
        self.sets = list(self.members)
        drawn = np.array([SETS.get(name, OTHERS)[:2] for name in self.sets])
        self.plain, self.cut = (drawn / drawn.sum(0)).T

    def _photos(self, folder, name, held_out):
        path = tar_or_folder(folder, name)
        photos = [(name, photo) for name, photo, _ in read_pairs(path)] if path.exists() else []
        return [each for i, each in enumerate(photos) if (i % HELD_OUT == 0) == held_out and self._answered(each[0])]

    def _answered(self, name):
        return self.answers is None or name in self.answers

    def in_turn(self, rng):
        """All pictures that a teacher can answer, (name, photo), the likelier to be drawn the sooner."""
        drawn = [(each[:2], self.plain[i] / len(self.members[name])) for i, name in enumerate(self.sets)
                 for each in (self.pairs[k] for k in self.members[name])]
        for share, photos in ((SCENES, self.scenes), (UNKNOWN, self.unknown), (self.extra_share * 3, self.extra)):
            drawn += [(each, share / len(photos)) for each in photos if share]
        chances = np.array([chance for _, chance in drawn])
        for i in rng.choice(len(drawn), len(drawn), replace=False, p=chances / chances.sum()):
            yield drawn[i][0]

    def _blended(self, picture, name, trust):
        """The picture with the teacher's stored answer in its target, and what of the target is still to be asked for: nothing."""
        if self.answers is None:
            return picture, trust
        if name not in self.answers:
            return picture, 1.0
        trust *= self.trust
        answer = np.asarray(Image.open(io.BytesIO(self.answers[name])), np.float32)
        picture[3] = np.round(trust * picture[3] + (1 - trust) * answer)
        return picture, 1.0

    def _pair(self, rng, chances, cut=False):
        """A picture uint8 [4,S,S], its aspect ratio, the trust in its mask, and whether its outline is exact."""
        name = self.sets[rng.choice(len(self.sets), p=chances)]
        members = self.members[name]
        if self.unanswered[name] and rng.uniform() < UNANSWERED:
            members = self.unanswered[name]
        stored, photo, mask, colours = self.pairs[rng.choice(members)]
        picture, aspect = decode(colours if cut and colours else photo, mask, STORED)
        trust = SETS.get(name, OTHERS)[2]
        if not cut:
            picture, trust = self._blended(picture, stored, trust)
        if name in PEOPLE and rng.uniform() < PORTRAIT_SHARE:
            picture, aspect = portrait(picture, aspect, rng)
        return picture, aspect, trust, name in EXACT

    def masked(self, size, most=128):
        """Pairs as they are, uint8 [N,4,size,size], evenly from all: `most` at most."""
        chosen = self.pairs[::max(1, -(-len(self.pairs) // most))]
        return np.stack([decode(photo, mask, size)[0] for _, photo, mask, _ in chosen])

    def draw(self, rng):
        """One picture with a mask as it is, uint8 [4,STORED,STORED]."""
        return self._pair(rng, self.plain)[0]

    def _strip(self, rng):
        for _ in range(100):
            picture, aspect, _, _ = self._pair(rng, self.plain)
            strip = free_strip(picture[3])
            if strip:
                part = torch.from_numpy(picture[:3, strip[0], strip[1]].astype(np.float32))[None]
                full = F.interpolate(part, size=(STORED, STORED), mode="bilinear", align_corners=False)[0].round().byte().numpy()
                return np.concatenate([full, np.zeros_like(full[:1])]), aspect * part.shape[3] / part.shape[2]
        return self._photo(rng, self.scenes or self.unknown, SCENE_TRUST)[:2]

    def _photo(self, rng, photos, trust=0.0):
        """A picture without a mask, its aspect ratio, and the trust in there being no subject."""
        name, photo = photos[rng.integers(len(photos))]
        picture, aspect = decode(photo, None, STORED)
        picture, trust = self._blended(picture, name, trust)
        return picture, aspect, trust

    def _behind(self, rng):
        kind = rng.choice(4, p=BEHIND)
        if kind == 0 and self.scenes:
            return self._photo(rng, self.scenes, SCENE_TRUST)[:2]
        if kind == 1:
            return self._strip(rng)
        if kind == 2 and self.unknown:
            return self._photo(rng, self.unknown)[:2]
        return self._pair(rng, self.plain)[:2]

    def batch(self, dice, count, size):
        """Pictures [count,3,size,size] 0..1, their mattes [count,1,size,size] and the trust in these [count,1,1,1]."""
        rng = dice.rng
        shares = (self.composites, STRIPS, SCENES, UNKNOWN)
        plainly = 1 - sum(shares)
        kinds = rng.choice(6, count, p=(plainly * (1 - self.extra_share), *shares, plainly * self.extra_share))
        plain, trust = [], []
        for kind in kinds[kinds != 1]:
            if kind == 0:
                *drawn, sure, _ = self._pair(rng, self.plain)
            elif kind == 2:
                drawn, sure = self._strip(rng), EMPTY_TRUST
            elif kind == 5:
                *drawn, sure = self._photo(rng, self.extra)
            else:
                *drawn, sure = self._photo(rng, *((self.scenes, SCENE_TRUST) if kind == 3 and self.scenes else (self.unknown, 0.0)))
            plain.append(drawn)
            trust.append(sure)
        parts = [warp(*stacked(plain), size, dice)] if plain else []
        composites = count - len(plain)
        if composites:
            parts.append(self._composites(dice, composites, size))
            trust += [1.0 if self.answers else COMPOSITE_TRUST] * composites
        planes = torch.cat(parts)
        return recolour(planes[:, :3], dice), planes[:, 3:], torch.tensor(trust, dtype=torch.float32).view(-1, 1, 1, 1)

    def _composites(self, dice, count, size):
        rng = dice.rng
        scene = warp(*stacked([self._behind(rng) for _ in range(count)]), size, dice)
        again = torch.ones(count, dtype=torch.bool)
        for share in (1, TWICE, 1 / 3):
            again &= torch.from_numpy(rng.uniform(size=count) < share)
            if again.any():
                drawn = [self._pair(rng, self.cut, cut=True) for _ in range(int(again.sum()))]
                front = warp(*stacked([each[:2] for each in drawn]), size, dice, loose=True)
                scene[again] = compose(front, scene[again], dice, torch.tensor([each[3] for each in drawn]))
        return scene

    def batches(self, dice, count, sizes):
        """Batches without end, their sizes drawn from `sizes`, made on a thread of their own while others are trained on."""
        with ThreadPoolExecutor(1) as thread:
            ask = lambda: thread.submit(lambda: self.batch(dice, count, int(dice.rng.choice(sizes))))
            made = collections.deque(ask() for _ in range(2))
            while True:
                made.append(ask())
                yield made.popleft().result()


def stacked(drawn):
    pictures, aspects = zip(*drawn)
    return np.stack(pictures), np.array(aspects, np.float32)


def main():
    parser = argparse.ArgumentParser(description="Writes a sheet of augmented samples to look at.")
    parser.add_argument("--data", required=True)
    parser.add_argument("--answers", type=pathlib.Path, help="what teacher.py wrote")
    parser.add_argument("--out", default="samples.png")
    arguments = parser.parse_args()
    mixture = Mixture(arguments.data, answers=read_answers(arguments.answers) if arguments.answers else None)
    rgb, matte, _ = mixture.batch(Dice(np.random.default_rng(0), "cpu"), 48, 160)
    pair = torch.cat([rgb, rgb * matte + (1 - matte) * torch.tensor([0.0, 0.6, 0.0]).view(1, 3, 1, 1)], 3)
    rows = [torch.cat(list(pair[i:i + 4]), 2) for i in range(0, 48, 4)]
    Image.fromarray((torch.cat(rows, 1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)).save(arguments.out)


if __name__ == "__main__":
    main()
