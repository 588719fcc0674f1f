# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""A cluster of two nodes whose processes are killed: nothing is lost, nothing is done twice, and what cannot be done says why.

DECAL_RAY_PICTURES (300) and DECAL_RAY_ROUNDS (2) make it longer, DECAL_RAY_CPUS (1) are those of a node.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import add_node, check, journal_lines, make_pictures, picture, run, start
from PIL import Image

PICTURES = int(os.environ.get("DECAL_RAY_PICTURES", "300"))
ROUNDS = int(os.environ.get("DECAL_RAY_ROUNDS", "2"))


def actors() -> list[int]:
    """The processes of actors that have begun."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if text.startswith(b"ray::Worker"):
            found.append(int(path.parent.name))
    return found


def common(cluster, tiny, journal):
    return ["--journal", journal, "--address", cluster.address, "--model", tiny, "--timeout", "60"]


def test_a_run_and_a_second_one(cluster, environment, tiny, tmp_path, expected):
    good, broken = make_pictures(tmp_path / "in", 60, 20)
    (tmp_path / "in/notes.txt").write_text("no picture")
    arguments = ["--from", tmp_path / "in", "--to", tmp_path / "out", *common(cluster, tiny, tmp_path / "out/.decal")]
    status, told = run(environment, *arguments)
    assert status == 1 and "57 done" in told and "3 failed (3 corrupt-image)" in told, told
    check(tmp_path / "in", tmp_path / "out", tmp_path / "out/.decal", good, broken, expected)
    before = len(journal_lines(tmp_path / "out/.decal"))
    status, told = run(environment, *arguments)
    assert status == 1 and "57 were done before" in told and "3 failed" in told
    assert len(journal_lines(tmp_path / "out/.decal")) == before
    # What has changed or is gone is done again, and what has failed if requested.
    names = sorted(good)
    picture(7).save(tmp_path / "in" / names[0])
    (tmp_path / "out" / (names[1] + ".decal.png")).unlink()
    os.utime(tmp_path / "in" / names[2], (1, 1))  # the same bytes
    status, told = run(environment, *arguments, "--retry-failed")
    assert "2 done; 55 were done before; 3 failed" in told, told
    assert len(journal_lines(tmp_path / "out/.decal")) == before + 5
    status, told = run(environment, *arguments, "--mask")
    assert "57 done" in told and (tmp_path / "out" / (names[0] + ".decal-mask.png")).exists()


def test_everything_is_killed(cluster, environment, tiny, tmp_path, expected):
    good, broken = make_pictures(tmp_path / "in", PICTURES)
    seed = int(os.environ.get("DECAL_RAY_SEED", str(time.time_ns() % 10**6)))
    print("DECAL_RAY_SEED =", seed)
    for turn in range(ROUNDS):
        chance = random.Random(seed + turn)
        out = tmp_path / f"out{turn}"
        arguments = ["--from", tmp_path / "in", "--to", out, *common(cluster, tiny, out / ".decal"), "--chunk", "2"]
        driver = start(environment, *arguments)
        kills, wanted = [], ["actor", "driver", "actor", "raylet", "actor"]
        until = time.monotonic() + 1500
        while driver.poll() is None:
            assert time.monotonic() < until, "the run does not end"
            time.sleep(chance.uniform(0.3, 1.2))
            if not wanted or not journal_lines(out / ".decal"):
                continue
            kind = wanted[0]
            if kind == "actor" and (found := actors()):
                os.kill(chance.choice(found), signal.SIGKILL)
            elif kind == "raylet":
                node = cluster.workers.pop(chance.randrange(len(cluster.workers)))
                cluster.remove_node(node, allow_graceful=False)
                add_node(cluster)
            elif kind == "driver":
                driver.kill()
                driver.communicate()
                driver = start(environment, *arguments)
            else:
                continue
            kills.append(wanted.pop(0))
        _, told = driver.communicate()
        print(f"round {turn}: killed {', '.join(kills)}; {told.strip().splitlines()[-1]}")
        assert driver.returncode == 1, told  # some are broken
        check(tmp_path / "in", out, out / ".decal", good, broken, expected)
        parts = list(out.rglob("*.part"))
        assert len(parts) <= 12 * len(kills), parts


def test_a_picture_that_kills_and_one_that_hangs(cluster, environment, tiny, tmp_path, expected):
    good, _ = make_pictures(tmp_path / "in", 30, 10**9)
    (tmp_path / "in/000/kill.png").write_bytes(b"KILLME")
    (tmp_path / "in/000/hang.png").write_bytes(b"HANGME")
    status, told = run(environment, "--from", tmp_path / "in", "--to", tmp_path / "out",
                       *common(cluster, tiny, tmp_path / "out/.decal")[:-1], "2")
    assert status == 1 and "30 done" in told and "2 failed (2 worker-lost)" in told, told
    lines = journal_lines(tmp_path / "out/.decal")
    lost = {line["input"].rpartition("/")[2]: line["message"] for line in lines if line["outcome"] == "failed"}
    assert set(lost) == {"kill.png", "hang.png"} and "hung" in lost["hang.png"] and "nothing else in work" in lost["kill.png"]
    for name in good:
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / (name + ".decal.png"))), expected(tmp_path / "in" / name))


def test_stops_and_refusals(cluster, environment, tiny, tmp_path):
    make_pictures(tmp_path / "in", 40, 4)
    place = ["--from", tmp_path / "in", "--to", tmp_path / "out"]
    status, told = run(environment, *place, *common(cluster, tiny, tmp_path / "j"), "--on-error", "stop", "--workers", "1", "--chunk", "1")
    assert status == 1 and len(journal_lines(tmp_path / "j")) < 20
    status, told = run(environment, *place, "--journal", tmp_path / "j2", "--address", cluster.address, "--model", tmp_path / "none.onnx")
    assert status == 1 and "none.onnx" in told and "(not-found)" in told and len(told.splitlines()) <= 2, told
    status, told = run(environment, *place, "--journal", tmp_path / "j3", "--address", "127.0.0.1:1")
    assert status == 1 and "cannot reach the Ray cluster" in told, told
    status, told = run(environment, "--from", tmp_path / "absent", "--to", tmp_path / "out", "--journal", tmp_path / "j4")
    assert status == 1 and "(not-found)" in told


def test_interrupts_leave_what_is_done(cluster, environment, tiny, tmp_path):
    make_pictures(tmp_path / "in", 200, 10**9)
    driver = start(environment, "--from", tmp_path / "in", "--to", tmp_path / "out", *common(cluster, tiny, tmp_path / "out/.decal"))
    until = time.monotonic() + 60
    while not journal_lines(tmp_path / "out/.decal") and time.monotonic() < until:
        time.sleep(0.1)
    driver.send_signal(signal.SIGINT)
    _, told = driver.communicate(timeout=60)
    assert driver.returncode in (0, 130), told
    for line in journal_lines(tmp_path / "out/.decal"):
        assert (tmp_path / "out" / line["output"]).stat().st_size == line["size"]


DATA = """
import json, sys
import numpy as np, ray, decal.ray
address, folder, out, model = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
context = ray.data.DataContext.get_current()
context.enable_progress_bars = False
paths = sorted(str(path) for path in __import__("pathlib").Path(folder).rglob("*.png"))
dataset = ray.data.from_items([{"path": path, "number": number} for number, path in enumerate(paths)])
rows = decal.ray.remove(dataset, to=out, base=folder, model=model, workers=(1, 2), batch_size=4).take_all()
print(json.dumps(sorted(({key: row[key] for key in ("path", "number", "output", "outcome", "code")} for row in rows), key=lambda row: row["number"])))
pixels = ray.data.from_items([{"image": np.full((8, 9, 3), value, np.uint8)} for value in (10, 20, 30)])
kept = decal.ray.remove(pixels, column="image", model=model, workers=1, mask=True).take_all()
files = ray.data.from_items([{"bytes": open(paths[0], "rb").read()}, {"bytes": b"none"}])
kept += decal.ray.remove(files, column="bytes", model=model, workers=1).take_all()
print(json.dumps([[row["outcome"], row["code"], bytes(row["cutout"] or b"")[:4].hex()] for row in kept]))
"""


def test_a_stage_of_ray_data(cluster, environment, tiny, tmp_path, expected):
    import json

    good, broken = make_pictures(tmp_path / "in", 40, 20)
    (tmp_path / "in/000/kill.png").write_bytes(b"KILLME")
    done = subprocess.run([sys.executable, "-P", "-c", DATA, cluster.address, tmp_path / "in", tmp_path / "out", tiny], env=environment,
                          capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]
    rows, kept = (json.loads(line) for line in done.stdout.strip().splitlines()[-2:])
    assert [row["number"] for row in rows] == list(range(41))
    outcome = {str(pathlib.Path(row["path"]).relative_to(tmp_path / "in")): (row["outcome"], row["code"]) for row in rows}
    assert outcome.pop("000/kill.png") == ("failed", "worker-lost")
    assert all(outcome[name] == ("done", "") for name in good) and all(outcome[name] == ("failed", "corrupt-image") for name in broken)
    for name in good:
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / (name + ".decal.png"))), expected(tmp_path / "in" / name))
    assert [row[:2] for row in kept] == [["done", ""]] * 4 + [["failed", "corrupt-image"]]
    assert all(row[2] == "89504e47" for row in kept[:4])
    with pytest.raises(TypeError, match="sharpness"):
        __import__("decal.ray").ray.remove(None, sharpness=1)
