# SPDX-License-Identifier: MIT
"""The installed package: what it needs, what it contains, how it reads."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import decal
import decal.rembg
from conftest import ROOT

FOLDER = pathlib.Path(decal.__file__).parent


def test_it_is_the_wheel():
    assert ROOT / "python" not in FOLDER.parents
    names = [str(file) for file in importlib.metadata.files("decal")]
    assert any(name.endswith("licenses/NOTICE") for name in names) and "decal/py.typed" in names
    assert importlib.metadata.version("decal") == decal.__version__
    version = re.search(r"project\(decal VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    assert decal.__version__ == version


def test_it_needs_numpy_and_pillow_only():
    needed = {re.match(r"[a-z]+", name).group() for name in importlib.metadata.requires("decal") if "extra ==" not in name}
    assert needed == {"numpy", "pillow"}
    code = "import decal, decal.rembg, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split())
    outside = {name for name in loaded if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert outside <= {"decal", "numpy", "PIL", "sitecustomize", "usercustomize"}, outside


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is here")
def test_without_ray_it_says_what_to_install():
    with pytest.raises(ImportError, match=r"pip install 'decal\[ray\]'"):
        importlib.import_module("decal.ray")


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
def test_its_libraries_are_those_of_every_linux():
    needed = set()
    for library in [*FOLDER.glob("_decal*.so"), *FOLDER.parent.glob("decal.libs/*.so*")]:
        listed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
        needed |= {line.split()[0] for line in listed.splitlines() if "=>" in line and "decal.libs" not in line}
    names = {re.match(r"[a-z_+-]+", name).group() for name in needed}
    assert names <= {"libstdc++", "libm", "libgcc_s", "libc", "libpthread", "linux-vdso"}, names


def test_everything_public_is_explained():
    for name in decal.__all__:
        value = getattr(decal, name)
        assert inspect.getdoc(value), name
        if inspect.isfunction(value):
            for argument in inspect.signature(value).parameters:
                assert argument in value.__doc__ or argument in decal.remove.__doc__, (name, argument)
    for name in ("remove", "segment", "apply_matte", "threads"):
        assert inspect.getdoc(getattr(decal.Session, name)), name
    text = subprocess.run([sys.executable, "-P", "-c", "help('decal')"], capture_output=True, text=True, check=True).stdout
    assert "decal.remove(" in text and "_sessions" not in text


def test_the_stub_names_what_the_module_has():
    stub = (FOLDER / "_decal.pyi").read_text()
    from decal import _decal

    names = {name for name in dir(_decal) if not name.startswith("_")}
    assert names == set(re.findall(r"^(?:def|class) (\w+)", stub, re.M))
    for name in ("Engine", "Network"):
        body = stub.partition(f"class {name}:")[2].partition("\nclass ")[0]
        methods = {method for method in vars(getattr(_decal, name)) if not method.startswith("_")}
        assert methods == set(re.findall(r"    def ([a-z]\w*)", body))
