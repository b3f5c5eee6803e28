"""How the commands open Podman."""

from __future__ import annotations

from layerproof.engines.podman.deviations import DEVIATIONS
from layerproof.engines.podman.dialects import DIALECTS
from layerproof.engines.podman.engine import PodmanEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """A private Podman."""
    return Entry("store", PodmanEngine, frozenset({"storage_driver", "timeout"}), DEVIATIONS, DIALECTS)
