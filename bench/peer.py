# SPDX-License-Identifier: MIT
"""Runs an ONNX model with OpenVINO or ncnn, on the CPU in float32, and prints the same line of JSON as `decal run`.

    build/python/peers/bin/python bench/peer.py openvino|ncnn model.onnx x.npy [--threads N] [--warm-up N] [--repeat N]

ncnn gets the model from pnnx, converted once into a folder beside the input (x.npy.<hash of the model>.ncnn).
"""

import argparse
import hashlib
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np


def load_openvino(model, threads, _):
    import openvino

    # By default it computes in bfloat16 where the processor has that.
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_HYPER_THREADING": "YES",
        "ENABLE_CPU_PINNING": "NO",
    }
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    return lambda x: request.infer([x])[0]


def convert(model, x, folder):
    """The model as ncnn has it."""
    if not (folder / "model.ncnn.param").exists():
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(pathlib.Path(model).read_bytes())
        # Not imported: that needs PyTorch.
        program = pathlib.Path(importlib.util.find_spec("pnnx").origin).parent / "pnnx"
        program.chmod(0o755)
        shape = str(list(x.shape)).replace(" ", "")
        done = subprocess.run([program, "model.onnx", f"inputshape={shape}", "fp16=0"], cwd=folder, capture_output=True, text=True)
        if done.returncode or not (folder / "model.ncnn.param").exists():
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            sys.exit(f"error: pnnx cannot convert the model: {lines[-1] if lines else done.returncode}")
        (folder / "model.onnx").unlink()
    return folder


def load_ncnn(model, threads, x):
    import ncnn

    folder = convert(model, *x)
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
        sys.exit("error: ncnn cannot load the model")

    def run(x):
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(x[0]).clone())
        failed, out = extractor.extract("out0")
        if failed:
            sys.exit("error: ncnn cannot run the model")
        return np.array(out)[None]

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=["openvino", "ncnn"])
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("--output")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    x = np.load(given.input).astype(np.float32)
    digest = hashlib.sha256(pathlib.Path(given.model).read_bytes()).hexdigest()[:12]
    converted = pathlib.Path(f"{given.input}.{digest}.ncnn")
    if given.engine == "ncnn":  # not within the time of loading: a user has the converted file
        convert(given.model, x, converted)
    start = time.perf_counter()
    load = load_openvino if given.engine == "openvino" else load_ncnn
    run = load(given.model, given.threads, (x, converted))
    loaded = time.perf_counter()
    times = []
    for _ in range(given.warm_up + given.repeat):
        since = time.perf_counter()
        y = run(x)
        times.append(1e3 * (time.perf_counter() - since))
    if given.output:
        np.save(given.output, y)
    times = times[given.warm_up :]
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    peak = next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(
        json.dumps(
            {
                "loadMs": 1e3 * (loaded - start),
                "runMs": {"min": min(times), "median": statistics.median(times), "all": times},
                "memoryBytes": {"peak": peak},
                "threads": given.threads,
            }
        )
    )


if __name__ == "__main__":
    main()
