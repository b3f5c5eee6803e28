"""What a mount shows as a state of the union machine, so that the laws can be asked which of them it breaks.

A mount shows what its containers see, not what their uppers hold. Where it shows what the model expects, the
model's own state stands for it; else the upper is taken to hold all that is seen, and to hide the rest. Laws
about what an upper holds say nothing of such a state (:data:`HIDDEN`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layermodel.language.ground import Vector
from layermodel.union.reference import Seen, UnionReference, View
from layermodel.union.trees import CONTENTS
from layermodel.union.words import KIND
from layerproof.machines.union.values import KEYS, MODES, OWNERS, TIMES, VALUES

HIDDEN = frozenset({"COW-8", "COW-10", "COW-18", "COW-21"})
"""Laws about what an upper holds and not about what is seen."""

STRANGE = -1
"""Stands for a value that none of the model's elements has."""


def seen_of(data: Mapping[str, Any]) -> Seen:
    """What a mount shows at a path, in the model's elements; its inode is left open (:data:`STRANGE`)."""
    content, xattr = bytes.fromhex(data["content"]), data["xattr"]
    values = [VALUES.index(v) if (v := _value(xattr, key)) in VALUES else STRANGE for key in KEYS]
    if xattr.keys() - set(KEYS):
        values[0] = STRANGE
    return Seen(
        KIND.values.index(data["kind"]) if data["kind"] in KIND.values else STRANGE, STRANGE,
        CONTENTS.index(content) if content in CONTENTS else STRANGE,
        MODES.index(data["mode"]) if data["mode"] in MODES else STRANGE,
        OWNERS.index(tuple(data["owner"])) if tuple(data["owner"]) in OWNERS else STRANGE,
        time_of(data["mtime"]), tuple(values))


def _value(xattr: Mapping[str, str], key: str) -> bytes | None:
    return bytes.fromhex(xattr[key]) if key in xattr else None


def time_of(nanoseconds: int) -> int:
    """The element of a time: one that is set by hand, or that of the operation for any that is later."""
    if nanoseconds in TIMES[1:]:
        return TIMES.index(nanoseconds)
    return 0 if nanoseconds > max(TIMES) else STRANGE


class Encoder:
    """Writes what one container shows into a state of the model."""

    def __init__(self, reference: UnionReference, state: Vector) -> None:
        """Start from a state."""
        self._reference, self._layout = reference, reference.ground.layout
        self._state = list(state)

    @property
    def state(self) -> Vector:
        """The state with all that was written into it."""
        return tuple(self._state)

    def _put(self, name: str, *arguments: int, value: int | bool) -> None:
        self._state[self._layout.index(name, *arguments)] = value

    def _free(self) -> int:
        """An inode that is no image's and in no upper."""
        layout = self._layout
        return next(i for i in range(layout.sizes["Inode"]) if not self._reference.rigid[
            layout.index("in_image", i)] and not any(
                self._state[layout.index("copied", d, i)] for d in range(layout.sizes["Container"])))

    def write(self, container: int, view: View, expected: View, numbers: Mapping[int, int],
              known: Mapping[int, int]) -> None:
        """Have the container's upper hold exactly what it shows.

        Args:
            expected: what it should show; a value that the model does not have is made one that differs.
            numbers: the inode number seen at each path.
            known: the model's inode for a number that was seen before the operation.
        """
        inodes = dict(known)
        for path, node in view.items():
            number = numbers[path]
            if number not in inodes:
                wanted = expected[path].inode if path in expected else STRANGE
                inodes[number] = self._free() if wanted in (STRANGE, *inodes.values()) else wanted
            self._node(container, path, inodes[number], node, expected.get(path))
        for path in range(1, self._layout.sizes["Path"]):
            if path not in view:
                self._put("has_upper", container, path, value=False)
            self._put("whiteout", container, path, value=path not in view)
            self._put("opaque", container, path, value=False)

    def _node(self, container: int, path: int, inode: int, node: Seen, expected: Seen | None) -> None:
        self._put("has_upper", container, path, value=True)
        self._put("upper", container, path, value=inode)
        self._put("copied", container, inode, value=True)
        self._put("kind", inode, value=max(node.kind, 0))
        for name in ("content", "mode", "owner", "mtime"):
            wanted = None if expected is None else getattr(expected, name)
            self._put(name, container, inode, value=_element(getattr(node, name), wanted))
        for key, value in enumerate(node.xattr):
            wanted = None if expected is None else expected.xattr[key]
            self._put("xattr", container, inode, key, value=_element(value, wanted))


def _element(value: int, expected: int | None) -> int:
    """The value, or for one that the model does not have any that is not the expected one."""
    return value if value != STRANGE else int(expected == 0)
