# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""A stage of Ray Data: one session an actor, results by address or as a column."""

from __future__ import annotations

import concurrent.futures
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import ray
import ray.data

from .._errors import Error
from .._options import RemoveOptions
from . import _store
from ._journal import options_hash
from ._worker import Cutter, Item, Settings

# Pictures of one batch at a time: while the network has one, others are read and written.
_OVERLAP = 3
# How many processes may end with a picture; from the second on it has its process to itself.
_PROCESSES = 3


class Ledger:
    """Knows which pictures are in work, and so which were when a process ended: Ray Data gives an actor's batch to another one for ever."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def begin(self, keys: list[str]) -> list[int]:
        """How many processes have ended with each of them."""
        return [self._begun.get(key, 0) for key in keys]

    def start(self, key: str) -> None:
        self._begun[key] = self._begun.get(key, 0) + 1

    def end(self, key: str) -> None:
        self._begun.pop(key, None)


class Remover:
    """For `Dataset.map_batches`, with `batch_format="numpy"`: adds the columns that `decal.ray.remove` describes.

    Args:
        column: of addresses (str), files (bytes) or pixels ([H,W,3|4] uint8).
        to: a folder for the results; None: into the column "cutout".
        base: what the names of results are relative to; None: addresses keep their whole path.
        ledger: the handle of a `Ledger` actor; None: a picture that ends its process does so again and again.
        session: arguments of `decal.Session`.
        options: those of `decal.remove`.
    """

    def __init__(
        self,
        column: str = "path",
        to: str | None = None,
        base: str | None = None,
        ledger: Any = None,
        session: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._column = column
        self._to = to
        self._base = base
        self._ledger = ledger
        options = dict(options or {})
        self._cutter = Cutter(Settings(to or "", dict(session or {}), options, options_hash({})))
        self._mask = bool(options.get("mask"))
        self._extension = {"webp": ".webp", "jpeg": ".jpg", "jpg": ".jpg"}.get(str(options.get("format")).lower(), ".png")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self._column not in batch:
            raise Error("invalid-argument", f"no such column; there are {', '.join(batch)}", self._column)
        pictures = list(batch[self._column])
        keys = [_key(picture) for picture in pictures]
        ended = ray.get(self._ledger.begin.remote(keys)) if self._ledger is not None else [0] * len(keys)
        rows: list[dict[str, Any]] = [{} for _ in pictures]

        def work(index: int) -> None:
            if ended[index] >= _PROCESSES:
                text = f"the process that worked on it ended, {ended[index]} times, the last with nothing else in work"
                rows[index] = {"outcome": "failed", "code": "worker-lost", "message": text}
                return
            if self._ledger is not None:
                ray.get(self._ledger.start.remote(keys[index]))
            rows[index] = self._row(pictures[index])
            if self._ledger is not None:
                ray.get(self._ledger.end.remote(keys[index]))

        with concurrent.futures.ThreadPoolExecutor(_OVERLAP) as pool:
            list(pool.map(work, [index for index, count in enumerate(ended) if count == 0]))
        for index, count in enumerate(ended):
            if count > 0:
                work(index)
        added = {name: _column([row.get(name) for row in rows], empty) for name, empty in _COLUMNS.items()}
        if self._to is None:
            added["cutout"] = _column([row.get("cutout") for row in rows], None)
        return {**batch, **added}

    def _row(self, picture: Any) -> dict[str, Any]:
        if isinstance(picture, str) and self._to is not None:
            name = _store.relative_to(picture, self._base or "") + (".decal-mask" if self._mask else ".decal") + self._extension
            return self._cutter.cut(Item(picture, name))
        return self._cutter.cut_here(picture)


_COLUMNS: dict[str, Any] = {"output": "", "outcome": "", "code": "", "message": "", "coverage": float("nan"), "ms": 0.0}


def _key(picture: Any) -> str:
    if isinstance(picture, str):
        return picture
    return hashlib.blake2b(np.ascontiguousarray(picture) if isinstance(picture, np.ndarray) else bytes(picture), digest_size=16).hexdigest()


def _column(values: list[Any], empty: Any) -> np.ndarray:
    filled = [empty if value is None else value for value in values]
    if isinstance(empty, float):
        return np.array(filled, np.float64)
    # Not numpy's strings of bytes, which lose zeros at the end.
    column = np.empty(len(filled), object)
    column[:] = filled
    return column


def remove(
    dataset: Any,
    *,
    column: str = "path",
    to: str | None = None,
    base: str | None = None,
    model: str | None = None,
    model_file: str | None = None,
    models_dir: str | None = None,
    spec: Mapping[str, Any] | None = None,
    threads: int = 1,
    workers: int | tuple[int, int] = (1, 64),
    batch_size: int = 8,
    ray_remote_args: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """The dataset with a cut-out of each row: a stage of Ray Data, with a session an actor.

    Rows get the columns `output` (the name of the result below `to`), `outcome` ("done" or "failed"), `code` and `message` (of a failure,
    as `decal.Error` has them), `coverage`, `ms` and, without `to`, `cutout`: the bytes of a file. A picture that fails is a row like
    any other. One that ends its process (a crash, too little memory) is tried again by itself and then fails as "worker-lost".

    Args:
        dataset: a `ray.data.Dataset`.
        column: addresses (str), which are read where the actor is, or files (bytes), or pixels ([H,W,3|4] uint8).
        to: a folder for the results of addresses: a path that all machines have, or a store's address such as s3://bucket/folder.
            Pictures then never travel through Ray.
        base: what the names of results are relative to.
        model, model_file, models_dir, spec, threads: see `decal.Session`; an actor takes `threads` cores.
        workers: actors; two numbers are the least and the most, between which Ray scales.
        batch_size: rows a call.
        ray_remote_args: further options of actors, such as {"memory": 2 << 30}.
        options: what `decal.remove` takes, `output` aside.
    """
    if to is not None:
        _store.check_destination(to)
    unknown = set(options) - (RemoveOptions.__optional_keys__ - {"output"})
    if unknown:
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
    session = {"model": model, "model_file": model_file, "models_dir": models_dir, "spec": spec, "threads": threads}
    # One that outlives the actors; it holds what is in work and no more.
    ledger = ray.remote(Ledger).options(num_cpus=0, max_restarts=-1).remote()
    least, most = (workers, workers) if isinstance(workers, int) else workers
    return dataset.map_batches(
        Remover,
        fn_constructor_kwargs={
            "column": column, "to": to, "base": base, "ledger": ledger, "session": session, "options": options
        },
        batch_size=batch_size,
        batch_format="numpy",
        num_cpus=threads,
        compute=ray.data.ActorPoolStrategy(min_size=least, max_size=most),
        **(ray_remote_args or {}),
    )
