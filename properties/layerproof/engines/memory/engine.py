"""The file system in memory as a union file system under judgement.

It runs the machine's own rules, so that judging it says nothing new of the rules: it judges what the file system
in memory makes of them (windows, layers, paths, payload), and shows anywhere that judging sees what is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from layermodel.union.layers import WHITEOUT, Directory, Fifo, File, Layer, Present, Symlink
from layermodel.union.memory import UnionFileSystem
from layerproof.engines.mount.worker import System
from layerproof.machines.union.engine import EVERY, Request

_KINDS: Mapping[str, Any] = {"directory": Directory, "file": File, "symlink": Symlink, "fifo": Fifo}
_WITH_CONTENT = ("file", "symlink")
_CLOCK_START = 2_000_000_000_000_000_000
"""The first time that it gives, in nanoseconds since 1970: later than any that layers have."""


class MemoryEngine:
    """Containers over one stack of layers, each a file system in memory.

    Attributes:
        name, version, dialect, capabilities, image, options: see
            :class:`~layerproof.machines.union.engine.UnionEngine`.
    """

    name = "memory"
    capabilities = EVERY
    image = True
    options: tuple[str, ...] = ()

    def __init__(self, dialect: str = "overlayfs", kind: type[UnionFileSystem] = UnionFileSystem) -> None:
        """Speak a dialect of the union machine.

        Args:
            kind: the class of the file systems: a faulty one shows that judging finds what is wrong.
        """
        self.dialect, self._kind = dialect, kind
        try:
            self.version = version("layerproof")
        except PackageNotFoundError:
            self.version = "0"
        self._mounted: list[UnionFileSystem] = []
        self._layers: list[Layer] = []
        self._names: Sequence[str] = ()
        self._time = _CLOCK_START

    def begin(self, layers: Sequence[Request], upper: Request, names: Sequence[str], containers: int) -> Request:
        """Start afresh: containers over a stack of layers, bottom first; return what is seen."""
        self._layers, self._names = [_layer(one) for one in layers], names
        self._given = [_shown(layer) for layer in self._layers]
        self._mounted = [
            self._kind(self._layers, self.dialect, upper=_layer(upper), owner=(0, 0), clock=self._clock)
            for _ in range(containers)]
        for fs in self._mounted:
            fs.umask = 0
        return self._seen()

    def _clock(self) -> int:
        """A time later than all before."""
        self._time = max(self._time + 1, time.time_ns())
        return self._time

    def do(self, request: Request) -> Request:
        """Do one operation; return its answer and what is seen afterwards."""
        container = request["container"]
        if request["do"] == "remount":
            self._mounted[container] = self._mounted[container].remounted()
            return {"errno": None, "value": None} | self._seen()
        return System(self._mounted[container]).do("/", request) | self._seen()

    def _seen(self) -> Request:
        """What each container sees, and which layers are not as they were given."""
        changed = [f"l{n}/{path}" for n, (layer, given) in enumerate(zip(self._layers, self._given, strict=True))
                   for path in sorted(layer.keys() | given.keys()) if _shown(layer).get(path) != given.get(path)]
        return {"changed": changed, "seen": [System(fs).observe("/", self._names, frozenset(), True)
                                             for fs in self._mounted]}

    def close(self) -> None:
        """Forget everything."""
        self._mounted = []


def _layer(data: Request) -> Layer:
    """A layer as the file system in memory has it; what has several names is one object."""
    nodes = [_node(one, opaque=any(n == i and path in data["opaque"] for path, n in data["entries"]))
             for i, one in enumerate(data["nodes"])]
    layer: dict[str, Any] = {path: nodes[number] for path, number in data["entries"]}
    return layer | dict.fromkeys(data["whiteouts"], WHITEOUT)


def _node(data: Request, *, opaque: bool) -> Present:
    named: dict[str, Any] = {
        "mode": data["mode"], "owner": tuple(data["owner"]), "mtime": data["mtime"],
        "xattrs": {key: bytes.fromhex(value) for key, value in data["xattr"].items()}}
    if data["kind"] in _WITH_CONTENT:
        named["content"] = bytes.fromhex(data["content"])
    if data["kind"] == "directory":
        named["opaque"] = opaque
    node: Present = _KINDS[data["kind"]](**named)
    return node


def _shown(layer: Layer) -> dict[str, object]:
    """All of a layer, to be compared with it later."""
    return {path: one if one is WHITEOUT else (type(one), *sorted((k, repr(v)) for k, v in vars(one).items()))
            for path, one in layer.items()}
