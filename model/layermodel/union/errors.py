"""How a call on a union in memory fails."""

from __future__ import annotations

import errno
import os
from typing import Any


class NotSaid(ValueError):
    """The model does not say what this call does."""


def error(name: str, *files: Any) -> OSError:
    """The error of this name, as a call that was given these files raises it."""
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), *(files[:1] if len(files) < 2 else (files[0], None, files[1])))
