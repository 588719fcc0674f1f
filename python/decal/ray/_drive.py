# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Hands the pictures of a list to actors, and survives them: who dies, who hangs, and which picture it was."""

from __future__ import annotations

import collections
import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from .._errors import Error
from ._worker import Cutter, Item, Settings

# Calls under way on one actor: while the network has a picture of one, the others read and write.
CALLS = 3
# A picture whose process ended is tried again with nothing else in that process, so many times.
_ALONE = 2
# Processes that end before they have done a single thing, in a row: the fault is not a picture's.
_STILLBORN = 20
_LOOK_SECONDS = 5.0

Report = Callable[[Item, dict[str, Any]], None]


class Worker:
    """The actor. Its errors are values: an exception in an actor's constructor loses its code on the way."""

    def __init__(self, settings: Settings) -> None:
        self._cutter: Cutter | None = None
        self._error: tuple[str, str, str] | None = None
        try:
            self._cutter = Cutter(settings)
        except Error as error:
            self._error = (error.code, error.message, error.where)

    def ready(self) -> tuple[str, str, str] | None:
        """None, or why this process is of no use."""
        return self._error

    def cut(self, items: list[Item]) -> list[dict[str, Any]]:
        assert self._cutter is not None
        return [self._cutter.cut(item) for item in items]


class _Actor:
    """One actor and what it has to do."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.starting = handle.ready.remote()
        self.is_ready = False
        self.has_worked = False
        self.calls: dict[Any, list[Item]] = {}
        self.alone = False
        """It has one picture that a process has ended with, and gets no other."""
        self.reserved = False
        """It gets nothing more until it is empty, and then one such picture."""
        self.since = time.monotonic()
        """When it last finished something, or got something while it was idle."""


class Driver:
    """One run.

    Args:
        threads: cores of one actor, and threads of its session.
        workers: actors at most; 0: as many as the cluster's cores hold. More than that makes an autoscaler start machines.
        chunk: pictures a call.
        timeout: seconds that a picture may take; then its process is ended.
        resources: further options of actors, such as {"memory": bytes, "resources": {...}}.
    """

    def __init__(
        self, settings: Settings, *, threads: int, workers: int, chunk: int, timeout: float, resources: dict[str, Any] | None = None
    ) -> None:
        self._settings = settings
        self._threads = threads
        self._workers = workers
        self._chunk = chunk
        self._timeout = timeout
        options = {"num_cpus": threads, "max_restarts": 0, "max_concurrency": CALLS + 1, "scheduling_strategy": "SPREAD"}
        self._class = ray.remote(Worker).options(**options, **(resources or {}))
        self._actors: list[_Actor] = []
        self._alone: collections.deque[Item] = collections.deque()
        self._deaths: dict[str, int] = {}
        self._stillborn = 0
        self._wanted = 0
        self._next_look = 0.0
        self.stop = False
        """Set by `report`: no further picture is begun."""

    @property
    def actors(self) -> int:
        """How many can work now."""
        return sum(actor.is_ready for actor in self._actors)

    def run(self, items: Iterable[Item], report: Report, tick: Callable[[], None]) -> None:
        """Reports each item once. `tick` is called about once a second."""
        self._source = iter(items)
        self._exhausted = False
        self._next = self._take()
        try:
            while self._busy() or (not self.stop and (self._next or self._alone)):
                self._hand_out()
                self._collect(report)
                tick()
        finally:
            for actor in self._actors:
                ray.kill(actor.handle, no_restart=True)
            self._actors.clear()

    def _busy(self) -> bool:
        return any(actor.calls for actor in self._actors)

    def _take(self) -> list[Item]:
        return list(itertools.islice(self._source, self._chunk))

    # Handing out

    def _hand_out(self) -> None:
        if self.stop:
            return
        self._scale()
        ready = [actor for actor in self._actors if actor.is_ready]
        self._reserve(ready)
        for calls in range(CALLS):  # round by round, so that all have something before one has much
            for actor in ready:
                if self._next and not actor.alone and not actor.reserved and len(actor.calls) <= calls:
                    self._call(actor, self._next)
                    self._next = self._take()

    def _reserve(self, ready: list[_Actor]) -> None:
        """Pictures that a process ended with go to actors that have nothing else, at most to half of all."""
        free = [actor for actor in ready if not actor.alone]
        wanted = min(len(self._alone), max(1, len(ready) // 2) - sum(actor.alone for actor in ready))
        for actor in sorted(free, key=lambda actor: len(actor.calls)):
            actor.reserved = wanted > 0
            wanted -= 1
            if actor.reserved and not actor.calls:
                actor.reserved, actor.alone = False, True
                self._call(actor, [self._alone.popleft()])

    def _call(self, actor: _Actor, chunk: list[Item]) -> None:
        if not actor.calls:
            actor.since = time.monotonic()
        actor.calls[actor.handle.cut.remote(chunk)] = chunk

    def _scale(self) -> None:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            room = int(ray.cluster_resources().get("CPU", 0) // self._threads)
            self._wanted = self._workers or max(1, room)
        while len(self._actors) < self._wanted:
            self._actors.append(_Actor(self._class.remote(self._settings)))

    # Collecting

    def _collect(self, report: Report) -> None:
        starting = {actor.starting: actor for actor in self._actors if not actor.is_ready}
        calls = {call: actor for actor in self._actors for call in actor.calls}
        waited = [*calls, *starting]
        if not waited:
            time.sleep(0.2)
            return
        done, rest = ray.wait(waited, num_returns=1, timeout=1.0)
        if done and rest:
            done += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        for reference in done:
            actor = starting.get(reference) or calls[reference]
            if actor not in self._actors:
                continue  # its end came with another of its calls
            try:
                answer = ray.get(reference, timeout=self._timeout)
            except (RayError, GetTimeoutError) as error:
                self._end(actor, report, error)
                continue
            if reference in starting:
                if answer is not None:
                    raise Error(*answer)
                actor.is_ready = True
                continue
            actor.has_worked, self._stillborn = True, 0
            actor.since = time.monotonic()
            actor.alone = False
            for item, line in zip(actor.calls.pop(reference), answer, strict=True):
                self._deaths.pop(item.output, None)
                report(item, line)
        for actor in list(self._actors):
            if actor.calls and time.monotonic() - actor.since > self._timeout * max(map(len, actor.calls.values())):
                self._end(actor, report, None)

    def _end(self, actor: _Actor, report: Report, error: Exception | None) -> None:
        """An actor is gone, or hangs and goes now. What it had may be the cause."""
        self._actors.remove(actor)
        ray.kill(actor.handle, no_restart=True)
        if not actor.calls and not actor.has_worked:
            self._stillborn += 1
            if self._stillborn >= _STILLBORN:
                text = str(error).strip().splitlines()[0] if error is not None and str(error).strip() else "no reason given"
                raise Error("worker-lost", f"{_STILLBORN} workers in a row ended before their first picture: {text}")
        why = "hung" if error is None else "ended"
        for item in itertools.chain.from_iterable(actor.calls.values()):
            again = item._replace(attempt=item.attempt + 1)
            if actor.alone:
                self._deaths[item.output] = self._deaths.get(item.output, 0) + 1
            if self._deaths.get(item.output, 0) < _ALONE:
                self._alone.append(again)
                continue
            del self._deaths[item.output]
            times = item.attempt + 1
            message = f"the process that worked on it {why}, {times} times, the last {_ALONE} with nothing else in work"
            line = {"input": item.input, "output": item.output, "outcome": "failed", "code": "worker-lost", "message": message}
            if item.version:
                line["version"] = item.version
            report(again, {**line, "options": self._settings.options_hash, "ms": 0})
        actor.calls.clear()
