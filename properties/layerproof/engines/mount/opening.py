"""How the commands open a union file system."""

from __future__ import annotations

from typing import Any

from layerproof.engines.mount.deviations import DEVIATIONS
from layerproof.engines.mount.engine import MountEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """The kernel's overlayfs, fuse-overlayfs, or a plain folder as the control."""
    def opened(options: str | None = None, **others: Any) -> MountEngine:
        return MountEngine(name, options.split(",") if options is not None else (), **others)

    takes = {"timeout", "options"} if name == "overlayfs" else {"timeout"}
    return Entry("union", opened, frozenset(takes), DEVIATIONS)
