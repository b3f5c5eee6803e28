"""How the commands open an engine that is a program."""

from __future__ import annotations

from functools import partial

from layerproof.engines.program.engine import ProgramEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """The program of a command; nothing is known of it."""
    return Entry("store", partial(ProgramEngine, name), frozenset({"timeout"}))
