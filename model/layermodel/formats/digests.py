"""Digests as somebody else wrote them: an algorithm, a colon, and what it makes of the content.

Contents are checked with the algorithms that are registered. Others can be written, and are no error as long as
nobody asks for what they name.

Source: OCI image-spec v1.1.0 ``descriptor.md``, Digests and Registered algorithms.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from layermodel.formats.documents import Malformed, quoted

USUAL = "sha256"
"""The algorithm of image IDs and chain IDs, and of a digest of which nothing else is said."""


class Hash(Protocol):
    """A hash of what was told it so far."""

    def update(self, data: bytes, /) -> None:
        """Tell it more."""

    def hexdigest(self) -> str:
        """Return what it makes of that."""


ALGORITHMS: Mapping[str, Callable[[], Hash]] = {USUAL: hashlib.sha256, "sha512": hashlib.sha512}
_DIGITS = {name: len(new().hexdigest()) for name, new in ALGORITHMS.items()}
_WRITTEN = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<encoded>[a-zA-Z0-9=_-]+)")
_HEX = re.compile(r"[0-9a-f]+")


def digest_of(data: bytes, algorithm: str) -> str:
    """Return the digest of some bytes by an algorithm that there is."""
    made = ALGORITHMS[algorithm]()
    made.update(data)
    return f"{algorithm}:{made.hexdigest()}"


def well_formed(text: str, where: str) -> str:
    """Return a digest as it was written, of whatever algorithm.

    Raises:
        Malformed: if it is none, or not as its algorithm makes them.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise Malformed(f"{where}: {quoted(text)} is not a digest")
    digits = _DIGITS.get(found["algorithm"])
    if digits is not None and not is_hex(found["encoded"], digits):
        raise Malformed(f"{where}: {quoted(text)} is not a {found['algorithm']} digest, which has {digits} "
                        "hexadecimal digits in lower case")
    return text


def algorithm_of(text: str, where: str) -> str:
    """Return by which algorithm a content is checked against a digest.

    Raises:
        Malformed: if it is no digest, or of an algorithm that is not known here.
    """
    algorithm = well_formed(text, where).partition(":")[0]
    if algorithm not in ALGORITHMS:
        raise Malformed(f"{where}: {quoted(text)} cannot be checked: of the algorithms of digests, "
                        f"{' and '.join(ALGORITHMS)} are known here, and {quoted(algorithm)} is not")
    return algorithm


def of_hex(encoded: str) -> str | None:
    """Return the digest of which only the hexadecimal digits are written; None if there are not so many."""
    return next((f"{name}:{encoded}" for name, digits in _DIGITS.items() if is_hex(encoded, digits)), None)


def is_hex(text: str, digits: int) -> bool:
    """Whether a text is so many hexadecimal digits, in lower case."""
    return len(text) == digits and _HEX.fullmatch(text) is not None
