"""What a union file system lacks, so that the rest of it can be judged: rules are not asked, layers have none of
it, and what is seen of it is not compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from layermodel.union.reference import Scene, Seen, View
from layermodel.union.rules import UNION
from layermodel.union.trees import FIFO, FILE, SYMLINK, Layer, Node, Paths, Stack
from layerproof.errors import WrongRequest
from layerproof.machines.union.values import KEYS, MODES, OWNERS, TIMES, VALUES

Shown = dict[str, Any]


def _without_links(layer: Layer) -> Layer:
    """The layer with a node of its own for every name."""
    return replace(layer, nodes=tuple(layer.nodes[n] for n in layer.entries.values()),
                   entries={path: n for n, path in enumerate(layer.entries)})


def _as_files(kind: int) -> Callable[[Layer], Layer]:
    """Files in the place of what is of a kind."""
    as_file: Callable[[Node], Node] = lambda node: replace(node, kind=FILE) if node.kind == kind else node
    return lambda layer: replace(layer, nodes=tuple(map(as_file, layer.nodes)))


@dataclass(frozen=True)
class Lack:
    """One thing that a file system may lack.

    Attributes:
        says: one phrase, for reports.
        rules: the operations that are not asked.
        sizes: of the scene in which there is none of it.
        layer: from a layer to one without it.
        value: what a container would show of it if it had it: a key of the worker's reply, and the value there
            of what the model expects; the number of an inode is the model's own.
    """

    says: str
    rules: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
    layer: Callable[[Layer], Layer] = lambda layer: layer
    value: tuple[str, Callable[[Seen], object]] | None = None


LACKS: Mapping[str, Lack] = {
    "owners": Lack("every file belongs to the same user", frozenset({"chown"}), {"owners": 1},
                   value=("owner", lambda seen: list(OWNERS[seen.owner]))),
    "xattr": Lack("there are no extended attributes", frozenset({"setxattr", "removexattr"}), {"values": 1},
                  value=("xattr", lambda seen: {
                      k: (VALUES[v] or b"").hex() for k, v in zip(KEYS, seen.xattr, strict=True) if v})),
    "modes": Lack("permissions cannot be changed", frozenset({"chmod"}), {"modes": 1},
                  value=("mode", lambda seen: MODES[seen.mode])),
    "times": Lack("times are not kept", frozenset({"utimes"}),
                  value=("mtime", lambda seen: TIMES[seen.mtime] if seen.mtime else max(TIMES) + 1)),
    "inodes": Lack("files have no lasting numbers", value=("inode", lambda seen: seen.inode)),
    "hardlinks": Lack("a file has one name", frozenset({"link"}), layer=_without_links),
    "fifo": Lack("there are no FIFOs", frozenset({"mkfifo"}), layer=_as_files(FIFO)),
    "symlinks": Lack("there are no symlinks", frozenset({"symlink", "readlink"}), layer=_as_files(SYMLINK)),
    "opaque": Lack("a layer's directory cannot hide the one beneath",
                   layer=lambda layer: replace(layer, opaque=frozenset())),
    "whiteouts": Lack("a layer cannot hide what is beneath",
                      layer=lambda layer: replace(layer, whiteouts=frozenset(), opaque=frozenset())),
}
"""What may be lacking, by name. The name of a rule may be given as well: that operation is not asked."""


def known_lacks(names: Collection[str]) -> frozenset[str]:
    """The names, if all of them are known.

    Raises:
        WrongRequest: if one is neither in :data:`LACKS` nor a rule of the machine.
    """
    for name in names:
        if name not in LACKS and name not in UNION.rule_by_name:
            raise WrongRequest(f"unknown lack {name!r}; known: {', '.join(LACKS)}, and the names of operations")
    return frozenset(names)


def rules_lacking(names: Collection[str]) -> frozenset[str]:
    """The operations that cannot be asked."""
    return frozenset().union(*(LACKS[n].rules if n in LACKS else {n} for n in names))


def scene_without(scene: Scene, names: Collection[str]) -> Scene:
    """A scene in which nothing has what is lacking."""
    sizes: dict[str, Any] = {key: size for name in names if name in LACKS
                             for key, size in LACKS[name].sizes.items()}
    return replace(scene, **sizes)


def stack_without(stack: Stack, names: Collection[str]) -> Stack:
    """A stack of layers without what is lacking."""
    for name in names:
        if name in LACKS:
            stack = tuple(map(LACKS[name].layer, stack))
    return stack


def as_expected(names: Collection[str], view: View, paths: Paths, there: Shown) -> Shown:
    """What a container shows, with what is lacking as the model expects it, so that it breaks no law.

    Args:
        view: what the model says that the container sees.
        there: the worker's reply for the container, by the paths' names; it stays as it is.
    """
    expected = {paths.names[path]: seen for path, seen in view.items()}
    values = [value for name in names if name in LACKS and (value := LACKS[name].value) is not None]
    return {name: shown | {key: value(expected[name]) for key, value in values} if name in expected else shown
            for name, shown in there.items()}
