# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Pictures by address, through fsspec: files, http(s), and stores such as s3 where their package (s3fs) is installed."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import posixpath
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

import fsspec

from .._errors import Error

# An object of these appears whole when its upload ends, or not at all. Elsewhere a file gets its name when it is whole.
_ATOMIC = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "r2"}
_READ_ONLY = {"http", "https", "data", "github", "zip", "tar"}
# What decal does not read need not be fetched: the names that promise a picture which Pillow may read.
PICTURES = {
    ".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".gif", ".bmp", ".ico",
    ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pfm", ".qoi",
}


class Place(NamedTuple):
    """One file: what fsspec calls it, and the file system that has it."""

    fs: Any
    path: str
    protocol: str


def protocol_of(address: str) -> str:
    scheme, colon, _ = address.partition("://")
    return scheme if colon else "file"


@functools.lru_cache(64)
def _file_system(protocol: str, host: str) -> Any:
    try:
        if protocol in ("http", "https"):
            return fsspec.filesystem(protocol)
        return fsspec.core.url_to_fs(f"{protocol}://{host}" if protocol != "file" else "/")[0]
    except ImportError as error:
        raise Error("not-found", f"a package is missing for addresses of {protocol}://: {error}") from error
    except ValueError as error:
        raise Error("invalid-argument", str(error), protocol) from error


def place_of(address: str) -> Place:
    protocol = protocol_of(address)
    # A store's file system serves all its buckets; others belong to one host.
    host = "" if protocol in _ATOMIC or protocol == "file" else urllib.parse.urlsplit(address).netloc
    fs = _file_system(protocol, host)
    return Place(fs, fs._strip_protocol(address) if protocol != "file" else address.removeprefix("file://"), protocol)


def check_destination(address: str) -> None:
    """Errors: "invalid-argument" where nothing can be written."""
    if protocol_of(address) in _READ_ONLY:
        raise Error("invalid-argument", f"cannot write to addresses of {protocol_of(address)}://", address)
    _file_system(protocol_of(address), "")


def join(folder: str, name: str) -> str:
    return folder.rstrip("/") + "/" + name if folder.rstrip("/") else "/" + name


def relative_to(address: str, base: str) -> str:
    """The name of `address` below `base`; outside of it its whole path, without scheme and leading /."""
    if protocol_of(address) == "file" and protocol_of(base) == "file":
        whole, root = os.path.abspath(address.removeprefix("file://")), os.path.abspath(base.removeprefix("file://"))
    else:
        whole, root = address, base.rstrip("/")
    if root and whole.startswith(root.rstrip("/") + "/"):
        name = whole[len(root.rstrip("/")) + 1 :]
    else:
        name = whole.partition("://")[2] or whole
        if protocol_of(address) in ("http", "https"):
            name = name.partition("?")[0].partition("#")[0]
    return posixpath.normpath("/" + name).lstrip("/")


def version_of(info: dict[str, Any]) -> str:
    """Which state of a file that is, without reading it; "" where nothing says so."""
    etag = info.get("ETag") or info.get("etag") or info.get("Etag")
    if etag:
        return str(etag).strip('"')
    if isinstance(info.get("mtime"), (int, float)) and info.get("size") is not None:
        return f"{info['size']}-{int(info['mtime'] * 1000)}"
    changed = info.get("LastModified") or info.get("last_modified") or info.get("updated")
    return f"{info.get('size')}-{changed}" if changed else ""


def state(address: str) -> tuple[str, int | None]:
    """Version and size. Errors: "not-found", "io"."""
    place = place_of(address)
    with as_errors(address):
        if place.protocol == "file":
            status = os.stat(place.path)
            return f"{status.st_size}-{status.st_mtime_ns // 1_000_000}", status.st_size
        info = place.fs.info(place.path)
        return version_of(info), info.get("size")


class as_errors:
    """What a store throws becomes decal.Error with its address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None or isinstance(error, Error) or not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise Error("not-found", "no such file", self._address) from error
        message = " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())
        raise Error("io", message, self._address) from error


def read(address: str, limit: int) -> bytes:
    """The file's bytes. Errors: "not-found", "io", "limit-exceeded" for one larger than `limit`."""
    place = place_of(address)
    with as_errors(address), open_to_read(place) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Error("limit-exceeded", f"the file has more than {limit} bytes (max_memory)", address)
    return data


def open_to_read(place: Place) -> Any:
    """A binary file."""
    if place.protocol == "file":
        return open(place.path, "rb")
    # One request for all of a picture, instead of blocks and what comes after them.
    return place.fs.open(place.path, "rb", **({"cache_type": "all"} if place.protocol in _ATOMIC else {}))


def write(address: str, data: bytes, attempt: int) -> None:
    """All of it or nothing. Attempts of one picture never share a name, even where two processes make them at one time."""
    place = place_of(address)
    with as_errors(address):
        if place.protocol in _ATOMIC:
            place.fs.pipe_file(place.path, data)
            return
        folder = posixpath.dirname(place.path)
        part = posixpath.join(folder, f".decal-{hashlib.sha256(address.encode(errors='surrogateescape')).hexdigest()[:16]}-{attempt}.part")
        if place.protocol == "file":
            try:
                pathlib.Path(part).write_bytes(data)
            except FileNotFoundError:
                os.makedirs(folder, exist_ok=True)
                pathlib.Path(part).write_bytes(data)
            os.replace(part, place.path)
            return
        place.fs.makedirs(folder, exist_ok=True)
        place.fs.pipe_file(part, data)
        if place.fs.exists(place.path):
            place.fs.rm_file(place.path)
        place.fs.mv(part, place.path)


def walk(folder: str, without: str) -> Iterator[tuple[str, str]]:
    """The pictures of a folder with all below it, a page at a time: address and version. Hidden names, and what lies in `without`,
    are left out."""
    place = place_of(folder)
    prefix = "" if place.protocol == "file" else place.protocol + "://"
    skipped = os.path.abspath(without.removeprefix("file://")) if protocol_of(without) == "file" else place_of(without).path
    waiting = [place.path.rstrip("/") or "/"]
    while waiting:
        current = waiting.pop()
        for name, path, is_folder, version in _list(place, current):
            if name.startswith(".") or (os.path.abspath(path) if place.protocol == "file" else path.rstrip("/")) == skipped.rstrip("/"):
                continue
            if is_folder:
                waiting.append(path)
            elif posixpath.splitext(name)[1].lower() in PICTURES and not _is_ours(name):
                yield prefix + path, version


def _is_ours(name: str) -> bool:
    stem = posixpath.splitext(name)[0]
    return stem.endswith((".decal", ".decal-mask"))


def _list(place: Place, folder: str) -> Iterator[tuple[str, str, bool, str]]:
    with as_errors(folder):
        if place.protocol == "file":
            with os.scandir(folder) as entries:
                for entry in entries:
                    is_folder = entry.is_dir()
                    version = ""
                    if not is_folder:
                        if not entry.is_file():
                            continue
                        status = entry.stat()
                        version = f"{status.st_size}-{status.st_mtime_ns // 1_000_000}"
                    yield entry.name, os.path.join(folder, entry.name), is_folder, version
            return
        found = place.fs.ls(folder, detail=True, refresh=True) if place.protocol in _ATOMIC else place.fs.ls(folder, detail=True)
        for info in found:
            path = str(info["name"]).rstrip("/")
            if path != folder:
                yield posixpath.basename(path), path, info.get("type") == "directory", version_of(info)
