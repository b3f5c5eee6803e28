"""How the commands open the embedded engine."""

from __future__ import annotations

from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """The engine in a folder; nothing is known of it that is wrong."""
    return Entry("store", DirectoryEngine, embedded=(DirectoryEngine,))
