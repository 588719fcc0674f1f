# SPDX-License-Identifier: MIT
"""Where rembg has new_session."""

from .sessions import new_session

__all__ = ["new_session"]
