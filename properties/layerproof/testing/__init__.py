"""Judging an engine in pytest: a test for each rule and each law.

``EngineTests`` is imported when it is asked for: this package is there wherever pytest runs, used or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerproof.testing.classes import EngineTests as EngineTests

__all__ = ["EngineTests"]


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for."""
    if name != "EngineTests":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from layerproof.testing.classes import EngineTests

    return EngineTests


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
