"""How the commands open Docker Engine."""

from __future__ import annotations

from layerproof.engines.docker.cleanup import cleanup
from layerproof.engines.docker.deviations import DEVIATIONS
from layerproof.engines.docker.dialects import DIALECTS
from layerproof.engines.docker.engine import DockerEngine
from layerproof.engines.registry import Entry


def entry(name: str) -> Entry:
    """A private Docker Engine, or a running one."""
    takes = frozenset({"socket", "dockerd", "daemon_config", "daemon_arg", "timeout"})
    return Entry("store", DockerEngine, takes, DEVIATIONS, DIALECTS, cleanup=cleanup)
