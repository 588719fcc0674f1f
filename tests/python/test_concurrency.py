# SPDX-License-Identifier: MIT
"""Threads, processes, batches, memory and Ctrl-C."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

import decal
from tiny_model import write_tiny_model


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (40 + number % 7, 50 + number % 5, 3), np.uint8)


def test_eight_threads_share_a_session(tiny):
    session = decal.Session(tiny, threads=2)
    expected = [session.remove(picture(n)) for n in range(50)]

    def work(_):
        return all(np.array_equal(session.remove(picture(n)), expected[n]) for n in range(50))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_the_gil_is_free_while_it_computes():
    session = decal.Session(threads=1)
    session.segment(picture(0))
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    session.segment(picture(0))
    end = time.perf_counter()
    stop.set()
    ticker.join()
    # With the GIL held there would be one tick at most.
    assert sum(start < t < end for t in ticks) >= 5


def test_results_do_not_depend_on_threads(tiny, rgb):
    one = decal.Session(tiny, threads=1).remove(rgb)
    assert np.array_equal(decal.Session(tiny, threads=7).remove(rgb), one)


def _in_child(session, pipe):
    pipe.send(np.asarray(session.remove(picture(3))))
    pipe.close()


def _ask_a_child(context, session, expected):
    """The exit code of a process that was to cut out `expected`."""
    mine, theirs = context.Pipe(False)
    child = context.Process(target=_in_child, args=(session, theirs))
    child.start()
    theirs.close()
    assert mine.poll(30), "the child hangs"
    assert np.array_equal(mine.recv(), expected)
    child.join(30)
    return child.exitcode


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(tiny, method):
    session = decal.Session(tiny, threads=3)
    expected = session.remove(picture(3))
    context = multiprocessing.get_context(method)
    for _ in range(2):
        assert _ask_a_child(context, session, expected) == 0
    assert np.array_equal(session.remove(picture(3)), expected)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_other_threads_compute(tiny):
    session = decal.Session(tiny, threads=2)
    expected = session.remove(picture(3))
    stop = threading.Event()

    def work():
        while not stop.is_set():
            session.remove(picture(1))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(10):
            _ask_a_child(context, session, expected)
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_batches_are_in_order_and_bounded(tiny):
    session = decal.Session(tiny)
    taken = []

    def pictures():
        for number in range(60):
            taken.append(number)
            yield b"broken" if number % 10 == 3 else picture(number)

    for number, (source, result, error) in enumerate(decal.remove_batch(pictures(), session=session, workers=3)):
        assert taken[-1] - number <= 4  # never more than workers + 1 in memory
        if number % 10 == 3:
            assert result is None and error.code == "corrupt-image" and source == b"broken"
        else:
            assert error is None and np.array_equal(result, session.remove(picture(number)))
    assert number == 59


def test_a_batch_can_be_left(tiny):
    batch = decal.remove_batch((picture(n) for n in range(10**9)), session=decal.Session(tiny))
    assert next(batch).error is None
    batch.close()


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_five_hundred_pictures_do_not_grow(tiny, png):
    session = decal.Session(tiny)
    for _ in range(50):
        session.remove(png)
    before = resident_bytes()
    for number in range(500):
        session.remove(png) if number % 2 else session.remove(picture(number))
    assert resident_bytes() - before < 20 << 20


def test_sessions_give_their_memory_back(tiny):
    decal.Session().segment(picture(0))
    before = resident_bytes()
    for _ in range(2):
        decal.Session().segment(picture(0))
    assert resident_bytes() - before < 60 << 20  # one session of the default model takes 100 MB


def test_ctrl_c_ends_a_picture(tmp_path):
    engine = decal.Session(write_tiny_model(tmp_path / "deep.onnx", size=768, layers=400), threads=1)._engine
    white = np.full((8, 8, 4), 255, np.uint8)

    class Stop(Exception):
        pass

    def handler(*_):
        raise Stop

    engine.run(white, np.zeros_like(white), {})
    out = np.zeros_like(white)
    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Stop):
            engine.run(white, out, {})
            time.sleep(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert not out.any()  # it ended inside the network
    engine.run(white, out, {})
    assert out.any()
