# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Pictures, a small model, a Ray cluster of two machines' worth of raylets, and processes that can be killed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/python"))
from tiny_model import write_tiny_model  # noqa: E402

# Pillow asks every format whether a file is its own: these two end the process, or keep it for ever.
FATAL = """
import os, signal, time
from PIL import Image
def accept(begin):
    if begin.startswith(b"KILLME"):
        os.kill(os.getpid(), signal.SIGKILL)
    if begin.startswith(b"HANGME"):
        time.sleep(3600)
    return False
Image.register_open("FATAL", lambda *a: None, accept)
"""


NODE = {"num_cpus": int(os.environ.get("DECAL_RAY_CPUS", "1")), "object_store_memory": 80 << 20}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    """Of all processes, raylets and their workers included."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(FATAL)
    os.environ["PYTHONPATH"] = str(folder)
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    os.environ.update(RAY_worker_niceness="0")  # it is 15, and a busy machine leaves nothing to such processes
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "test"
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    return dict(os.environ)


def picture(number: int) -> Image.Image:
    random = np.random.default_rng(number)
    return Image.fromarray(random.integers(0, 256, (48 + number % 7, 64 + number % 5, 3), np.uint8))


def make_pictures(folder: pathlib.Path, count: int, every_broken: int = 100) -> tuple[set[str], set[str]]:
    """Names of good and of broken pictures, in folders of a hundred."""
    good, broken = set(), set()
    for number in range(count):
        name = f"{number // 100:03}/{number:05}.png"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
        if number % every_broken == every_broken // 2:
            path.write_bytes(path.read_bytes()[: 40 + number % 60])
            broken.add(name)
        else:
            good.add(name)
    return good, broken


def start(environment, *arguments) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-P", "-m", "decal.ray", *map(str, arguments)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def run(environment, *arguments, timeout=1200) -> tuple[int, str]:
    process = start(environment, *arguments)
    _, errors = process.communicate(timeout=timeout)
    return process.returncode, errors


def journal_lines(folder: pathlib.Path) -> list[dict]:
    lines = []
    for path in sorted(folder.glob("journal-*.jsonl")):
        for text in path.read_bytes().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if "outcome" in line:
                lines.append(line)
    return lines


def check(pictures, results, journal, good, broken, expected) -> None:
    """Every good picture has exactly one whole result, every broken one its error, none twice in the journal as done."""
    lines = journal_lines(journal)
    done = [line["output"] for line in lines if line["outcome"] == "done"]
    assert len(done) == len(set(done)) and {name + ".decal.png" for name in good} == set(done)
    last = {line["output"]: line for line in lines}
    assert {name + ".decal.png" for name in broken} == {name for name, line in last.items() if line["outcome"] == "failed"}
    assert all(last[name + ".decal.png"]["code"] == "corrupt-image" for name in broken)
    written = {str(path.relative_to(results)) for path in results.rglob("*.png") if ".decal/" not in str(path)}
    assert written == set(done)
    for name in good:
        got = np.asarray(Image.open(results / (name + ".decal.png")))
        assert np.array_equal(got, expected(pictures / name)), name


@pytest.fixture(scope="session")
def expected(tiny, tmp_path_factory):
    """What the command makes of a picture where it is built, what the package makes of it in this process otherwise."""
    command = ROOT / "build/bin/decal"
    import decal

    session = decal.Session(tiny, threads=1)
    folder = tmp_path_factory.mktemp("expected")
    made: dict[pathlib.Path, np.ndarray] = {}

    def of(path: pathlib.Path) -> np.ndarray:
        if path in made:
            return made[path]
        if not command.exists():
            return np.asarray(session.remove(Image.open(path)))
        # A whole folder at once.
        out = folder / str(len(made))
        subprocess.run([command, path.parent, "-o", out, "--model", tiny, "-q"], stderr=subprocess.DEVNULL)
        for source in path.parent.iterdir():
            result = out / f"{source.stem}.decal.png"
            if result.exists():
                made[source] = np.asarray(Image.open(result))
        return made[path]

    return of


def add_node(cluster) -> None:
    """One more to `cluster.workers`: on a busy machine a raylet may take longer to start than Ray waits for it."""
    for attempt in range(3):
        try:
            cluster.workers.append(cluster.add_node(**NODE))
            return
        except Exception:
            if attempt == 2:
                raise


@pytest.fixture(scope="module")
def cluster(environment):
    """A head without cores, and two nodes: `workers` of `cluster` can be killed and added."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80 << 20})
    made.workers = []
    for _ in range(2):
        add_node(made)
    yield made
    made.shutdown()
