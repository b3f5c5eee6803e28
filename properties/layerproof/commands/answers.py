"""What ``layerproof explain`` answers: the store that a file tells of, and what stands in the way of a removal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from layermodel.formats.archives import read_archive
from layermodel.formats.digests import ALGORITHMS
from layermodel.formats.documents import Malformed, text_of
from layermodel.formats.references import familiar
from layermodel.formats.tars import Limits, begins_like_one, looks_like_one
from layermodel.language.ground import GroundMachine
from layermodel.store.graph import (
    Freed,
    Removal,
    dependency_graph,
    removal,
    shared_bytes,
    sharing,
    unique_bytes,
)
from layermodel.store.loading import loaded
from layermodel.store.rules import STORE
from layermodel.store.view import StoreView, store_view
from layerproof.commands.layout import prose
from layerproof.errors import WrongRequest
from layerproof.machines.registry import subject
from layerproof.machines.store.draw import from_json, label
from layerproof.process.files import cannot_be_read, check_named, parsed, read_bytes
from layerproof.readings.replay import replay
from layerproof.runs.trace import machine_of, trace_of

_ALGORITHM = rf"(?:({'|'.join(ALGORITHMS)}):)?"
_PREFIX = re.compile(rf"{_ALGORITHM}([0-9a-f]+)")
_FULL = re.compile(rf"{_ALGORITHM}([0-9a-f]{{64}}|[0-9a-f]{{128}})")
_MOST_LISTED = 5


# What the file holds.


def store(file: str, dialect: str | None, limit: int | None = None) -> tuple[StoreView, str]:
    """The store that a file tells of, and the dialect to ask for.

    Args:
        limit: the most bytes to read.

    Raises:
        WrongRequest: if the file tells of none, or the dialect is not known.
    """
    if dialect is not None:
        _traits(dialect)
    check_named(file)
    try:
        archive = looks_like_one(Path(file))
    except (OSError, ValueError) as error:
        raise cannot_be_read(file, error) from None
    if archive:
        return _saved(file, dialect or "docker", limit)
    data = read_bytes(file, limit)
    if begins_like_one(data[:512]):
        raise WrongRequest(f"{label(file)} is an archive that comes through a pipe; it is read from a file only")
    try:
        return _written(text_of(data), dialect)
    except Malformed as error:
        raise WrongRequest(f"{label(file)} is neither an archive nor JSON: {error}") from None


def _saved(file: str, spoken: str, limit: int | None) -> tuple[StoreView, str]:
    """The store that loading an archive makes."""
    usual = Limits()
    limits = usual if limit is None else replace(
        usual, bytes=limit, document=min(limit, usual.document), documents=min(limit, usual.documents))
    try:
        view = loaded(read_archive(Path(file), limits), _traits(spoken))
        dependency_graph(view)
    except ValueError as error:
        raise WrongRequest(f"{label(file)}: {error}") from None
    except MemoryError:
        raise WrongRequest(f"{label(file)}: it is too large for the memory there is") from None
    return view, spoken


def _traits(dialect: str) -> Mapping[str, bool]:
    return subject("store").traits((dialect,))[dialect]


def _written(text: str, dialect: str | None) -> tuple[StoreView, str]:
    """The store at the end of a trace, or one written as JSON."""
    data = parsed(text, "the file")
    if isinstance(data, dict) and "events" in data:
        if machine_of(data) != STORE.name:
            raise WrongRequest(f"the trace is of the machine {machine_of(data)}, in which nothing is removed")
        trace = trace_of(subject("store"), data)
        done = replay(subject("store"), trace)
        ground = GroundMachine(STORE, trace.scene.sizes)
        return store_view(ground, done.ends[1], done.rigid), dialect or trace.dialect
    try:
        return from_json(data), dialect or "docker"
    except ValueError as error:
        raise WrongRequest(str(error)) from None


# What is asked for.


def named(view: StoreView, thing: str) -> str:
    """The full name of something that was named in short.

    Raises:
        WrongRequest: if it could be several things, or none.
    """
    graph = dependency_graph(view)
    short = {familiar(thing), familiar(f"{thing}:latest")}
    found = {thing, f"{thing}:latest"} & {*graph} or {name for name in graph if familiar(name) in short}
    called = {c for c, row in view.containers.items() if thing in row.names}
    shown = {name for name in graph if label(name) == thing}
    begun = {name for name in graph if _begins(name, thing)}
    for names in ({thing} & found, found, called, shown, begun):
        if len(names) == 1:
            return next(iter(names))
        if names:
            listed = ", ".join(f"{graph.nodes[n]['kind']} {label(n)}" for n in sorted(names)[:_MOST_LISTED])
            raise WrongRequest(f"{label(thing)!r} could be {len(names)} things in this store: {listed}")
    raise WrongRequest(f"there is no {label(thing)!r} in this store")


def _begins(name: str, prefix: str) -> bool:
    """Whether a digest begins like that, with the name of the algorithm or without."""
    asked, there = _PREFIX.fullmatch(prefix), _FULL.fullmatch(name)
    if asked is None or there is None:
        return False
    return there[2].startswith(asked[2]) and (asked[1] is None or there[1] in (None, asked[1]))


# What is answered.


@dataclass(frozen=True)
class Answer:
    """What there is to say about a thing."""

    view: StoreView
    thing: str
    kind: str
    dialect: str
    plain: Removal
    forced: Removal | None
    """What force would do, where it would make a difference."""

    @classmethod
    def to(cls, view: StoreView, thing: str, dialect: str) -> Answer:
        """Ask what removing a thing would do, in some dialect."""
        traits = _traits(dialect)
        plain, forced = removal(view, thing, traits), removal(view, thing, traits, force=True)
        kind: str = dependency_graph(view).nodes[thing]["kind"]
        return cls(view, thing, kind, dialect, plain, None if plain.refusal == forced.refusal else forced)

    @property
    def _shares(self) -> dict[str, int]:
        """Shared and unique bytes, of an image."""
        if self.thing not in self.view.images:
            return {}
        traits = _traits(self.dialect)
        return {"shared": shared_bytes(self.view, self.thing, traits),
                "unique": unique_bytes(self.view, self.thing, traits)}

    @property
    def _images(self) -> list[str]:
        """The images that have it, of a layer."""
        return sorted(sharing(self.view).get(self.thing, ()))

    def data(self) -> dict[str, Any]:
        """Return the answer as data."""
        return {
            "thing": self.thing, "kind": self.kind, "dialect": self.dialect,
            "rule": self.plain.rule, "refusal": self.plain.refusal,
            "blockers": [vars(b) for b in self.plain.blockers], "freed": _freed_data(self.plain.freed),
            "by_force": self.forced and {
                "refusal": self.forced.refusal, "freed": _freed_data(self.forced.freed)},
            **{"shared": None, "unique": None, **self._shares},
            "images": self._images if self.kind == "layer" else None,
        }

    def text(self) -> str:
        """Return the answer in words."""
        name, plain = f"{self.kind} {label(self.thing)}", self.plain
        asked = f"{plain.rule}, {self.dialect}" if plain.rule else self.dialect
        parts = [f"nothing stands in the way of removing {name} ({asked})"]
        if plain.rule is None:
            parts = [f"no operation removes {name} by itself ({asked}); it goes with the last that needs it"]
        elif plain.refusal is not None:
            parts = [f"removing {name} is refused ({asked}): {_phrase(plain)}"]
        parts += [f"{label(b.name)} stands in the way: {label(b.reason)}" for b in plain.blockers]
        if plain.rule is not None and plain.refusal is None:
            parts.append(f"removing it would {_freed_text(plain.freed)}")
        if self.forced is not None:
            parts.append(f"by force it would {_freed_text(self.forced.freed)}" if self.forced.refusal is None
                         else f"by force it is refused: {_phrase(self.forced)}")
        if self.kind == "layer":
            parts.append(f"images that have it: {_listed(self._images)}")
        if self._shares:
            parts.append("{shared:,} B shared, {unique:,} B unique".format(**self._shares))
        return "\n".join(prose(part, 4) for part in parts)


def _phrase(refused: Removal) -> str:
    """The refusal with what it means."""
    assert refused.rule is not None
    assert refused.refusal is not None
    return f"{refused.refusal}, {STORE.rule_by_name[refused.rule].refused[refused.refusal]}"


def _freed_data(freed: Freed) -> dict[str, Any]:
    return {"bytes": freed.bytes, **{part: sorted(getattr(freed, part)) for part in _PARTS}}


def _freed_text(freed: Freed) -> str:
    gone = [f"{part} {_listed(sorted(getattr(freed, part)))}" for part in _PARTS if getattr(freed, part)]
    return f"free {freed.bytes:,} B: {'; '.join(gone) or 'nothing goes'}"


_PARTS = ("references", "containers", "images", "layers")


def _listed(names: list[str]) -> str:
    return ", ".join(label(n) for n in names) or "none"
