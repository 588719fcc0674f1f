# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""A whole run: list, journal, cluster, progress."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import ray

from .._errors import Error
from .._options import Plan
from .._session import MAX_THREADS
from . import _store
from ._catalogue import Catalogue
from ._drive import Driver
from ._journal import Journal, canonical_options, options_hash, parse_shard
from ._progress import Progress
from ._worker import Item, Settings

_CONNECT_SECONDS = 10
_EXTENSIONS = {"PNG": ".png", "WEBP": ".webp", "JPEG": ".jpg"}


def run(
    source: str,
    to: str,
    *,
    options: Mapping[str, Any] | None = None,
    session: Mapping[str, Any] | None = None,
    base: str | None = None,
    journal: str | None = None,
    shard: str = "0/1",
    retry_failed: bool = False,
    on_error: str = "continue",
    address: str | None = None,
    workers: int = 0,
    threads: int = 1,
    chunk: int = 4,
    retries: int = 3,
    timeout: float = 600,
    quiet: bool = False,
) -> Progress:
    """All pictures of a folder or a list, as `python -m decal.ray` does it, whose options these are (`--from` is `source`).

    Args:
        options: what `decal.remove` takes, `output` aside.
        session: of the arguments of `decal.Session`, all but `threads`.

    Returns:
        Counts: `done`, `skipped`, `failed` and `causes`, failures by code.

    Raises:
        decal.Error: the list, the journal, the model or the cluster is of no use. What fails of a picture does not raise.
    """
    options, session = dict(options or {}), dict(session or {})
    canonical = canonical_options(options, session)
    for name, value, low, high in (("threads", threads, 1, MAX_THREADS), ("workers", workers, 0, 100_000), ("chunk", chunk, 1, 1000),
                                   ("retries", retries, 0, 20), ("timeout", timeout, 1, 1e6)):
        if not low <= value <= high:
            raise Error("invalid-argument", f"--{name} is a number from {low} to {high:g}, not {value}")
    plan = Plan(**options)
    _store.check_destination(to)
    if journal is None:
        if _store.protocol_of(to) != "file":
            raise Error("invalid-argument", "needs --journal, a folder on this machine, where the destination is not", to)
        journal = _store.join(to, ".decal").removeprefix("file://")
    settings = Settings(to, {**session, "threads": threads}, options, options_hash(canonical), retries, retry_failed)
    suffix = (".decal-mask" if plan.mask else ".decal") + _EXTENSIONS[plan.format]
    with Journal(journal, parse_shard(shard)) as kept:
        catalogue = Catalogue(source, to, base, suffix, kept)
        progress = Progress(quiet)
        if source != "-":
            counted = Catalogue(source, to, base, suffix, kept)
            threading.Thread(target=progress.count, args=(counted,), daemon=True).start()
        _connect(address)
        driver = Driver(settings, threads=threads, workers=workers, chunk=chunk, timeout=timeout)

        def report(item: Item, line: dict[str, Any]) -> None:
            if not line.get("skipped"):
                kept.add(line)
            progress.add(line)
            if line["outcome"] == "failed" and on_error == "stop":
                driver.stop = True

        def items() -> Iterator[Item]:
            for item, error in catalogue:
                if error is None:
                    yield item
                    continue
                # It has no output: not a line of the journal, which knows pictures by theirs.
                progress.add({"input": item.input, "outcome": "failed", "code": error.code, "message": error.message})
                if on_error == "stop":
                    driver.stop = True
                    return

        try:
            kept.begin(source, canonical)
            driver.run(items(), report, lambda: progress.show(driver.actors))
        finally:
            progress.end()
    return progress


def _connect(address: str | None) -> None:
    if ray.is_initialized():
        return
    try:
        # Ray itself tries for minutes, in silence.
        host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
        if colon and port.isdigit():
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=False if address is None else None)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        text = str(error).strip().splitlines()
        raise Error("io", f"cannot reach the Ray cluster: {text[0] if text else type(error).__name__}", address or "") from error
