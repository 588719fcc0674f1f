# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Pictures in a store that speaks S3 (moto's server), and behind http."""

from __future__ import annotations

import functools
import http.server
import io
import os
import pathlib
import socket
import subprocess
import threading
import time

import numpy as np
import pytest
from conftest import ROOT, journal_lines, picture, run
from PIL import Image

MOTO = pathlib.Path(os.environ.get("DECAL_MOTO", ROOT / "build/python/moto/bin/moto_server"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def store(environment, tmp_path):
    pytest.importorskip("s3fs")
    if not MOTO.exists():
        pytest.skip(f"no {MOTO}: scripts/python.sh ray makes it")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "moto.log").open("w") as log:
        server = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    os.environ["AWS_ENDPOINT_URL"] = environment["AWS_ENDPOINT_URL"] = url
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    try:
        for _ in range(100):
            try:
                fs = s3fs.S3FileSystem(endpoint_url=url)
                fs.mkdir("shop")
                break
            except Exception:
                time.sleep(0.2)
        yield fs
    finally:
        server.terminate()
        server.wait()
        del os.environ["AWS_ENDPOINT_URL"], environment["AWS_ENDPOINT_URL"]


def png(number: int) -> bytes:
    file = io.BytesIO()
    picture(number).save(file, "PNG")
    return file.getvalue()


def test_s3(store, environment, tiny, tmp_path):
    import decal

    for number in range(12):
        store.pipe_file(f"shop/photos/{number % 3}/{number}.png", png(number))
    store.pipe_file("shop/photos/broken.jpg", b"\xff\xd8nothing")
    store.pipe_file("shop/photos/notes.txt", b"no picture")
    arguments = ["--from", "s3://shop/photos", "--to", "s3://shop/cutouts", "--journal", tmp_path / "journal", "--model", tiny, "--workers", "2"]
    status, told = run(environment, *arguments)
    assert status == 1 and "12 done; 1 failed (1 corrupt-image)" in told, told
    session = decal.Session(tiny, threads=1)
    store.invalidate_cache()
    written = sorted(store.find("shop/cutouts"))
    assert written == sorted(f"shop/cutouts/{n % 3}/{n}.png.decal.png" for n in range(12))
    for number in range(12):
        got = np.asarray(Image.open(io.BytesIO(store.cat_file(f"shop/cutouts/{number % 3}/{number}.png.decal.png"))))
        assert np.array_equal(got, np.asarray(session.remove(picture(number))))
    assert all(line["version"] for line in journal_lines(tmp_path / "journal"))
    store.pipe_file("shop/photos/1/1.png", png(99))
    store.rm_file("shop/cutouts/2/2.png.decal.png")
    status, told = run(environment, *arguments)
    assert "2 done; 10 were done before; 1 failed" in told, told


def test_http(environment, tiny, tmp_path):
    (tmp_path / "web").mkdir()
    for number in range(4):
        (tmp_path / f"web/{number}.png").write_bytes(png(number))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "web"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "list").write_text("".join(f"{url}/{number}.png\n" for number in range(5)))
        status, told = run(environment, "--from", tmp_path / "list", "--base", url, "--to", tmp_path / "out", "--model", tiny, "--workers", "1",
                           "--retries", "0")
    finally:
        server.shutdown()
        server.server_close()
    assert status == 1 and "4 done; 1 failed (1 not-found)" in told, told
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [f"{number}.png.decal.png" for number in range(4)]
