# SPDX-License-Identifier: MIT
"""Many pictures in bounded memory: what Pillow does for one overlaps with the network of another."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ._errors import Error
from ._options import BY_EXTENSION, Plan, RemoveOptions
from ._pictures import is_path
from ._session import Session

if TYPE_CHECKING:
    import concurrent.futures


class BatchItem(NamedTuple):
    """One picture of a batch: either its result or its error."""

    source: Any
    result: Any
    error: Error | None


def run_batch(session: Session, pictures: Iterable[Any], workers: int, options: RemoveOptions) -> Iterator[BatchItem]:
    if workers < 1:
        raise Error("invalid-argument", f"workers is at least 1, not {workers}")
    output = options.get("output")
    if output is not None:
        if os.path.splitext(output)[1].lower() in BY_EXTENSION and not os.path.isdir(output):
            raise Error("invalid-argument", "one file cannot take several pictures: output is a folder", str(output))
        options = {**options, "output": os.path.join(output, "")}
    plan = Plan(**options)  # what is wrong with the options is told before the first picture is read
    return _batch(session, pictures, workers, options, plan)


def _batch(
    session: Session, pictures: Iterable[Any], workers: int, options: RemoveOptions, plan: Plan
) -> Iterator[BatchItem]:
    # How often each name in the folder was wanted: pictures of one name are numbered, as the command does.
    taken: dict[str, int] = {}

    def options_of(picture: Any) -> RemoveOptions:
        if plan.folder is None:
            return options
        try:
            os.makedirs(plan.folder, exist_ok=True)
        except OSError as error:
            raise Error("io", f"cannot create folder: {error.strerror}", plan.folder) from error
        name = str(os.fspath(picture if is_path(picture) else getattr(picture, "name", "")))
        first = plan.place(name)
        number = taken.get(first, 0) + 1
        while (place := plan.place(name, number)) in taken:
            number += 1
        taken[first] = number
        taken.setdefault(place, 1)
        return {**options, "output": place}

    waiting: collections.deque[tuple[Any, concurrent.futures.Future[Any]]] = collections.deque()

    def take() -> BatchItem:
        source, future = waiting.popleft()
        try:
            return BatchItem(source, future.result(), None)
        except Error as error:
            return BatchItem(source, None, error)

    from concurrent.futures import ThreadPoolExecutor  # a third of the package's time to import

    pool = ThreadPoolExecutor(workers, thread_name_prefix="decal")
    try:
        for picture in pictures:
            waiting.append((picture, pool.submit(session.remove, picture, **options_of(picture))))
            # One more than there are workers: none waits for the reader, and no more pictures than these are in memory.
            if len(waiting) > workers:
                yield take()
        while waiting:
            yield take()
    finally:
        pool.shutdown(cancel_futures=True)
