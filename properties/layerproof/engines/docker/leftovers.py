"""What runs on a shared Docker Engine left there because they were killed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from layerproof.engines.service.api import Api
from layerproof.fields import Fields, rows
from layerproof.process.running import goes_on, identity
from layerproof.words import counted

LABEL = "org.layerproof.run"
"""The label of all that a run makes on a shared engine; its value is a :class:`Mark`."""
OWN = ".layerproof"
"""A file in the root layers of a run on a shared engine: nobody else has such layers."""


@dataclass(frozen=True)
class Mark:
    """Whose something is.

    Attributes:
        prefix: what the run's references and container names begin with.
        process: the :func:`~layerproof.process.running.identity` of the process.
    """

    prefix: str
    process: str

    @classmethod
    def own(cls, prefix: str) -> Mark:
        """That of a run of this process."""
        return cls(prefix, identity())

    @classmethod
    def of(cls, label: str) -> Mark:
        """That which a label says."""
        prefix, _, process = label.partition("/")
        return cls(prefix, process)

    def __str__(self) -> str:
        """What the label says."""
        return f"{self.prefix}/{self.process}"


@dataclass
class Left:
    """What one run left.

    Attributes:
        ended: whether its process is gone; None if that cannot be told from here.
        images, containers: IDs, with the names that each has.
    """

    mark: Mark
    ended: bool | None
    images: dict[str, list[str]] = field(default_factory=dict)
    containers: dict[str, list[str]] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        """Each thing in words, the containers first."""
        for kind, those in (("container", self.containers), ("image", self.images)):
            for identity_, names in those.items():
                yield f"{kind} {identity_.removeprefix('sha256:')[:12]} {' '.join(names)}".rstrip()


def left_behind(api: Api) -> list[Left]:
    """All that carries the label of a run, by run; what goes on is among it."""
    found: dict[str, Left] = {}
    for kind, names in (("images", "RepoTags"), ("containers", "Names")):
        path = f"/{kind}/json"
        listed = api.get(path, all=True, filters=json.dumps({"label": [LABEL]}))
        for row in rows(listed, f"the answer of GET {path}", nulls=True):
            mark = Mark.of(label := mark_of(row))
            called = [name.lstrip("/") for name in row.texts(names) if "<none>" not in name]
            # What somebody else makes of a run's images inherits the label, but not the name.
            if all(name.startswith(mark.prefix) for name in called) and (called or kind == "images"):
                left = found.setdefault(label, Left(mark, _ended(mark)))
                (left.images if kind == "images" else left.containers)[row.text("Id")] = called
    return list(found.values())


def mark_of(row: Fields) -> str:
    """What the label of a row of a list says; empty if it has none."""
    labels = row.fields("Labels") if row.given("Labels") else None
    return labels.text(LABEL) if labels is not None and labels.has(LABEL) else ""


def _ended(mark: Mark) -> bool | None:
    there = goes_on(mark.process)
    return None if there is None else not there


def told(left: Iterable[Left]) -> str:
    """One sentence about what runs that ended left; empty if they left nothing."""
    dead = [one for one in left if one.ended]
    things = sum(len(one.images) + len(one.containers) for one in dead)
    if not things:
        return ""
    return f"{counted(things, 'thing')} that killed runs left can be removed: --cleanup lists and removes them"
