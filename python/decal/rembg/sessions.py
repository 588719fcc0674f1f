# SPDX-License-Identifier: MIT
"""Sessions by rembg's names: `predict` gives the masks of a PIL picture, resized as rembg resizes (Pillow's LANCZOS, on all threads)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from .. import _decal
from .._errors import Error
from .._models import DEFAULT
from .._session import MAX_THREADS, Session
from ._catalogue import CATALOGUE, REFUSED, Model, home, legacy_home, place_of
from ._download import download


class ArgumentError(Error, ValueError):
    """What rembg reports as a ValueError."""


class PictureError(Error, UnidentifiedImageError):
    """rembg passes Pillow's UnidentifiedImageError on, so this is one, too."""


class BaseSession:
    """One model under its rembg name; the subclasses of `sessions` know which."""

    model: Model

    def __init__(self, model_name: str = "", sess_opts: Any = None, *args: Any, **kwargs: Any) -> None:
        self.model_name = model_name or self.model.name
        self._options: dict[str, Any] = {"model_path": kwargs.get("model_path"), "threads": _threads(sess_opts)}
        self._open()

    def _open(self) -> None:
        threads = self._options["threads"]
        self._engine: _decal.Engine | _decal.Network  # whose threads resize and paste
        if self.model.name == DEFAULT:
            self._session: Session | None = Session(threads=threads or None)
            self._engine = self._session._engine
        else:
            self._session = None
            self._network = _decal.Network("", str(self.download_models(model_path=self._options["model_path"])), threads)
            self._engine = self._network

    def __getstate__(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "_options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
        """The masks of a picture: grey, of its size."""
        return [Image.fromarray(self._enlarged(mask, img.size)) for mask in self._masks(img, **kwargs)]

    def cut(self, img: Image.Image, **kwargs: Any) -> list[np.ndarray]:
        """The picture pasted through each of its masks onto transparent black, [H,W,4]: `Image.composite`, without its copies."""
        masks = self._masks(img, **kwargs)
        # What pasting would convert to.
        pixels = np.asarray(img if img.mode in ("RGB", "RGBA") else img.convert("RGBA"))
        cutouts = []
        for mask in masks:
            cutout = np.empty((img.height, img.width, 4), np.uint8)
            self._engine.paste(pixels, mask if _enlarges(mask, img.size) else self._enlarged(mask, img.size), cutout)
            cutouts.append(cutout)
        return cutouts

    @property
    def threads(self) -> int:
        return self._engine.threads

    def _enlarged(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The mask at a picture's size, as Pillow's LANCZOS makes it."""
        if _enlarges(mask, size):
            return self._engine.resize(mask, *size)
        return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.LANCZOS))

    def _masks(self, img: Image.Image, **kwargs: Any) -> list[np.ndarray]:
        """uint8 [h,w], as large as the network makes them, or of the picture's size."""
        if self._session is not None:
            return [np.asarray(self._session.segment(np.asarray(img.convert("RGB"))))]
        output = self._run(img)
        if output.shape[1] == 4 and self.model.name == "u2net_cloth_seg":
            return _cloth_masks(output, img.size, kwargs.get("cc") or kwargs.get("cloth_category"))
        matte = output[0, 0]
        if self.model.sigmoid:
            matte = 1 / (1 + np.exp(-matte))
        low, high = float(matte.min()), float(matte.max())
        if not np.isfinite(high - low):
            raise Error("internal", "the model's output contains NaN", self.model_name)
        matte = (matte - low) / (high - low) if high > low else np.zeros_like(matte)
        return [np.ascontiguousarray(matte * 255, np.uint8)]

    def _run(self, img: Image.Image) -> np.ndarray:
        size = self.model.size
        height, width = (extent if extent > 0 else size for extent in self._network.input_shape[2:])
        rgb = img if img.mode == "RGB" else img.convert("RGB")  # convert would copy it: 27 ms at 11 megapixels
        pixels = np.asarray(rgb.resize((width, height), Image.Resampling.LANCZOS), np.float32)
        values: np.ndarray = pixels / max(float(pixels.max()), 1e-6)
        values = (values - np.array(self.model.mean, np.float32)) / np.array(self.model.std, np.float32)
        return self._network.run(np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis]))

    @classmethod
    def name(cls, *args: Any, **kwargs: Any) -> str:
        return cls.model.name

    @classmethod
    def is_local(cls, *args: Any, **kwargs: Any) -> bool:
        """True: every session computes on this machine."""
        return True

    @classmethod
    def requires_credentials(cls, *args: Any, **kwargs: Any) -> bool:
        return False

    @classmethod
    def has_usage_cost(cls, *args: Any, **kwargs: Any) -> bool:
        return False

    @classmethod
    def u2net_home(cls, *args: Any, **kwargs: Any) -> str:
        return home()

    rembg_home = u2net_home

    @classmethod
    def download_models(cls, *args: Any, **kwargs: Any) -> str:
        """The path of the model's file; it is downloaded if it is not found."""
        if cls.model.custom:
            return _custom_path(kwargs.get("model_path"))
        if not cls.model.url:
            return ""
        path = place_of(cls.model)
        if not os.path.exists(path):
            download(cls.model, path)
        return path


def _custom_path(path: Any) -> str:
    """Like rembg, from its own folders only: the path may come from somebody else's request."""
    if path is None:
        raise ArgumentError("invalid-argument", "model_path is required")
    full = os.path.abspath(os.path.expanduser(os.fspath(path)))
    roots = [os.path.abspath(root) for root in (home(), legacy_home())]
    if not any(full == root or full.startswith(root + os.sep) for root in roots):
        raise ArgumentError("invalid-argument", f"model_path must lie in {' or '.join(dict.fromkeys(roots))}", full)
    return full


def _threads(sess_opts: Any) -> int:
    """From onnxruntime's options, or anything with their attribute, or OMP_NUM_THREADS; 0: one for each core."""
    threads = int(getattr(sess_opts, "intra_op_num_threads", 0) or 0)
    if threads == 0 and os.environ.get("OMP_NUM_THREADS", "").isdigit():
        threads = int(os.environ["OMP_NUM_THREADS"])
    return min(max(threads, 0), MAX_THREADS)


def _enlarges(mask: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether neither side gets shorter: where one does, Pillow 13 may resize rows before columns, which rounds otherwise."""
    return size[0] >= mask.shape[1] and size[1] >= mask.shape[0]


def _cloth_masks(output: np.ndarray, size: tuple[int, int], category: str | None) -> list[np.ndarray]:
    """One mask for each class of clothing (upper, lower, full), or for the one that was asked for; attire is any of them."""
    classes = Image.fromarray(output[0].argmax(0).astype(np.uint8)).resize(size, Image.Resampling.LANCZOS)
    labels = np.asarray(classes)
    of_category: dict[str | None, list[list[int]]] = {"upper": [[1]], "lower": [[2]], "full": [[3]], "attire": [[1, 2, 3]]}
    chosen = of_category.get(category, [[1], [2], [3]])
    return [np.where(np.isin(labels, wanted), 255, 0).astype(np.uint8) for wanted in chosen]


def _session_class(model: Model) -> type[BaseSession]:
    title = "".join(part.capitalize() for part in model.name.replace("_", "-").split("-"))
    made = type(f"{title}Session", (BaseSession,), {"model": model, "__doc__": f"The model {model.name} of rembg."})
    # Pickle looks classes up by name.
    made.__module__ = __name__
    globals()[made.__name__] = made
    return made


sessions: dict[str, type[BaseSession]] = {name: _session_class(model) for name, model in CATALOGUE.items()}
sessions_class = list(sessions.values())
sessions_names = list(sessions)
sessions_names_no_credentials = sessions_names
sessions_names_downloadable = [name for name, model in CATALOGUE.items() if model.url]


def new_session(model_name: str = DEFAULT, *args: Any, sess_opts: Any = None, **kwargs: Any) -> BaseSession:
    """A session by rembg's name of a model; left out, the model inside this package.

    The file is looked for where rembg keeps it ($U2NET_HOME, $REMBG_HOME, ~/.rembg/models/<name>/, ~/.u2net) and as
    `<registry's name>.onnx` in $DECAL_MODELS_DIR, and fetched like there where it is in none of them and DECAL_OFFLINE is not
    set. `sess_opts.intra_op_num_threads` and OMP_NUM_THREADS are the number of threads; `providers` has no effect.
    """
    if model_name not in sessions:
        why = REFUSED.get(model_name)
        text = f"not supported: it {why}" if why else "no session of that name; there are " + ", ".join(sessions_names)
        raise ArgumentError("invalid-argument", text, str(model_name))
    return sessions[model_name](model_name, sess_opts, *args, **kwargs)
