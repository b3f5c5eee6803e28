"""How the commands open a union file system."""

from __future__ import annotations

from typing import Any

from layerproof.engines.mount.deviations import DEVIATIONS
from layerproof.engines.mount.engine import KINDS, MountEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """The kernel's overlayfs, fuse-overlayfs, a plain folder as the control, or a union of the user's own."""
    if name not in KINDS:
        return Entry("union", lambda **options: _own(name, **options), frozenset(
            {"timeout", "mount_command", "unmount_command", "lacks", "ignored", "whiteouts"}))
    takes = {"timeout", "options"} if name == "overlayfs" else {"timeout"}
    return Entry("union", lambda **options: _known(name, **options), frozenset(takes), DEVIATIONS)


def _known(name: str, options: str | None = None, **others: Any) -> MountEngine:
    return MountEngine(name, options.split(",") if options is not None else (), **others)


def _own(
    name: str, mount_command: str, unmount_command: str | None = None, lacks: str | None = None,
    ignored: str | None = None, whiteouts: str | None = None, **others: Any,
) -> MountEngine:
    given: dict[str, Any] = {"unmount": unmount_command, "whiteouts": whiteouts}
    others |= {name: value for name, value in given.items() if value is not None}
    return MountEngine(name, command=mount_command, lacks=_listed(lacks), ignored=_listed(ignored), **others)


def _listed(text: str | None) -> list[str]:
    return [] if text is None else text.split(",")
