"""The dialect of Podman's API, as traits of the store machine."""

from __future__ import annotations

from layermodel.store.words import DIALECTS as OF_THE_MACHINE

DIALECTS = {"podman-api": {**OF_THE_MACHINE["podman"], "import_is_reproducible": False}}
"""Beside ``podman``, which is that of the command line where an import is given the path of a file.

An image that is imported has the time of the file as its own. What comes through the API, or through a pipe, is
a new file each time. Measured: Podman 4.3.1.
"""
