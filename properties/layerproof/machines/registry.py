"""The machines that the commands know by name; each is imported when it is asked for."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from layerproof.errors import WrongRequest
from layerproof.laws.law import Kind
from layerproof.laws.sound import check_applied, check_state_law, check_together
from layerproof.own import attribute, told
from layerproof.process.pieces import made_by
from layerproof.subject import Subject

_SUBJECTS = {"store": "layerproof.machines.store.subject:STORE_SUBJECT",
             "union": "layerproof.machines.union.subject:UNION_SUBJECT"}

USUAL = "store"
"""The machine that is meant where none is named."""


def names() -> list[str]:
    """The names of the machines."""
    return list(_SUBJECTS)


def subject(name: str) -> Subject:
    """A machine by its name, or the user's own: ``module:ATTRIBUTE``.

    Raises:
        WrongRequest: if there is none of that name, or what is there is no machine.
    """
    if name in _SUBJECTS:
        where, _, what = _SUBJECTS[name].partition(":")
        found: Subject = getattr(importlib.import_module(where), what)
        return made_by(found, partial(subject, name))
    if ":" not in name:
        raise WrongRequest(
            f"unknown machine {name!r}; known: {', '.join(_SUBJECTS)}, or your own as module:ATTRIBUTE")
    found = _own(name, f" --machine {name}")
    return made_by(found, partial(_module_anew, name, _text_of(name)))


def subject_in(path: str) -> Subject:
    """The machine of a file of the user's own, which calls it ``SUBJECT``; another name may follow a colon.

    Raises:
        WrongRequest: if there is none.
    """
    if not path.endswith(".py") and ".py:" not in path:
        raise WrongRequest(f"the machine's file {path!r} is none of Python's: its name does not end in .py")
    place, option = path if ".py:" in path else f"{path}:SUBJECT", f" --machine-file {path}"
    found = _own(place, option)
    file, _, name = place.rpartition(":")
    return made_by(found, partial(_file_anew, Path(file).read_bytes(), Path(file).name, name, option))


def _file_anew(text: bytes, file: str, name: str, option: str) -> Subject:
    """The machine of a file that lies in another process's folder: its text is sent."""
    with tempfile.TemporaryDirectory(prefix="layerproof-sent-") as folder:
        path = Path(folder, file)
        path.write_bytes(text)
        return _own(f"{path}:{name}", option)


def _module_anew(name: str, text: str) -> Subject:
    """The machine of a module, which has to be there and to say the same."""
    found = subject(name)
    if _text_of(name) != text:
        where, _, _ = name.rpartition(":")
        raise WrongRequest(f"on a worker of the cluster the machine's module {where!r} is another")
    return found


def _text_of(name: str) -> str:
    """A digest of what a module says; empty if it has no file that could be read."""
    found = importlib.util.find_spec(name.rpartition(":")[0])
    origin = None if found is None else found.origin
    path = Path(origin or "")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _own(place: str, option: str) -> Subject:
    """A machine of the user's own, and whether what it says can be said; ``option`` is how it was named."""
    found = attribute(place, "machine")
    if not isinstance(found, Subject):
        raise WrongRequest(f"the machine {place!r} is no Subject (a machine with its laws), but of the type "
                           f"{type(found).__name__}")
    if found.name in _SUBJECTS and found is not subject(found.name):
        raise WrongRequest(f"the machine {place!r} is called {found.name!r}, which is the name of another")
    check_together(found.machine, found.catalogue.laws)
    check_applied(found.machine, found.catalogue.laws)
    for law in found.catalogue.of(Kind.STATE):
        check_state_law(found.machine, law)
    _check_mutants(found)
    return replace(found, option=option)


def _check_mutants(found: Subject) -> None:
    """See that the wrong versions of a user's machine can be made."""
    laws, mutants = {law.id for law in found.catalogue.laws}, found.mutants()
    seen: set[str] = set()
    for mutant in mutants:
        if mutant.name in seen:
            raise WrongRequest(f"the machine {found.name} has two mutants named {mutant.name!r}")
        seen.add(mutant.name)
        if mutant.breaks not in laws:
            raise WrongRequest(f"the mutant {mutant.name} breaks {mutant.breaks!r}, which is no law of its")
        with told(f"the mutant {mutant.name} cannot be made"):
            mutant.machine(found.machine)
