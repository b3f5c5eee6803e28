"""Requests to Podman's own API, and what refusals its answers stand for.

Source: Podman's libpod REST API 4.0; an answer that refuses has as ``cause`` the name of an error of Podman's own
(libpod/define/errors.go, containers/storage/errors.go), and in ``message`` more words. Measured: Podman 4.3.1.
"""

from __future__ import annotations

import json
import re
from typing import Any

from layerproof.engines.service.api import Api
from layerproof.errors import UNCLASSIFIED

_CAUSES = {
    "no such container": "no-such-container",
    "image not known": "no-such-image",
    "image is in use by a container": "used-by-container",
    "that name is already in use": "name-taken",
    "container already exists": "name-taken",
    "invalid reference format": "digest-as-target",
    "tag by digest not supported": "digest-as-target",
}
_WORDS = (
    ("with more than one tag", "several-tags"),
    ("docker-archive: invalid tag .*@sha256:.* does not contain a tag", "digest-as-target"),
    ("docker-archive: .*digest did not match, expected", "damaged-archive"),
)
"""A pattern of the message, in lower case, and what refusal it stands for, where the cause has no name."""
IMPROPER = "container state improper"
"""The cause of all refusals that come of a container's state; which it is tells the state."""


class PodmanApi(Api):
    """Podman's own API on a socket; every request has a time limit."""

    of = "Podman"

    def agreed(self, server: Any) -> tuple[str, str]:
        """From what the server says of itself its version, and its own API as it was first in Podman 4.

        Raises:
            LookupError: if it is no Podman.
        """
        engines = [one for one in server["Components"] if one["Name"] == "Podman Engine"]
        return engines[0]["Version"], "/v4.0.0/libpod"

    def refusal(self, words: str, answer: bytes) -> str:
        """The name of the refusal that the cause of an answer stands for, or else its words."""
        cause = cause_of(answer)
        if cause == IMPROPER:
            return IMPROPER
        lower = words.lower()
        return _CAUSES.get(cause) or next(
            (refusal for pattern, refusal in _WORDS if re.search(pattern, lower, re.DOTALL)), UNCLASSIFIED)


def cause_of(answer: bytes) -> str:
    """The cause that an answer says; empty if it says none."""
    try:
        return str(json.loads(answer)["cause"])
    except (ValueError, KeyError, TypeError):
        return ""
