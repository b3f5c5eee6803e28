"""What a Podman keeps on disk, read beside its API.

Source: containers/storage ``layers.go``, ``images.go`` and ``containers.go`` (the three lists in JSON, and the
``tar-split`` of each layer: the bytes of its archive that are not the contents of files).
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from layermodel.formats.content import chain_ids
from layerproof.engines.service.folders import Folders

_Rows = Mapping[str, Mapping[str, Any]]


class DiskStore(Folders):
    """The layers below the root of a Podman.

    Attributes:
        apart: whether the folder of a layer has its own files only, as with overlay; with vfs it has all beneath.
    """

    def __init__(self, root: str, driver: str) -> None:
        """Look at the root of a Podman that uses a storage driver."""
        super().__init__()
        self._root, self._driver = root, driver
        self.apart = driver == "overlay"
        self._framings: dict[str, tuple[tuple[int, int, int], int]] = {}

    def layers(self) -> list[tuple[tuple[str, ...], str]]:
        """Every stored layer that is no container's, and the digest of its regular files or ``missing``.

        A layer is its chain ID after those of what is beneath it, bottom first. The digest is of its own files
        where the folder has no others.
        """
        known = self._rows("layers")
        uppers = {str(row["layer"]) for row in self._rows("containers").values()}
        return [(_stack(known, identity), self._layer(identity)) for identity in known if identity not in uppers]

    def _layer(self, identity: str) -> str:
        try:
            return self.folder_digest(f"{self._root}/overlay/{identity}/diff")
        except FileNotFoundError:
            return "missing"

    def framings(self) -> dict[str, int]:
        """Of each image the bytes that its size counts and that are no contents of files.

        They are its manifest and its config, as often as they are stored, and in the archives of its layers what
        is between the contents of files: headers, padding, the end.
        """
        layers = self._rows("layers")
        framings = {identity: self._framing(identity) for identity in layers}
        return {identity: sum(row.get("big-data-sizes", {}).values()) + sum(
            framings[layer] for layer in _beneath(layers, row.get("layer", "")))
            for identity, row in self._rows("images").items()}

    def _framing(self, layer: str) -> int:
        """Bytes of a layer's archive that are no contents of files."""
        path = f"{self._root}/{self._driver}-layers/{layer}.tar-split.gz"
        try:
            state = os.stat(path)
        except FileNotFoundError:
            return 0
        fingerprint = state.st_ino, state.st_size, state.st_mtime_ns
        if layer not in self._framings or self._framings[layer][0] != fingerprint:
            with gzip.open(path) as lines:
                entries = [json.loads(line) for line in lines]
            self._framings[layer] = fingerprint, sum(
                len(base64.b64decode(entry["payload"])) for entry in entries if entry["type"] == _BYTES)
        return self._framings[layer][1]

    def _rows(self, of: str) -> _Rows:
        """A list of what there is, by IDs."""
        try:
            with open(f"{self._root}/{self._driver}-{of}/{of}.json", encoding="utf-8") as stream:
                return {row["id"]: row for row in json.load(stream) or []}
        except FileNotFoundError:
            return {}


_BYTES = 2
"""The type of an entry that has bytes of the archive itself, see vbatts/tar-split ``tar/storage/entry.go``."""


def _beneath(layers: _Rows, layer: str) -> Iterator[str]:
    """A layer and those beneath it, top first."""
    while layer in layers:
        yield layer
        layer = str(layers[layer].get("parent", ""))


def _stack(layers: _Rows, layer: str) -> tuple[str, ...]:
    """The chain IDs of a layer and of those beneath it; Podman's own names of them are others."""
    return tuple(chain_ids([str(layers[one].get("diff-digest", f"without a digest: {one}"))
                            for one in reversed([*_beneath(layers, layer)])]))
