"""What users bring of their own, a machine or an engine, from a module or a file; and what goes wrong in it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import layermodel
from layermodel.language.sound import Malformed
from layerproof.errors import LayerproofError, Refused, WrongRequest


def attribute(place: str, what: str) -> Any:
    """What a module or a file has by a name: ``module:NAME`` or ``PATH.py:NAME``.

    Raises:
        WrongRequest: if it cannot be imported, or has none of the name.
    """
    where, _, name = place.rpartition(":")
    if not where or not name:
        raise WrongRequest(f"the {what} {place!r} is to be named as PATH.py:NAME or as module:NAME")
    module = _file(where, what) if where.endswith(".py") else _module(where, what)
    if not hasattr(module, name):
        raise WrongRequest(f"the {what} {place!r}: {where} has no {name!r}")
    return getattr(module, name)


def _module(where: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except BaseException as error:
        if _ends(error):
            raise
        raise WrongRequest(f"the {what}'s module {where!r} cannot be imported: {said(error)}") from error


def _file(where: str, what: str) -> ModuleType:
    path = Path(where)
    if not path.is_file():
        raise WrongRequest(f"the {what}'s file {where!r} is {'no file' if path.exists() else 'not there'}")
    specification = importlib.util.spec_from_file_location(f"layerproof_user_{path.stem}", where)
    assert specification is not None  # its name ends in .py
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look for the module that they are in
    try:
        specification.loader.exec_module(module)
    except BaseException as error:
        if _ends(error):
            raise
        raise WrongRequest(f"the {what}'s file {where!r} cannot be run: {said(error)}") from error
    return module


# What goes wrong in it.


@contextlib.contextmanager
def told(words: str, within: Callable[..., Any] | None = None,
         raising: type[LayerproofError] = WrongRequest) -> Iterator[None]:
    """What the user's own raises in the block is told in one sentence, which begins with these words.

    Args:
        within: the function of the user's that is called there.
        raising: what to raise for whatever is raised, be it SystemExit, which would end the run as if all had
            held.
    """
    try:
        yield
    except BaseException as error:
        if not is_theirs(error):
            raise
        raise raising(f"{words}: {said(error, within)}") from error


def is_theirs(error: BaseException) -> bool:
    """Whether an error is about the user's own that raised it: neither said already, nor the end of the run.

    Nor does that hold of what Hypothesis goes on by, which comes out of whatever draws; that it was asked for what
    cannot be drawn is another matter.
    """
    if isinstance(error, Refused):
        return True
    if isinstance(error, LayerproofError) or _ends(error):
        return False
    return _package(error) != "hypothesis" or type(error).__name__ == "InvalidArgument"


def _ends(error: BaseException) -> bool:
    """Whether an error ends the run: the user interrupted it, or a signal did."""
    return isinstance(error, KeyboardInterrupt) or (
        not isinstance(error, Exception) and _package(error) == "layerproof")


def code_of(one: Any) -> str:
    """What an object is, as far as its code says: its class, and a digest of the file in which that is.

    An object that has an ``identity`` says itself what it is beside that.
    """
    kind, digest = type(one), hashlib.blake2b(digest_size=16)
    with contextlib.suppress(OSError, TypeError):
        digest.update(Path(inspect.getfile(kind)).read_bytes())
    return f"{kind.__module__}.{kind.__qualname__} {digest.hexdigest()} {getattr(one, 'identity', '')}"


def is_ours(function: Callable[..., Any]) -> bool:
    """Whether a function comes with this package, so that what goes wrong in it is no fault of the user's."""
    return _package(function) in ("layerproof", "layermodel")


def _package(one: object) -> str:
    """The package of a function, or of what something is."""
    return str(getattr(one, "__module__", None) or "").partition(".")[0]


def said(error: BaseException, within: Callable[..., Any] | None = None) -> str:
    """What is wrong, in the words of the error, and in which line of the user's own it came about.

    Args:
        within: a function of the user's; where it begins is said of an error that came about in calling it.
    """
    ours = isinstance(error, (LayerproofError, Malformed))
    try:
        words = " ".join(str(error).split())
    except Exception:  # what it is to say raises itself
        words = ""
    if not ours or not words:
        words = f"{type(error).__name__}: {words}" if words else type(error).__name__
    place = where(error) or _beginning(within)
    return f"{words} ({place})" if place and not isinstance(error, SyntaxError) else words


def where(error: BaseException) -> str:
    """The file and the line, outside this package and what it is made of, in which an error came about."""
    causes = [error]
    while (before := causes[-1].__cause__) is not None:
        causes.append(before)
    for one in reversed(causes):
        for frame, line in reversed(list(traceback.walk_tb(one.__traceback__))):
            file = frame.f_code.co_filename
            if not _is_ours(file):
                return f"{Path(file).name}, line {line}"
    return ""


def _beginning(function: Callable[..., Any] | None) -> str:
    code = getattr(function, "__code__", None)
    if code is None or _is_ours(code.co_filename):
        return ""
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}"


def _is_ours(file: str) -> bool:
    return file.startswith(("<", *_NOT_THEIRS)) or "site-packages" in file


_NOT_THEIRS = (str(Path(__file__).parent), *layermodel.__path__, str(Path(importlib.__file__).parents[1]))
"""Where the code is that is not the user's: this package, the model, and what comes with Python."""
