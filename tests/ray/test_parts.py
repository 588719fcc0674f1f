# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Lists, names, shards, stores and the journal: what is the same as in `decal batch`, without a cluster."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from decal import Error
from decal.ray import _catalogue, _store
from decal.ray.__main__ import _arguments, _parser
from decal.ray._journal import Journal, Known, canonical_options, options_hash, parse_shard, part_of


def items(source, to, journal=None, base=None, shard=(0, 1)):
    with Journal(str(journal), shard) as kept:
        return list(_catalogue.Catalogue(str(source), str(to), base and str(base), ".decal.png", kept))


def code(call) -> str:
    with pytest.raises(Error) as caught:
        call()
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_folders(tmp_path):
    for name in ("a.jpg", "b/c.PNG", "b/d/e.webp", ".hidden/f.jpg", "b/.g.jpg", "notes.txt", "a.decal.png", "out/x.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    found = items(tmp_path / "in", tmp_path / "in/out", tmp_path / "j")
    assert {item.output for item, _ in found} == {"a.jpg.decal.png", "b/c.PNG.decal.png", "b/d/e.webp.decal.png"}
    assert all(error is None and item.version.startswith("1-") for item, error in found)
    assert code(lambda: items(tmp_path / "none", tmp_path, tmp_path / "j")) == "not-found"


def test_lists(tmp_path):
    lines = [
        "photos/a.jpg", "", '{"input":"photos/b.jpg"}\r', '{"input":"https://host/x/c.jpg?size=1","output":"shoes/1.png","more":1}',
        "photos/a.jpg", '{"input":"d.jpg","output":"shoes/1.png"}', '{"input":"e.jpg","output":"../e.png"}', "{nonsense",
        '{"input":7}', '{"input":"f.jpg","output":"f.jpg"}', "s3://bucket/g.jpg", '{"input":"h.jpg","output":"/h.png"}',
    ]
    (tmp_path / "list").write_text("\n".join(lines))
    found = items(tmp_path / "list", tmp_path / "out", tmp_path / "j", base="photos")
    good = [(item.input, item.output) for item, error in found if error is None]
    assert good == [
        ("photos/a.jpg", "a.jpg.decal.png"), ("photos/b.jpg", "b.jpg.decal.png"), ("https://host/x/c.jpg?size=1", "shoes/1.png"),
        ("s3://bucket/g.jpg", "bucket/g.jpg.decal.png"),
    ]
    bad = [error for _, error in found if error is not None]
    assert [error.code for error in bad] == ["invalid-argument"] * 6
    assert bad[0].where == "d.jpg" and bad[1].where == "line 7" and "not within" in bad[1].message
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")
    assert code(lambda: items(tmp_path / "photo.png", tmp_path / "out", tmp_path / "j")) == "invalid-argument"


def test_names_outside_of_the_base_keep_their_path(tmp_path):
    assert _store.relative_to("/a/b/c.jpg", "/a") == "b/c.jpg"
    assert _store.relative_to("/x/c.jpg", "/a") == "x/c.jpg"
    assert _store.relative_to("/ab/c.jpg", "/a") == "ab/c.jpg"
    assert _store.relative_to("s3://b/k/c.jpg", "s3://b/k") == "c.jpg"
    assert _store.relative_to("https://h/p/../c.jpg#x", "s3://b") == "h/c.jpg"
    assert _store.relative_to("https://h/../../../etc/c.jpg", "") == "etc/c.jpg"


def test_shards_cover_everything_once(tmp_path):
    for number in range(60):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    all_of = [item.output for n in range(4) for item, _ in items(tmp_path, tmp_path / "o", tmp_path / "j", shard=(n, 4))]
    assert len(all_of) == 60 == len(set(all_of))
    # FNV-1a of nothing is its offset; the value after the mixing was computed by hand in another language's big numbers.
    assert part_of("", 1 << 64) == mixed(0xCBF29CE484222325)
    assert part_of("a", 1 << 64) == mixed(0xAF63DC4C8601EC8C)
    for text in ("1/1", "-1/2", "a", "2", "3/2", ""):
        assert code(lambda text=text: parse_shard(text)) == "invalid-argument"


def mixed(value: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = ((value ^ (value >> 33)) * factor) % (1 << 64)
    return value ^ (value >> 33)


def test_the_hash_of_options(tmp_path):
    assert options_hash({}) == "44136fa355b3678a"  # of "{}", as docs/scaling.md has it

    def of(*arguments):
        return canonical_options(*_arguments(vars(_parser().parse_args(["--from", "a", "--to", "b", *arguments]))))

    assert of() == of("--format", "png", "--quality", "70", "--refine", "fast", "--profile", "srgb", "--max-memory", "1G") == {}
    given = of("--background", "white", "--format", "jpeg", "--quality", "90", "--crop", "5", "--mask", "--model", "u2netp", "--fill-holes", "0.25")
    assert given == {
        "background": "#ffffffff", "format": "jpeg", "crop": "5", "mask": "true", "model": "u2netp", "fill-holes": "0.25",
    }
    given = of("--format", "webp", "--quality", "70", "--mean", "0.5,0.5,0.50", "--input-size", "640x480", "--model-value", "ratio=0.250",
               "--keep-colours", "--aspect-ratio", "4:5", "--size", "x50", "--grow", "-1.5")
    assert given == {
        "aspect-ratio": "0.8", "size": "x50", "grow": "-1.5",
        "format": "webp", "quality": "70", "mean": "0.5,0.5,0.5", "input.width": "640", "input.height": "480", "model-value.ratio": "0.25",
        "keep-colours": "true",
    }


def line(output, outcome="done", **more):
    return {"input": output[:-10], "output": output, "version": "1-2", "hash": "ab", "options": "0", "outcome": outcome, "size": 3, **more}


def test_the_journal(tmp_path):
    with Journal(str(tmp_path), (0, 1)) as journal:
        journal.begin("here", {"mask": "true"})
        journal.add(line("a.jpg.decal.png"))
        journal.add(line("b.jpg.decal.png", "failed", code="io", message="no"))
        journal.add(line("b.jpg.decal.png"))
        journal.add(line("c\udcff.jpg.decal.png"))
    path = tmp_path / "journal-0-of-1.jsonl"
    text = path.read_bytes()
    assert json.loads(text.splitlines()[0])["run"]["options"] == {"mask": "true"} and b"c\\\\xff.jpg" in text
    path.write_bytes(text + b'{"input":"d.jpg","output":"d.jpg.de')  # as kill -9 leaves it
    with Journal(str(tmp_path), (0, 1)) as journal:
        assert journal.known("a.jpg.decal.png") == Known("done", "0", "1-2", "ab", 3, "", "")
        assert journal.known("b.jpg.decal.png").outcome == "done" and journal.known("c\udcff.jpg.decal.png").size == 3
        assert journal.known("d.jpg.decal.png") is None
        journal.add(line("d.jpg.decal.png"))
    with Journal(str(tmp_path), (0, 1)) as journal:
        assert journal.known("d.jpg.decal.png").outcome == "done"
    found = set()
    for shard in range(3):  # other shards read what this one knows, each its own
        with Journal(str(tmp_path), (shard, 3)) as journal:
            found |= {name for name in ("a", "b", "d") if journal.known(f"{name}.jpg.decal.png")}
    assert found == {"a", "b", "d"}
    other = tmp_path / "journal-of-another-program.jsonl"
    other.write_text("".join(json.dumps(line(f"{name}.jpg.decal.png", outcome, code="io")) + "\n" for name, outcome in
                             (("a", "failed"), ("e", "done"), ("e", "failed"), ("f", "failed"))))
    with Journal(str(tmp_path), (0, 1)) as journal:
        outcomes = [journal.known(f"{name}.jpg.decal.png").outcome for name in "aef"]
    assert outcomes == ["done", "done", "failed"]


def test_a_journal_is_one_processs(tmp_path, monkeypatch):
    monkeypatch.setattr("decal.ray._journal._LOCK_SECONDS", 0.3)
    with Journal(str(tmp_path), (0, 1)):
        code_of = "import sys; from decal.ray import _journal; _journal._LOCK_SECONDS = 0.3; _journal.Journal(sys.argv[1], (0, 1)).__enter__()"
        done = subprocess.run([sys.executable, "-P", "-c", code_of, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode != 0 and "another process works on this shard" in done.stderr
    (tmp_path / "file").write_text("")
    assert code(lambda: Journal(str(tmp_path / "file"), (0, 1)).__enter__()) == "io"


def test_stores(tmp_path):
    place = str(tmp_path / "new/folder/x.png")
    _store.write(place, b"one", 0)
    _store.write(place, b"three", 1)
    assert _store.read(place, 5) == b"three" and _store.state(place)[1] == 5
    assert [path.name for path in (tmp_path / "new/folder").iterdir()] == ["x.png"]
    assert code(lambda: _store.read(place, 4)) == "limit-exceeded"
    assert code(lambda: _store.read(place + "y", 4)) == "not-found"
    assert code(lambda: _store.read(str(tmp_path), 4)) == "io"
    assert code(lambda: _store.write(place + "/below.png", b"", 0)) == "io"
    assert code(lambda: _store.check_destination("https://host/x")) == "invalid-argument"
    assert code(lambda: _store.check_destination("nonsense://x")) == "invalid-argument"
    _store.write("memory://folder/x.png", b"two", 0)
    _store.write("memory://folder/x.png", b"four", 0)
    assert _store.read("memory://folder/x.png", 9) == b"four"
    assert [name for name, _ in _store.walk("memory://folder", "memory://folder/out")] == ["memory:///folder/x.png"]


@pytest.mark.parametrize("arguments", [
    [], ["--from", "x"], ["--from", "x", "--to", "y", "--quality", "0"], ["--from", "x", "--to", "y", "--refine", "more"],
    ["--from", "x", "--to", "y", "--threads", "0"], ["--from", "x", "--to", "y", "--shard", "2/2"], ["--from", "x", "--to", "https://y/z"],
    ["--from", "x", "--to", "y", "--mean", "1,2,x"], ["--from", "x", "--to", "y", "--model-value", "ratio"], ["--nonsense"],
    ["--from", "x", "--to", "y", "--background", "reddish"], ["--from", "x", "--to", "s3://bucket/y"],
])
def test_wrong_usage_is_told_before_anything_starts(arguments, tmp_path, monkeypatch, capsys):
    from decal.ray.__main__ import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    told = capsys.readouterr().err
    assert status == 2 and told.count("\n") == 1 and told.startswith("decal: ") and "(invalid-argument)" in told
    assert not (tmp_path / "y").exists()
