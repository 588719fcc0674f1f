# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""The same calls to rembg and to decal.rembg: arguments, names, and the kind, mode and size of each result.

    scripts/python.sh tests && scripts/python.sh rembg
    python3 bench/rembg_calls.py

Both get the same u2netp.onnx from $DECAL_SHARED/models/real. Says what differs, and fails for what docs/migration.md does not name.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("DECAL_SHARED", ROOT.parent / "shared"))
CONTENDERS = {"rembg": ("build/python/rembg/bin/python", "rembg"), "decal": ("build/python/venv/bin/python", "decal.rembg")}
LEVELS = 2  # of a matte; the issue of resizing aside, two engines round in other ways

# Runs in the contender's environment: MODULE OUT, writes a report and the masks there.
CHILD = """
import importlib, inspect, io, json, os, sys
import numpy as np
from PIL import Image
module, out = sys.argv[1:]
rembg = importlib.import_module(module)
bg = importlib.import_module(module + ".bg")
sessions = importlib.import_module(module + ".sessions")
base = sessions.BaseSession
report = {
    "remove": list(inspect.signature(rembg.remove).parameters), "new_session": list(inspect.signature(rembg.new_session).parameters),
    "sessions": sorted(sessions.sessions_names), "downloadable": sorted(sessions.sessions_names_downloadable),
    "session": sorted(name for name in dir(base) if not name.startswith("_")),
    "module": sorted(name for name in dir(rembg) if not name.startswith("_") and not inspect.ismodule(getattr(rembg, name))),
}
session = rembg.new_session("u2netp")
y, x = np.mgrid[0:150, 0:200]
disc = ((x - 100) ** 2 + (y - 75) ** 2 < 2500)[..., None]
rgb = Image.fromarray(np.where(disc, (220, 90, 50), (40, 90, 160)).astype(np.uint8) + (x % 23).astype(np.uint8)[..., None])
def file(image, format, **options):
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()
rgba = rgb.copy()
rgba.putalpha(Image.fromarray((x % 256).astype(np.uint8)))
exif = Image.Exif()
exif[0x0112] = 6
inputs = {
    "jpeg": file(rgb, "JPEG"), "jpeg turned": file(rgb, "JPEG", exif=exif), "png": file(rgb, "PNG"), "png rgba": file(rgba, "PNG"),
    "png grey": file(rgb.convert("L"), "PNG"), "png palette": file(rgb.convert("P"), "PNG"), "webp": file(rgb, "WEBP"),
    "jpeg cmyk": file(rgb.convert("CMYK"), "JPEG"),
    "text": b"no picture", "nothing": b"", "path": "photo.jpg", "none": None, "list": [[1, 2]],
    "array": np.asarray(rgb), "array rgba": np.asarray(rgba), "array grey": np.asarray(rgb.convert("L")),
    "array float": np.zeros((8, 8, 3), np.float32),
}
for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr", "I", "F"):
    inputs["image " + mode] = (rgba if mode in ("RGBA", "LA") else rgb.convert("L") if mode in ("I", "F") else rgb).convert(mode)
options = {
    "": {}, "only_mask": {"only_mask": True}, "post_process_mask": {"post_process_mask": True},
    "both": {"only_mask": True, "post_process_mask": True},
    "alpha_matting": {"alpha_matting": True},
    "matting 1": {"alpha_matting": True, "alpha_matting_erode_size": 1, "alpha_matting_foreground_threshold": 270},
    "put_alpha": {"put_alpha": True}, "putalpha": {"putalpha": True}, "bgcolor": {"bgcolor": (255, 0, 0, 255)},
    "bgcolor half": {"bgcolor": (255, 0, 0, 100)},
    "bytes": {"force_return_bytes": True}, "decontaminate": {"decontaminate": True},
    "mask, colour": {"only_mask": True, "bgcolor": (0, 0, 0, 255)},
}
def kind(result):
    if isinstance(result, bytes):
        image = Image.open(io.BytesIO(result))
        return ["bytes", image.format, image.mode, list(image.size)]
    if isinstance(result, Image.Image):
        return ["image", result.mode, list(result.size)]
    return ["array", str(result.dtype), list(result.shape)]
calls, masks = {}, {}
for what, given in inputs.items():
    for how, keywords in options.items():
        if how and what not in ("jpeg", "png rgba", "png grey", "array", "array grey", "image RGB", "image RGBA", "image L", "image P"):
            continue
        name = f"{what}; {how}"
        try:
            result = rembg.remove(given, session=session, **keywords)
            calls[name] = kind(result)
            if how in ("", "only_mask", "both", "bgcolor", "put_alpha", "bgcolor half"):
                pixels = np.asarray(Image.open(io.BytesIO(result)) if isinstance(result, bytes) else result)
                masks[name] = pixels
        except Exception as error:
            calls[name] = ["error", "ValueError" if isinstance(error, ValueError) else "OSError" if isinstance(error, OSError) else "error"]
for name in ("nonsense", ""):
    try:
        rembg.new_session(name)
        calls["session " + name] = ["session"]
    except ValueError:
        calls["session " + name] = ["error", "ValueError"]
report["calls"] = calls
np.savez(out + ".npz", **masks)
with open(out + ".json", "w") as file:
    json.dump(report, file)
os._exit(0)  # threads of rembg's packages were seen to keep a process that has ended
"""

# What docs/migration.md names: calls that end with this may differ.
KNOWN = ("; put_alpha", "; bytes")


def run(name, folder):
    python, module = CONTENDERS[name]
    environment = {**os.environ, "U2NET_HOME": str(SHARED / "models/real"), "DECAL_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([ROOT / python, "-P", "-c", CHILD, module, f"{folder}/{name}"], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} failed: {done.stderr.strip()[-800:]}")
    return json.loads(pathlib.Path(f"{folder}/{name}.json").read_text())


def levels(folder):
    """By call: the largest and the mean difference of the pixels."""
    code = (
        "import sys, json, numpy as np; a, b = (np.load(p) for p in sys.argv[1:]); out = {}\n"
        "for k in a.files:\n"
        "  if k in b.files and a[k].shape == b[k].shape:\n"
        "    d = np.abs(a[k].astype(int) - b[k].astype(int)); out[k] = [int(d.max()), float(d.mean()), float((d > 2).mean())]\n"
        "print(json.dumps(out))"
    )
    command = [ROOT / CONTENDERS["decal"][0], "-c", code, f"{folder}/rembg.npz", f"{folder}/decal.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main():
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = (run(name, folder) for name in CONTENDERS)
        differences = levels(folder)
    unexpected = 0
    for key in ("remove", "new_session", "sessions", "downloadable", "session", "module"):
        missing = [name for name in theirs[key] if name not in ours[key]]
        more = [name for name in ours[key] if name not in theirs[key]]
        if missing or more:
            print(f"{key}: without {', '.join(missing) or 'nothing'}; more: {', '.join(more) or 'nothing'}")
            unexpected += bool(missing) and key in ("remove", "new_session")
    if theirs["remove"][: len(ours["remove"])] != ours["remove"]:
        print("remove: another order of arguments:", ours["remove"])
        unexpected += 1
    same = 0
    for call, result in theirs["calls"].items():
        if ours["calls"][call] == result:
            same += 1
        else:
            print(f"{call}: rembg {result}, decal {ours['calls'][call]}")
            unexpected += not call.endswith(KNOWN)
    print(f"{same} of {len(theirs['calls'])} calls give the same kind, mode and size, or the same error")
    for call, (largest, mean, above) in differences.items():
        if largest > LEVELS:
            print(f"{call}: differs by {largest} levels at most, {mean:.3f} on average, {100 * above:.2f} % by more than 2")
    masks = {call: value for call, value in differences.items() if call.endswith("; only_mask")}
    print(f"masks of {len(masks)} calls differ by {max(value[0] for value in masks.values())} levels at most")
    sys.exit(1 if unexpected or any(value[0] > LEVELS for value in masks.values()) else 0)


main()
