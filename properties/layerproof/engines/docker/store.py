"""What a Docker Engine with the overlay2 driver keeps on disk, read beside its API.

Source: moby ``layer/filestore.go`` (the layer database) and ``daemon/graphdriver/overlay2``.
"""

from __future__ import annotations

import os

from layerproof.engines.service.folders import Folders

NETWORK_FILES = ("etc/hostname", "etc/hosts", "etc/resolv.conf")
"""Files that a daemon mounts over its containers: empty ones in an upper layer are what it left there itself.

Measured: Docker 26.1 and 28.5, after ``docker cp`` into a running container.
"""


class DiskStore(Folders):
    """The layers in the data root of an engine."""

    def __init__(self, data_root: str) -> None:
        """Look at the data root of an engine that uses overlay2."""
        self._overlays = f"{data_root}/overlay2"
        self._database = f"{data_root}/image/overlay2/layerdb/sha256"
        super().__init__(passed_over=NETWORK_FILES)

    def chains(self) -> list[str]:
        """Return the chain IDs of all stored layers."""
        try:
            names = sorted(os.listdir(self._database))
        except FileNotFoundError:
            return []
        return [f"sha256:{name}" for name in names]

    def layers(self) -> dict[str, str]:
        """Return every stored layer: chain ID to the digest of its regular files, or ``missing``."""
        return {chain: self._layer(chain) for chain in self.chains()}

    def left(self) -> dict[str, tuple[str, ...]]:
        """Of stored layers those of :data:`NETWORK_FILES` that they hold, where they do, as last read."""
        if not any(self._left.values()):
            return {}
        return {chain: left for chain in self.chains() if (left := self.left_in(self._folder(chain)))}

    def _layer(self, chain: str) -> str:
        try:
            return self.folder_digest(self._folder(chain))
        except FileNotFoundError:
            return "missing"

    def _folder(self, chain: str) -> str:
        """The folder of a layer's files; an empty name if its record is gone."""
        record = f"{self._database}/{chain.removeprefix('sha256:')}/cache-id"
        try:
            with open(record, encoding="ascii") as stream:
                return f"{self._overlays}/{stream.read().strip()}/diff"
        except FileNotFoundError:
            return ""
