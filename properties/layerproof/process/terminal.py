"""How wide lines may be."""

from __future__ import annotations

import os
import sys

_USUAL, _LEAST = 100, 40


def width() -> int:
    """The columns there are: what ``COLUMNS`` says, or the terminal has; 100 where there is no terminal.

    What claims to be narrower than 40 columns is taken for 40.
    """
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said[:6]) > 0:
        return max(_LEAST, int(said[:6]))
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, AttributeError, ValueError):  # no terminal, no output, or one that is closed
        return _USUAL
    return max(_LEAST, columns or _USUAL)
