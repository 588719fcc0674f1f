# SPDX-License-Identifier: MIT
"""Downloads the file of a rembg model once. It is verified, and never left half-written."""

from __future__ import annotations

import os
import sys

from .._errors import Error
from ._catalogue import Model

# Seconds without a byte after which a connection counts as dead: a download never hangs.
_TIMEOUT = 30
_PIECE = 1 << 20


def download(model: Model, path: str) -> None:
    """Into `path`, from `model.url`. Errors: "not-found" where DECAL_OFFLINE forbids it, "io", "corrupt-model"."""
    if os.environ.get("DECAL_OFFLINE"):
        raise Error("not-found", f"no such file, and DECAL_OFFLINE is set: fetch it from {model.url}", path)
    # Here, because they take longer to import than all of this package.
    import hashlib
    import tempfile
    import urllib.error
    import urllib.request

    kind, _, expected = model.checksum.partition(":")
    digest = hashlib.new(kind, usedforsecurity=False)
    folder = os.path.dirname(path)
    print(f"decal: fetching {model.name} ({model.licence}) from {model.url}", file=sys.stderr)
    part = ""
    try:
        os.makedirs(folder, exist_ok=True)
        with (
            urllib.request.urlopen(model.url, timeout=_TIMEOUT) as answer,
            tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file,
        ):
            part = file.name
            while piece := answer.read(_PIECE):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != expected and not os.environ.get("MODEL_CHECKSUM_DISABLED"):
            raise Error("corrupt-model", f"the {kind} of what {model.url} sent is not {expected}", path)
        os.replace(part, path)
        part = ""
    except (OSError, urllib.error.URLError) as error:
        raise Error("io", f"cannot fetch {model.url}: {getattr(error, 'reason', None) or error}", path) from error
    finally:
        if part:
            os.unlink(part)
