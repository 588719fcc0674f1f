#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Takes the photos that photos.tsv names out of clones of their repositories, for the set `extra`.

A clone of OWNER/NAME is a git directory, or holds one, at CLONES/OWNER+NAME. Photos of repositories that are not there are left out.
"""
import argparse
import collections
import csv
import io
import pathlib
import subprocess

from PIL import Image

from mixture import STORED

LISTED = pathlib.Path(__file__).with_name("photos.tsv")


def git_directory(folder):
    """The git directory at or right below `folder`, or None."""
    for each in (folder, folder / ".git", *folder.glob("*/.git"), *folder.glob("*/")):
        if (each / "objects").is_dir() and (each / "HEAD").is_file():
            return each
    return None


def contents(directory, names):
    """The bytes of each `<commit>:<path>` in a git directory, None where it has no such file."""
    asked = "".join(f"{name}\n" for name in names).encode()
    answered = subprocess.run(["git", "--git-dir", directory, "cat-file", "--batch"], input=asked, stdout=subprocess.PIPE, check=True).stdout
    stream, found = io.BytesIO(answered), []
    for _ in names:
        header = stream.readline().split()
        if len(header) == 3 and header[1] == b"blob" and header[2].isdigit():
            found.append(stream.read(int(header[2])))
            stream.read(1)  # the line's end
        else:
            found.append(None)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clones", type=pathlib.Path)
    parser.add_argument("extra", type=pathlib.Path, help="the folder to write")
    parser.add_argument("--list", type=pathlib.Path, default=LISTED, help="a list like photos.tsv")
    arguments = parser.parse_args()
    if not arguments.clones.is_dir():
        raise SystemExit(f"{arguments.clones}: no such folder")
    wanted = collections.defaultdict(list)
    with arguments.list.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
            wanted[row["source"]].append(row)
    written = missing = 0
    for source, rows in wanted.items():
        repository, _, commit = source.partition("@")
        directory = git_directory(arguments.clones / repository.replace("/", "+"))
        files = contents(directory, [f"{commit}:{row['path']}" for row in rows]) if directory else [None] * len(rows)
        for row, stored in zip(rows, files):
            if stored is None:
                missing += 1
                continue
            path = arguments.extra / f"{row['picture']}.webp"
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                photo = Image.open(io.BytesIO(stored)).convert("RGB")
            except OSError as error:
                raise SystemExit(f"{source}: {row['path']}: not a picture that can be read") from error
            photo.thumbnail((STORED, STORED), Image.Resampling.LANCZOS)
            photo.save(path, quality=90)
            written += 1
    print(f"{written} photos written, {missing} not found")


if __name__ == "__main__":
    main()
