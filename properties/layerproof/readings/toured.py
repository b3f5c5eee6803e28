"""What an exhaustive run has executed, in a file, so that another run can go on from there."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layerproof.errors import WrongRequest
from layerproof.process.cache import sources
from layerproof.readings.graph import Graph
from layerproof.readings.paired import EveryPair
from layerproof.runs.finding import Deviation, Difference, Finding, Violation
from layerproof.runs.statistics import Pair
from layerproof.runs.trace import trace_json, trace_of
from layerproof.subject import Subject

_MARK = "layerproof exhaustive run 1"

Done = list[bytearray]
"""Of each state and step whether it was executed: 0, or 1, or 2 where it differed."""


class Kept:
    """What is kept between runs; nothing, if there is no file.

    Attributes:
        pairs: that were had, and ``apart`` those of which a step differed.
        causes: findings with how often each showed, as :func:`put` has them.
    """

    def __init__(self, path: Path | None, of: Mapping[str, Any]) -> None:
        """Read the file, if it is there.

        Args:
            of: what the run is of; only the very same is gone on with.

        Raises:
            WrongRequest: if it is no such file, is damaged, or is of another run.
        """
        self._path, self._of = path, {"sources": sources(), **of}
        self._done: dict[str, tuple[str, Done]] = {}
        self._every: dict[str, tuple[str, EveryPair]] = {}
        self._read: dict[str, Any] = {}
        self._read_every: dict[str, Any] = {}
        self.pairs, self.apart, self.causes = set[Pair](), set[Pair](), list[dict[str, Any]]()
        if path is not None and path.exists():
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            mark, digest, text = path.read_text(encoding="utf-8").split("\n", 2)
            if mark != _MARK:
                raise WrongRequest(f"{path} is no unfinished exhaustive run")
            if digest != _digest(text):
                raise WrongRequest(f"{path} is damaged")
            data = json.loads(text)
        except OSError as error:
            raise WrongRequest(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise WrongRequest(f"{path} is no unfinished exhaustive run") from error
        for what, value in json.loads(json.dumps(self._of)).items():
            if data["of"].get(what) != value:
                raise WrongRequest(f"{path} is of another run: its {what} {'are' if what.endswith('s') else 'is'} "
                                   "other than of this one")
        self._read, self.causes = data["done"], data["causes"]
        self._read_every = data.get("every", {})
        self.pairs, self.apart = ({tuple(pair) for pair in data[name]} for name in ("pairs", "apart"))

    def done(self, name: str, graph: Graph) -> Done:
        """What was executed of a graph; it is kept, and may be changed.

        Raises:
            WrongRequest: if the graph is another one than was gone along before.
        """
        done = [bytearray(len(edges)) for edges in graph.steps]
        if name in self._read:
            digest, text = self._read[name]
            flat = _unpacked(text)
            if digest != graph.digest or len(flat) != graph.size:
                raise self._foreign()
            start = 0
            for row in done:
                row[:] = flat[start:start + len(row)]
                start += len(row)
        if self._path is not None:
            self._done[name] = graph.digest, done
        return done

    def every(self, name: str, graph: Graph) -> EveryPair:
        """Which two steps of a graph were not yet executed one after the other; it is kept, and may be changed.

        Raises:
            WrongRequest: if the graph is another one than was gone along before.
        """
        every = EveryPair(graph)
        if name in self._read_every:
            digest, text, apart = self._read_every[name]
            if digest != graph.digest:
                raise self._foreign()
            every.unpack(_unpacked(text), apart)
        if self._path is not None:
            self._every[name] = graph.digest, every
        return every

    def _foreign(self) -> WrongRequest:
        return WrongRequest(f"{self._path} is of another run: its steps are not those of this one")

    def write(self) -> None:
        """Write the file, or leave the one that is there as it is.

        Raises:
            WrongRequest: if it cannot be written.
        """
        if self._path is None:
            return
        done = self._read | {name: (digest, _packed(b"".join(rows)))
                             for name, (digest, rows) in self._done.items()}
        every = self._read_every | {name: (digest, _packed(one.packed()), one.apart)
                                    for name, (digest, one) in self._every.items()}
        text = json.dumps({"of": self._of, "done": done, "every": every, "causes": self.causes,
                           "pairs": sorted(self.pairs, key=repr), "apart": sorted(self.apart, key=repr)})
        try:
            handle, name = tempfile.mkstemp(dir=self._path.absolute().parent, prefix=f".{self._path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(f"{_MARK}\n{_digest(text)}\n{text}")
                os.replace(name, self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise WrongRequest(f"{self._path} cannot be written: {error.strerror}") from error


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode()).hexdigest()


_FIELDS = "laws", "engine", "version", "expected", "observed", "detail", "kind", "log", "again"


def put(subject: Subject, finding: Finding, count: int) -> dict[str, Any]:
    """A finding that showed so often, as JSON."""
    return {"count": count, "trace": trace_json(subject, finding.trace),
            "known": finding.known and finding.known.key, "script": finding.script(),
            "differences": [[d.what, d.expected, d.observed, d.where, d.law, sorted(d.tags), d.figure]
                            for d in finding.differences],
            "violations": [[v.law, v.false, [(name, sort, int(element)) for name, sort, element in v.variables]]
                           for v in finding.violations],
            **{name: getattr(finding, name) for name in _FIELDS}}


def got(subject: Subject, data: Mapping[str, Any], deviations: Mapping[str, Deviation]) -> Finding:
    """The finding, without the states around its last operation."""
    differences = tuple(Difference(what, expected, observed, where, law, frozenset(tags), figure)
                        for what, expected, observed, where, law, tags, figure in data["differences"])
    violations = tuple(Violation(law, tuple(false), tuple((name, sort, element) for name, sort, element in at))
                       for law, false, at in data.get("violations", ()))  # older files have none
    text, known = data["script"], deviations.get(data["known"] or "")
    given = {name: data[name] for name in _FIELDS} | {
        "laws": tuple(data["laws"]), "again": tuple(data["again"])}
    return Finding(trace_of(subject, data["trace"]), violations=violations, differences=differences, known=known,
                   script=lambda: text, **given)
