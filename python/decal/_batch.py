# SPDX-License-Identifier: MIT
"""Many pictures in bounded memory: what Pillow does for one overlaps with the network of another."""

from __future__ import annotations

import collections
import concurrent.futures
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ._errors import Error
from ._session import Session


class BatchItem(NamedTuple):
    """One picture of a batch: either its result or its error."""

    source: Any
    result: Any
    error: Error | None


def run_batch(session: Session, pictures: Iterable[Any], workers: int, options: dict[str, Any]) -> Iterator[BatchItem]:
    if workers < 1:
        raise Error("invalid-argument", f"workers is at least 1, not {workers}")
    waiting: collections.deque[tuple[Any, concurrent.futures.Future[Any]]] = collections.deque()

    def take() -> BatchItem:
        source, future = waiting.popleft()
        try:
            return BatchItem(source, future.result(), None)
        except Error as error:
            return BatchItem(source, None, error)

    pool = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="decal")
    try:
        for picture in pictures:
            waiting.append((picture, pool.submit(session.remove, picture, **options)))
            # One more than there are workers: none waits for the reader, and no more pictures than these are in memory.
            if len(waiting) > workers:
                yield take()
        while waiting:
            yield take()
    finally:
        pool.shutdown(cancel_futures=True)
