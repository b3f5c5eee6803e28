"""Reading what a user names: every command reads every file by these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layermodel.formats import documents
from layerproof.errors import WrongRequest

USUAL_LIMIT = 256 << 20
"""Bytes that are read of a file if nothing else is asked for."""


def read(path: str, limit: int | None = None) -> str:
    """Return the text of a regular file, or of a pipe.

    Args:
        limit: in bytes; :data:`USUAL_LIMIT` if it is None.

    Raises:
        WrongRequest: if it cannot be read, is too large, or is no text in UTF-8.
    """
    data = read_bytes(path, limit)
    try:
        return documents.text_of(data)
    except documents.Malformed as error:
        raise cannot_be_read(path, error) from None


def read_bytes(path: str, limit: int | None = None) -> bytes:
    """Return what is in a regular file, or comes through a pipe; see :func:`read`."""
    check_named(path)
    try:
        return documents.contents(Path(path), USUAL_LIMIT if limit is None else limit)
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        raise cannot_be_read(path, error) from None


def check_named(path: str) -> None:
    """See that a file is named at all: an empty name would be that of the working folder.

    Raises:
        WrongRequest: if it is not.
    """
    if not path:
        raise WrongRequest("the name of the file is empty, so there is nothing to read")


def parsed(text: str | bytes, what: str) -> Any:
    """Return what the JSON of a user's file says; see :func:`layermodel.formats.documents.parsed`.

    Args:
        what: what the text is, as "the trace".

    Raises:
        WrongRequest: if it is not JSON, or not such as can be read.
    """
    try:
        return documents.parsed(text, what)
    except documents.Malformed as error:
        raise WrongRequest(str(error)) from None


def cannot_be_read(path: str, error: Exception) -> WrongRequest:
    """The sentence for a file that cannot be read."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return WrongRequest(f"{_shown(path)} cannot be read: {why}")


def _shown(path: str) -> str:
    """A path fit to be shown: what cannot be printed is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path)
