"""What a mount shows and what the model expects, side by side."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

from layermodel.language.ground import Outcome
from layermodel.union.reference import Seen, View
from layermodel.union.trees import CONTENTS, SYMLINK, Paths
from layermodel.union.words import KIND
from layerproof.machines.union.observed import seen_of
from layerproof.machines.union.values import KEYS, MODES, OWNERS, TIMES, VALUES
from layerproof.runs.finding import Difference


def tags(node: Seen | None, linked: Container[int]) -> frozenset[str]:
    """What something is, for telling known deviations: its kind, and whether it has several names in its layer."""
    if node is None:
        return frozenset()
    return frozenset({KIND.values[node.kind], *(("linked",) if node.inode in linked else ())})


def answers(outcome: Outcome, errno: str | None, node: Seen | None, linked: Container[int]) -> list[Difference]:
    """In which the answers differ.

    Args:
        node: what the path named before.
    """
    if outcome.refusal == errno:
        return []
    return [Difference("answer", outcome.refusal or "done", errno or "done", tags=tags(node, linked))]


def looked(rule: str, path: int, view: View, paths: Paths, value: object) -> list[Difference]:
    """In which what a call has seen (a listing, a content) differs from what the container sees."""
    node = view[path]
    expected: object = CONTENTS[node.content].hex()
    if rule == "stat":
        expected = KIND.values[node.kind]
    elif rule == "list":
        expected = sorted(paths.names[p].rpartition("/")[2] for p in view if p and paths.parents[p] == path)
    return [] if expected == value else [Difference(f"result of {rule}", str(expected), str(value))]


def views(
    container: int, view: View, paths: Paths, there: Mapping[str, Any], linked: Container[int],
) -> list[Difference]:
    """In which what a container sees differs.

    Args:
        there: the reply of the worker for the container.
        linked: inodes that have several names in their layer.
    """
    result, shown, expected = [], there["view"], {paths.names[p]: one for p, one in view.items()}

    def add(name: str, what: str, wanted: str, observed: str) -> None:
        result.append(Difference(what, wanted, observed, f"{name or '/'} in container-{container}",
                                 tags=tags(expected.get(name), linked)))

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
    ) -> list[Difference]:
        """In which names are one inode, and inodes keep their numbers, other than in the model."""
        result: list[Difference] = []
        now: dict[int, int] = {}
        for path, node in view.items():
            name = paths.names[path]
            if name not in there:
                continue
            number, where = there[name]["inode"], f"{name or '/'} in container-{container}"
            if now.setdefault(node.inode, number) != number:
                result.append(Difference("inode", "that of its other name", "another", where,
                                         tags=tags(node, linked)))
            elif self.numbers.get(node.inode, number) != number:
                result.append(Difference("inode number", "as it was", "another", where, tags=tags(node, linked)))
        if len(set(now.values())) < len(now):
            result.append(Difference("inode number", "one for each file", "two files with the same"))
        self.numbers = now
        return result
