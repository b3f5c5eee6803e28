"""What users bring of their own: a machine or an engine, from a module or from a file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from layerproof.errors import LayerproofError, WrongRequest


def attribute(place: str, what: str) -> Any:
    """What a module or a file has by a name: ``module:NAME`` or ``PATH.py:NAME``.

    Raises:
        WrongRequest: if it cannot be imported, or has none of the name.
    """
    where, _, name = place.rpartition(":")
    module = _file(where, what) if where.endswith(".py") else _module(where, what)
    if not hasattr(module, name):
        raise WrongRequest(f"the {what} {place!r}: {where} has no {name!r}")
    return getattr(module, name)


def _module(where: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except LayerproofError:
        raise
    except Exception as error:
        raise WrongRequest(f"the {what}'s module {where!r} cannot be imported: {_said(error)}") from None


def _file(where: str, what: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"layerproof_user_{Path(where).stem}", where)
    if specification is None or specification.loader is None or not Path(where).is_file():
        raise WrongRequest(f"the {what}'s file {where!r} is not there")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look for the module that they are in
    try:
        specification.loader.exec_module(module)
    except LayerproofError:
        raise
    except Exception as error:
        raise WrongRequest(f"the {what}'s file {where!r} cannot be run: {_said(error)}") from None
    return module


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
