# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
"""Models of one's own: how they are fed and read, and weights in files beside them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from tiny_model import write_tiny_model

import decal

SIZE = 8


@pytest.fixture
def picture():
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.uint8)
    return np.stack([30 * columns, 30 * rows, 255 - 30 * columns], axis=2)


def segment(path, picture, **spec):
    return decal.Session(path, spec=spec or None).segment(picture, refine="off").astype(float) / 255


def expect(matte, wanted):
    np.testing.assert_allclose(matte, wanted, atol=1.01 / 255)


def test_the_fields_of_the_registry(tmp_path, picture):
    red, green, blue = (picture[:, :, channel] / 255 for channel in range(3))
    classes = write_tiny_model(tmp_path / "classes.onnx", SIZE, 3, np.eye(3).ravel().tolist(), layers=0)
    for index, channel in enumerate((red, green, blue)):
        expect(segment(classes, picture, foregroundClass=index), channel)
    softmax = np.exp([red, green, blue]) / np.exp([red, green, blue]).sum(axis=0)
    expect(segment(classes, picture, foregroundClass=1, activation="softmax"), softmax[1])
    logits = write_tiny_model(tmp_path / "logits.onnx", SIZE, 1, [20.0, 0.0, -20.0], layers=0)
    for activation in ("sigmoid", "auto"):
        expect(segment(logits, picture, activation=activation), 1 / (1 + np.exp(-20 * (red - blue))))
    full = write_tiny_model(tmp_path / "full.onnx", SIZE, 1, [0.0, 255.0, 0.0], layers=0)
    for activation in ("bytes", "auto"):
        expect(segment(full, picture, activation=activation), green)
    half = write_tiny_model(tmp_path / "half.onnx", SIZE, 1, [0.0, 0.5, 0.0], layers=0)
    expect(segment(half, picture, mean=[0, -0.5, 0], std=(1, 2, 1), input={"rule": "stretch"}, output="matte"), 0.25 * (green + 0.5))


def test_two_passes_with_best(tmp_path):
    picture = np.zeros((160, 200, 3), np.uint8)
    picture[50:70, 130:150] = 255
    path = write_tiny_model(tmp_path / "red.onnx", 16, 1, [1.0, 0.0, 0.0], layers=0)
    for spec, refine, passes in (({"passes": 2}, "best", 2), ({"passes": 2}, "fast", 1), ({}, "best", 1)):
        assert decal.Session(path, spec=spec or None).remove(picture, refine=refine).execution.passes == passes


def test_a_session_keeps_its_fields_where_it_is_sent(tmp_path, picture):
    path = write_tiny_model(tmp_path / "classes.onnx", SIZE, 3, np.eye(3).ravel().tolist(), layers=0)
    session = decal.Session(path, spec={"foregroundClass": 0, "name": "an entry of the registry has more", "sha256": None})
    again = pickle.loads(pickle.dumps(session))
    np.testing.assert_array_equal(again.segment(picture), session.segment(picture))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"mean": [1, 2]}, "three numbers"),
        ({"mean": "0.5"}, "three numbers"),
        ({"std": [1, 0, 1]}, "more than 0"),
        ({"activation": "relu"}, "one of none, sigmoid, softmax, bytes, auto"),
        ({"foregroundClass": -1}, "whole number"),
        ({"input": {"width": 0}}, "whole pixels"),
        ({"input": {"depth": 1}}, "no such field"),
        ({"input": 512}, "a dictionary"),
        ({"inputs": {"ratio": "much"}}, "a number for each input"),
        ({"averages": 1}, "no such field"),
    ],
)
def test_fields_that_make_no_sense(tmp_path, spec, message):
    path = write_tiny_model(tmp_path / "m.onnx", SIZE)
    with pytest.raises(decal.Error, match=message) as error:
        decal.Session(path, spec=spec)
    assert error.value.code == "invalid-argument"


def test_a_json_file_beside_the_model(tmp_path, picture):
    red, green, blue = (picture[:, :, channel] / 255 for channel in range(3))
    path = write_tiny_model(tmp_path / "classes.onnx", SIZE, 3, np.eye(3).ravel().tolist(), layers=0)
    entry = {"name": "x", "licence": "MIT", "url": None, "sha256": None, "bytes": 1, "output": None, "foregroundClass": 1, "mean": [0, 0.5, 0]}
    (tmp_path / "classes.json").write_text(json.dumps({**entry, "mean": [0, 0, 0]}))
    expect(segment(path, picture), green)
    (tmp_path / "classes.onnx.json").write_text(json.dumps({"foregroundClass": 2}))
    expect(segment(path, picture), blue)
    expect(segment(path, picture, foregroundClass=0), red)


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        ('{"mean": [1, 2]}', "mean", "three numbers"),
        ('{"input": {"width": 0}}', "input.width", "whole pixels"),
        ('{"input": {"depth": 1}}', "input.depth", "no such field"),
        ('{"inputs": {"ratio": "much"}}', "inputs.ratio", "a number for each input"),
        ('{"averages": 1}', "averages", "no such field"),
        ('{"mean": [', "", "not valid JSON, in line 1"),
        ("[]", "", "an object"),
    ],
)
def test_a_json_file_that_is_wrong(tmp_path, content, key, message):
    path = write_tiny_model(tmp_path / "m.onnx", SIZE)
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(decal.Error, match=message) as error:
        decal.Session(path)
    assert error.value.code == "invalid-argument"
    assert error.value.where == str(tmp_path / "m.json") + (f": {key}" if key else "")


def test_what_is_wrong_with_a_model_says_what_to_do(tmp_path, picture):
    logits = write_tiny_model(tmp_path / "logits.onnx", SIZE, 1, [20.0, 0.0, -20.0], layers=0)
    with pytest.raises(decal.Error, match="set activation to sigmoid") as error:
        segment(logits, picture)
    assert error.value.code == "invalid-argument"
    assert "logits.onnx: activation" in str(error.value)
    with pytest.raises(decal.Error, match="it has matte") as error:
        segment(logits, picture, output="alpha")
    assert error.value.code == "not-found"
    with pytest.raises(decal.Error, match="no such input") as error:
        segment(logits, picture, inputs={"ratio": 1})
    assert error.value.code == "not-found"


def test_weights_beside_the_model(tmp_path, picture):
    weights = np.array([7, 0, 1, 0], np.float32).tobytes()
    path = write_tiny_model(tmp_path / "m.onnx", SIZE, layers=0, external=("sub/m.data", 4))
    with pytest.raises(decal.Error) as error:
        segment(path, picture)
    assert error.value.code == "not-found"
    assert "sub/m.data" in str(error.value)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/m.data").write_bytes(weights)
    expect(segment(path, picture), picture[:, :, 1] / 255)
    (tmp_path / "sub/m.data").write_bytes(weights[:-1])
    with pytest.raises(decal.Error, match="has 15 bytes, the model needs 16"):
        segment(path, picture)
    outside = write_tiny_model(tmp_path / "sub/n.onnx", SIZE, layers=0, external=("../m.data", 0))
    (tmp_path / "m.data").write_bytes(weights)
    with pytest.raises(decal.Error, match="not in the model's folder") as error:
        segment(outside, picture)
    assert error.value.code == "corrupt-model"
