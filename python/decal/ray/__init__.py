# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Decal on Ray: catalogues of pictures on many machines (`pip install decal[ray]`; docs/ray.md).

    python -m decal.ray --from s3://shop/photos --to s3://shop/cutouts --journal journal --address auto

    dataset = ray.data.from_items([{"path": "s3://shop/a.jpg"}, ...])
    rows = decal.ray.remove(dataset, to="s3://shop/cutouts", base="s3://shop", refine="best")

`run` is the first in a program: it keeps the journal of `decal batch`, continues where it stopped, and outlives actors and machines.
`remove` is a stage of Ray Data, `Remover` its class for `map_batches`. Pictures travel by address, not through Ray's object store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._errors import Error

try:
    import fsspec  # noqa: F401
    import ray  # noqa: F401
except ImportError as error:
    raise ImportError(f"decal.ray needs the packages of decal[ray]: pip install 'decal[ray]' ({error})") from error

from ._run import run

if TYPE_CHECKING:
    from ._data import Ledger, Remover, remove

__all__ = ["Error", "Ledger", "Remover", "remove", "run"]


def __getattr__(name: str) -> Any:
    # Ray Data takes seconds to load, which each actor of `run` would spend for nothing.
    if name in ("Ledger", "Remover", "remove"):
        from . import _data

        return getattr(_data, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
