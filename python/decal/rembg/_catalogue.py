# SPDX-License-Identifier: MIT
"""The models that rembg 2.0 knows by name: how each sees a picture, what its file is called and where it may lie."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .._models import DEFAULT, REGISTRY

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CENTRED = ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"


class Model(NamedTuple):
    """An entry of the catalogue."""

    name: str
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sigmoid: bool = False
    licence: str = ""
    url: str = ""
    checksum: str = ""
    """As rembg states it: "md5:..." or "sha256:..."."""
    registry: str = ""
    """The same file's name in Decal's registry, for DECAL_MODELS_DIR."""
    custom: bool = False
    """The file is the caller's `model_path`."""
    file: str = ""
    """The name of the local file where it is another model's."""


_Normal = tuple[tuple[float, float, float], tuple[float, float, float]]


def _model(name: str, size: int, normal: _Normal, licence: str, remote: str, checksum: str, **more: Any) -> Model:
    mean, std = normal
    return Model(name, size, mean, std, licence=licence, url=_RELEASE + remote, checksum=checksum, **more)


def _birefnet(name: str, remote: str, md5: str, **more: Any) -> Model:
    return _model(name, 1024, _IMAGENET, "MIT", remote, f"md5:{md5}", sigmoid=True, **more)


_GENERAL = ("BiRefNet-general-epoch_244.onnx", "7a35a0141cbbc80de11d9c9a28f52697")
_MODELS = [
    # The model inside this package: no file, nothing to download.
    Model(DEFAULT, 0, (0, 0, 0), (1, 1, 1), licence=REGISTRY[DEFAULT]["licence"]),
    _birefnet("birefnet-general", *_GENERAL, registry="birefnet"),
    _birefnet("birefnet-general-lite", "BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx", "4fab47adc4ff364be1713e97b7e66334",
              registry="birefnet-lite"),
    # rembg converts birefnet-general to float16 for CUDA; here it is the same file in full precision.
    _birefnet("birefnet-general-fp16", *_GENERAL, registry="birefnet", file="birefnet-general"),
    _birefnet("birefnet-portrait", "BiRefNet-portrait-epoch_150.onnx", "c3a64a6abf20250d090cd055f12a3b67",
              registry="birefnet-portrait"),
    _birefnet("birefnet-dis", "BiRefNet-DIS-epoch_590.onnx", "2d4d44102b446f33a4ebb2e56c051f2b", registry="birefnet-dis"),
    _birefnet("birefnet-hrsod", "BiRefNet-HRSOD_DHU-epoch_115.onnx", "c017ade5de8a50ff0fd74d790d268dda", registry="birefnet-hrsod"),
    _birefnet("birefnet-cod", "BiRefNet-COD-epoch_125.onnx", "f6d0d21ca89d287f17e7afe9f5fd3b45", registry="birefnet-cod"),
    _birefnet("birefnet-massive", "BiRefNet-massive-TR_DIS5K_TR_TEs-epoch_420.onnx",
              "33e726a2136a3d59eb0fdf613e31e3e9", registry="birefnet-massive"),
    _model("isnet-anime", 1024, (_IMAGENET[0], (1.0, 1.0, 1.0)), "Apache-2.0", "isnet-anime.onnx",
           "md5:6f184e756bb3bd901c8849220a83e38e", registry="isnet-anime"),
    Model("dis_custom", 1024, *_CENTRED, custom=True),
    _model("isnet-general-use", 1024, _CENTRED, "Apache-2.0", "isnet-general-use.onnx",
           "md5:fc16ebd8b0c10d971d3513d564d01e29", registry="isnet-general"),
    _model("silueta", 320, _IMAGENET, "Apache-2.0", "silueta.onnx", "md5:55e59e0d8062d2f5d013f4725ee84782",
           registry="silueta"),
    _model("u2net_cloth_seg", 768, _IMAGENET, "MIT", "u2net_cloth_seg.onnx", "md5:2434d1f3cb744e0e49386c906e5a08bb",
           registry="u2net_cloth_seg"),
    Model("u2net_custom", 320, *_IMAGENET, custom=True),
    _model("u2net_human_seg", 320, _IMAGENET, "Apache-2.0", "u2net_human_seg.onnx",
           "md5:c09ddc2e0104f800e3e1bb4652583d1f", registry="u2net_human_seg"),
    _model("u2net", 320, _IMAGENET, "Apache-2.0", "u2net.onnx", "md5:60024c5c889badc19c04ad937298a77b", registry="u2net"),
    _model("u2netp", 320, _IMAGENET, "Apache-2.0", "u2netp.onnx", "md5:8e83ca70e441ab06c318d82300c84806",
           registry="u2netp"),
    _model("bria-rmbg", 1024, _IMAGENET, "non-commercial (bria-rmbg-2.0)", "bria-rmbg-2.0.onnx",
           "sha256:5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958"),
    Model("ben_custom", 1024, *_CENTRED, custom=True),
]
CATALOGUE: dict[str, Model] = {model.name: model for model in _MODELS}

# rembg's other names, and why they are not here.
REFUSED = {
    "sam": "segments by points and boxes, which Decal does not do yet",
    "withoutbg": "sends the picture to a server; Decal never does",
    "atlascloud": "sends the picture to a server; Decal never does",
}


def legacy_home() -> str:
    """rembg's folder of old: $U2NET_HOME, or .u2net in $XDG_DATA_HOME or the home folder."""
    return os.path.expanduser(os.environ.get("U2NET_HOME") or os.path.join(os.environ.get("XDG_DATA_HOME") or "~", ".u2net"))


def home() -> str:
    """rembg's folder: $U2NET_HOME, $REMBG_HOME, rembg in $XDG_DATA_HOME, or ~/.rembg."""
    if os.environ.get("U2NET_HOME"):
        return legacy_home()
    data = os.environ.get("XDG_DATA_HOME")
    default = os.path.join(data, "rembg") if data else os.path.join("~", ".rembg")
    return os.path.expanduser(os.environ.get("REMBG_HOME") or default)


def place_of(model: Model) -> str:
    """Where the file of `model` lies, or is put by a download."""
    name = model.file or model.name
    fresh = os.path.join(home(), "models", name, f"{name}.onnx")
    candidates = [fresh, os.path.join(legacy_home(), f"{name}.onnx")]
    if os.environ.get("DECAL_MODELS_DIR") and model.registry:
        candidates.append(os.path.join(os.environ["DECAL_MODELS_DIR"], f"{model.registry}.onnx"))
    return next((path for path in candidates if os.path.exists(path)), fresh)
