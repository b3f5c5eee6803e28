"""How the commands open the file system in memory."""

from __future__ import annotations

from functools import partial

from layermodel.union.words import DIALECTS
from layerproof.engines.memory.engine import MemoryEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """The file system in memory; nothing is known of it that is wrong."""
    return Entry("union", MemoryEngine, frozenset({"dialect"}),
                 embedded=tuple(partial(MemoryEngine, dialect) for dialect in DIALECTS))
