"""The dialects of Docker Engine: what its versions do otherwise, as traits of the store machine."""

from __future__ import annotations

import re

from layermodel.store.words import DIALECTS as OF_THE_MACHINE

_MEASURED_SINCE = 23
"""The major version from which on the newer dialect is taken: measured of 26.1, 28.5, and not of 20.10."""

DIALECTS = {
    "docker-26": {**OF_THE_MACHINE["docker"], "intermediate_images_hidden": False, "digest_refused_first": True},
}
"""Beside ``docker``, which is that of 20.10, both with a graph driver such as overlay2."""


def dialect_of(version: str) -> str:
    """The dialect of a version of the engine, as it says it itself; the newer one if that is no number."""
    major = re.match(r"\d+", version)
    return "docker" if major is not None and int(major[0]) < _MEASURED_SINCE else "docker-26"
