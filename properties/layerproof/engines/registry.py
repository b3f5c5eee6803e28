"""The engines that the commands know by name. Each is a folder of this package, imported when asked for.

A folder has a module ``opening`` with an :class:`Entry`; a name here is all else that a new engine needs.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from layerproof.errors import WrongRequest
from layerproof.own import attribute, told
from layerproof.runs.finding import Deviation

_FOLDERS = {"directory": "directory", "docker": "docker", "memory": "memory", "podman": "podman",
            "overlayfs": "mount", "fuse-overlayfs": "mount", "tmpfs": "mount"}
_EMBEDDED = {"store": "directory", "union": "memory"}
"""For each machine the engine that runs anywhere, without root and without anything installed."""


@dataclass
class Cleaned:
    """What became of what runs left in an engine, each thing in words.

    Attributes:
        removed: of runs that were killed.
        kept: of runs that go on, or may.
        refused: of runs that were killed, and that could not be removed, with the reason.
    """

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """What the commands need of an engine.

    Attributes:
        machine: the name of the machine that it is an engine of.
        open: opens it; it takes the options that were given, by name.
        takes: the options that it takes.
        deviations: that are known of it.
        dialects: valuations of the machine's traits that it brings, beside those that the machine has.
        embedded: of an embedded engine what opens it, in each way in which it is to be judged.
        cleanup: removes what killed runs left in it, where they can; it takes some of the options.
    """

    machine: str
    open: Callable[..., Any]
    takes: frozenset[str] = frozenset()
    deviations: tuple[Deviation, ...] = ()
    dialects: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    embedded: tuple[Callable[[], Any], ...] = ()
    cleanup: Callable[..., Cleaned] | None = None


def names() -> list[str]:
    """The names of the engines."""
    return list(_FOLDERS)


def entry(name: str, machine: str, mounted: bool = False) -> Entry:
    """What is known of an engine by its name, or of the user's own: ``PATH.py:NAME``, ``module:NAME``, a program.

    A program is named by its path, with a slash in it, and may have arguments.

    Args:
        machine: the machine that the user's own is an engine of.
        mounted: it is a union file system of any name, whose command is given.

    Raises:
        WrongRequest: if there is none of that name.
    """
    if name in _FOLDERS or mounted:
        folder = _FOLDERS.get(name, "mount")
        opening = importlib.import_module(f"layerproof.engines.{folder}.opening")
        made: Entry = opening.entry(name)
        return made
    if _is_program(name):
        opening = importlib.import_module("layerproof.engines.program.opening")
        program: Entry = opening.entry(name)
        return program
    if ":" in name:
        return Entry(machine, own(name))
    raise WrongRequest(f"unknown engine {name!r}; known: {', '.join(_FOLDERS)}, or your own as PATH.py:NAME or as "
                       "./PROGRAM")


def _is_program(name: str) -> bool:
    """Whether what is named begins with the path of something that can be run, and is not a Python object."""
    with suppress(ValueError):
        words = shlex.split(name)
        return bool(words) and "/" in words[0] and not _PYTHON.fullmatch(words[0])
    return False


_PYTHON = re.compile(r".*\.py:\w+")


def embedded(machine: str) -> tuple[Callable[[], Any], ...]:
    """What opens the embedded engine of a machine, in each way in which it is judged; nothing without one."""
    name = _EMBEDDED.get(machine)
    return () if name is None else entry(name, machine).embedded


def deviations(machine: str) -> list[Deviation]:
    """What is known of the engines of a machine, each once."""
    found = (d for name in _FOLDERS for known in [entry(name, machine)] if known.machine == machine
             for d in known.deviations)
    return list({(d.engine, d.key): d for d in found}.values())


def own(place: str) -> Callable[..., Any]:
    """What makes an engine of the user's own: a class or a function of no arguments, or the engine itself.

    Raises:
        WrongRequest: if there is nothing there; what is returned raises it, if the engine cannot be made.
    """
    made = attribute(place, "engine")
    if not inspect.isclass(made) and not inspect.isroutine(made):
        return lambda: made

    def opened() -> Any:
        with told(f"the engine {place!r} cannot be made"):
            return made()

    return opened


@contextmanager
def closed(opened: Callable[[], Any]) -> Iterator[Any]:
    """Open an engine, and close it at the end if it can be closed."""
    engine = opened()
    try:
        yield engine
    finally:
        if callable(close := getattr(engine, "close", None)):
            close()
