"""What a mount shows and what the model expects, side by side."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from layermodel.language.ground import Outcome
from layermodel.union.reference import Seen, View
from layermodel.union.trees import CONTENTS, SYMLINK, Paths
from layermodel.union.words import KIND
from layerproof.machines.union.observed import seen_of
from layerproof.machines.union.traces import KEYS, MODES, OWNERS, TIMES, VALUES


@dataclass(frozen=True)
class Departure:
    """One thing in which a mount differs from the model.

    Attributes:
        what: ``answer``, ``mtime``, ``listing`` …
        where: the path and the container, or nothing.
        kind: the kind of what the model has at the path, or None.
        linked: it has several names in its layer.
    """

    what: str
    expected: str
    observed: str
    where: str = ""
    kind: int | None = None
    linked: bool = False

    def __str__(self) -> str:
        """One line."""
        where = f" of {self.where}" if self.where else ""
        return f"{self.what}{where}: expected {self.expected}, observed {self.observed}"


def answers(outcome: Outcome, errno: str | None, node: Seen | None, linked: Container[int]) -> list[Departure]:
    """In which the answers differ.

    Args:
        node: what the path named before.
    """
    if outcome.refusal == errno:
        return []
    return [Departure("answer", outcome.refusal or "done", errno or "done",
                      kind=None if node is None else node.kind,
                      linked=node is not None and node.inode in linked)]


def looked(rule: str, path: int, view: View, paths: Paths, value: object) -> list[Departure]:
    """In which what a call has seen (a listing, a content) differs from what the container sees."""
    node = view[path]
    expected: object = CONTENTS[node.content].hex()
    if rule == "stat":
        expected = KIND.values[node.kind]
    elif rule == "list":
        expected = sorted(paths.names[p].rpartition("/")[2] for p in view if p and paths.parents[p] == path)
    return [] if expected == value else [Departure(f"result of {rule}", str(expected), str(value))]


def views(
    container: int, view: View, paths: Paths, there: Mapping[str, Any], linked: Container[int],
) -> list[Departure]:
    """In which what a container sees differs.

    Args:
        there: the reply of the worker for the container.
        linked: inodes that have several names in their layer.
    """
    result, shown, expected = [], there["view"], {paths.names[p]: one for p, one in view.items()}

    def add(name: str, what: str, wanted: str, observed: str) -> None:
        node = expected.get(name)
        result.append(Departure(what, wanted, observed, f"{name or '/'} in container-{container}",
                                None if node is None else node.kind, node is not None and node.inode in linked))

    for name, text in there["strange"]:
        add(name, "listing", "what can be looked up", text)
    for name in sorted(expected.keys() | shown.keys()):
        if name not in shown:
            add(name, "kind", KIND.values[expected[name].kind], "nothing")
        elif name not in expected:
            add(name, "kind", "nothing", shown[name]["kind"])
        else:
            for what, wanted, observed in _attributes(expected[name], shown[name]):
                add(name, what, wanted, observed)
    return result


def _attributes(expected: Seen, there: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The attributes that differ: name, as expected, as observed."""
    found = seen_of(there)
    for name, says in _SAYS.items():
        wanted = getattr(expected, name)
        if wanted != getattr(found, name) and not (name == "mode" and expected.kind == SYMLINK):  # of no account
            yield name, says(wanted), str(there[name])


_SAYS: dict[str, Callable[[Any], str]] = {
    "kind": lambda k: KIND.values[k], "content": lambda k: CONTENTS[k].hex(), "mode": lambda m: str(MODES[m]),
    "owner": lambda o: str(list(OWNERS[o])), "mtime": lambda t: str(TIMES[t]) if t else "now",
    "xattr": lambda values: str({KEYS[k]: (VALUES[v] or b"").hex() for k, v in enumerate(values) if v})}
"""How the elements of an attribute are written."""


class Inodes:
    """The numbers by which a mount has shown the model's inodes so far, for one container."""

    def __init__(self) -> None:
        """None yet."""
        self.numbers: dict[int, int] = {}

    def compare(
        self, container: int, view: View, paths: Paths, there: Mapping[str, Any], linked: Container[int],
    ) -> list[Departure]:
        """In which names are one inode, and inodes keep their numbers, other than in the model."""
        result: list[Departure] = []
        now: dict[int, int] = {}
        for path, node in view.items():
            name = paths.names[path]
            if name not in there:
                continue
            number, where = there[name]["inode"], f"{name or '/'} in container-{container}"
            if now.setdefault(node.inode, number) != number:
                result.append(Departure("inode", "that of its other name", "another", where, node.kind,
                                        node.inode in linked))
            elif self.numbers.get(node.inode, number) != number:
                result.append(Departure("inode number", "as it was", "another", where, node.kind,
                                        node.inode in linked))
        if len(set(now.values())) < len(now):
            result.append(Departure("inode number", "one for each file", "two files with the same"))
        self.numbers = now
        return result
