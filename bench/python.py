# SPDX-License-Identifier: MIT
"""decal.rembg beside the package rembg: time and memory of whole processes, and the difference of their mattes.

    scripts/python.sh tests && scripts/python.sh rembg
    python3 bench/python.py [--rounds 3] [--calls 5] [--output results.json] PHOTO...

Prints medians and their ratios, and ends with 1 where one is under its aim: import, session and first call 5 times as fast,
later calls 3 times, a third of the memory. Both get the same u2netp.onnx from $DECAL_SHARED/models/real and the same bytes,
contenders take turns, every measurement is a process of its own. `suite FOLDER` runs rembg's own tests (a folder with its
test_remove.py) against decal.rembg instead, for the models whose files are there.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("DECAL_SHARED", ROOT.parent / "shared"))
CONTENDERS = {"decal": ("build/python/venv/bin/python", "decal.rembg"), "rembg": ("build/python/rembg/bin/python", "rembg")}

AIMS = {"start_s": 5, "later_s": 3, "peak_mb": 3}

# Runs in the contender's environment: MODULE PHOTO CALLS MASK, prints a line of JSON.
CHILD = """
import json, sys, time
start = time.perf_counter()
import importlib
module, photo, calls, mask = sys.argv[1:]
rembg = importlib.import_module(module)
imported = time.perf_counter()
session = rembg.new_session("u2netp")
data = open(photo, "rb").read()
rembg.remove(data, session=session)
first = time.perf_counter()
first_cpu = time.process_time()
later, later_cpu = [], []
for _ in range(int(calls)):
    since, since_cpu = time.perf_counter(), time.process_time()
    rembg.remove(data, session=session)
    later.append(time.perf_counter() - since)
    later_cpu.append(time.process_time() - since_cpu)
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
from PIL import Image
rembg.remove(Image.open(photo), session=session, only_mask=True).save(mask)
print(json.dumps({"import": imported - start, "start": first - start, "start_cpu": first_cpu, "later": later,
                  "later_cpu": later_cpu, "peak_bytes": peak}))
"""


def run(name, photo, calls, mask):
    python, module = CONTENDERS[name]
    environment = {**os.environ, "U2NET_HOME": str(SHARED / "models/real"), "DECAL_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    command = [ROOT / python, "-P", "-c", CHILD, module, photo, str(calls), mask]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def difference(one, other):
    """The largest difference of two grey pictures, and their mean difference, in levels."""
    code = (
        "import sys, numpy as np; from PIL import Image;"
        "a, b = (np.asarray(Image.open(p)).astype(int) for p in sys.argv[1:]);"
        "print(abs(a - b).max(), abs(a - b).mean())"
    )
    out = subprocess.run([ROOT / CONTENDERS["decal"][0], "-c", code, one, other], capture_output=True, text=True, check=True).stdout
    return [float(value) for value in out.split()]


def compare(photo, rounds, calls):
    rows = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            for name in CONTENDERS:
                row = run(name, photo, calls, f"{folder}/{name}.png")
                if turn > 0:  # the first warms the disk, and rembg compiles and caches functions then
                    rows[name].append(row)
        levels = difference(f"{folder}/decal.png", f"{folder}/rembg.png")
    median = lambda name, key: statistics.median(row[key] for row in rows[name])  # noqa: E731
    result = {"photo": os.path.basename(photo), "matte_levels": {"max": levels[0], "mean": levels[1]}}
    for name in CONTENDERS:
        result[name] = {
            "import_s": median(name, "import"),
            "start_s": median(name, "start"),
            "later_s": statistics.median(value for row in rows[name] for value in row["later"]),
            # Processor time says more than the clock on a machine that has other things to do.
            "start_cpu_s": median(name, "start_cpu"),
            "later_cpu_s": statistics.median(value for row in rows[name] for value in row["later_cpu"]),
            "peak_mb": median(name, "peak_bytes") / 1e6,
        }
    ours, theirs = result["decal"], result["rembg"]
    result["ratio"] = {key: theirs[key] / ours[key] for key in ours}
    return result


SUITE = """
import os, pathlib, sys
import decal.rembg
from decal.rembg.sessions import sessions
sys.modules["rembg"] = decal.rembg
folder = pathlib.Path(sys.argv[1])
text = (folder / "test_remove.py").read_text()
there = [name for name in sessions if f'"{name}"' in text and sessions[name].model.url
         and os.path.exists(decal.rembg.sessions.place_of(sessions[name].model))]
print("models whose files are here:", ", ".join(there))
import rembg
kept = rembg.new_session
class Absent(Exception): pass
def new_session(name, *args, **kwargs):
    if name not in there:
        raise Absent(name)
    return kept(name, *args, **kwargs)
rembg.new_session = new_session
import re
# Its one test goes through all models: here once for each that is there.
start, end = text.index("for model in ["), text.index("]:", text.index("for model in ["))
for name in there:
    code = text[:start] + f'for model in ["{name}"' + text[end:]
    scope = {"__name__": "suite", "__file__": str(folder / "test_remove.py")}
    exec(compile(code, "test_remove.py", "exec"), scope)
    scope["test_remove"]()
    print("passed:", name)
missing = [name for name in re.findall(r'"([\\w-]+)"', text[start:end]) if name not in there]
print("not run, because the file is missing:", ", ".join(missing))
"""


def suite(folder):
    environment = {**os.environ, "U2NET_HOME": os.environ.get("U2NET_HOME", str(SHARED / "models/real")), "DECAL_OFFLINE": "1"}
    # imagehash, which the suite asks for, is in rembg's environment; the package comes from the tests' one.
    packages = next((ROOT / "build/python/venv/lib").glob("python*/site-packages"))
    environment["PYTHONPATH"] = f"{packages}"
    return subprocess.run([ROOT / CONTENDERS["rembg"][0], "-P", "-c", SUITE, folder], env=environment).returncode


def main():
    if sys.argv[1:2] == ["suite"]:
        sys.exit(suite(sys.argv[2]))
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--output")
    options = parser.parse_args()
    photos = options.photos or [str(SHARED / "photos/rocket.jpg")]
    results = [compare(photo, options.rounds, options.calls) for photo in photos]
    for result in results:
        print(f"{result['photo']}: mattes differ by {result['matte_levels']['max']:.0f} levels at most")
        for key in ("import_s", "start_s", "later_s", "start_cpu_s", "later_cpu_s", "peak_mb"):
            aim = f" (aim {AIMS[key]})" if key in AIMS else ""
            print(f"  {key:11} decal {result['decal'][key]:8.3f}  rembg {result['rembg'][key]:8.3f}  ratio {result['ratio'][key]:.2f}{aim}")
    if options.output:
        load = os.getloadavg()[0]
        pathlib.Path(options.output).write_text(json.dumps({"load": load, "cores": os.cpu_count(), "results": results}, indent=1) + "\n")
    sys.exit(any(result["ratio"][key] < aim for result in results for key, aim in AIMS.items()))


main()
