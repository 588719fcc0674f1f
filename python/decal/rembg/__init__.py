# SPDX-License-Identifier: MIT
"""The functions and arguments of the package rembg 2.0, on Decal's engine: `import decal.rembg as rembg`.

`remove(data, ...)` and `new_session(name)` take what they take there, and the same files serve. What differs: the model inside
this package is the default, `alpha_matting` and `decontaminate` are estimated in another way, sessions run on the CPU, and
nothing is ever sent anywhere. docs/migration.md has the table.
"""

from .._decal import version as _version
from .bg import remove
from .session_factory import new_session

__version__ = _version()
__all__ = ["new_session", "remove"]
