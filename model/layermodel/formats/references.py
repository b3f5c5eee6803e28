"""Names of images as engines read them: ``[HOST[:PORT]/]PATH:TAG``.

Of later versions: Docker 20.10 takes no host in upper case that has no point, and no address.

Source: distribution/reference, ``reference.go`` (the grammar) and ``normalize.go`` (the short form).
"""

from __future__ import annotations

import re

_COMPONENT = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAGGED = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*:(?P<tag>\w[\w.-]{{0,127}})", re.ASCII)
_HUB = ("docker.io", "index.docker.io")
_LONGEST = 255
"""Characters of host and path, at most."""


def is_tagged(name: str) -> bool:
    """Whether an image can be given this name: a repository in lower case and a tag, and no digest."""
    found = _TAGGED.fullmatch(name)
    return found is not None and len(name) - len(found["tag"]) - 1 <= _LONGEST


def familiar(name: str) -> str:
    """Return the short form of a name as Docker shows it: ``foo:1`` of ``docker.io/library/foo:1``."""
    host, slash, rest = name.partition("/")
    path = rest if slash and host in _HUB else name
    official = path.removeprefix("library/")
    return official if "/" not in official else path
