"""What users bring of their own, a machine or an engine, from a module or a file; and what goes wrong in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import layermodel
from layermodel.language.sound import Malformed
from layerproof.errors import LayerproofError, WrongRequest


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
    except (Exception, SystemExit) as error:
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
    except (Exception, SystemExit) as error:
        raise WrongRequest(f"the {what}'s file {where!r} cannot be run: {said(error)}") from error
    return module


# What goes wrong in it.


def said(error: BaseException, within: Callable[..., Any] | None = None) -> str:
    """What is wrong, in the words of the error, and in which line of the user's own it came about.

    Args:
        within: a function of the user's; where it begins is said of an error that came about in calling it.
    """
    ours = isinstance(error, (LayerproofError, Malformed))
    words = " ".join(str(error).split())
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
