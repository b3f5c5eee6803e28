"""Requests to the Docker Engine API, and what refusals its words stand for.

Source: Docker Engine API 1.41; the words of the refusals were measured with Docker Engine 20.10.24 and 26.1.5.
"""

from __future__ import annotations

import re
from typing import Any

from docker.constants import DEFAULT_DOCKER_API_VERSION

from layerproof.engines.service.api import Api
from layerproof.errors import UNCLASSIFIED

_REFUSALS: tuple[tuple[str, str], ...] = (
    ("no such container", "no-such-container"),
    ("no such image", "no-such-image"),
    ("failed to get digest", "no-such-image"),  # commit of a container whose image was removed
    ("name must differ", "same-name"),
    ("same name as its current name", "same-name"),
    ("is already in use by container", "name-taken"),
    ("dependent child images", "has-child-images"),
    ("being used by running container", "used-by-running-container"),
    ("being used by stopped container", "used-by-container"),
    ("unable to remove repository reference", "used-by-container"),
    ("referenced in multiple repositories", "several-tags"),
    ("cannot start a paused container", "is-paused"),
    ("cannot remove a paused container", "is-paused"),
    ("is already paused", "is-paused"),
    ("cannot remove a running container", "is-running"),
    ("container is running: stop the container before", "is-running"),
    ("container is paused and must be unpaused", "is-paused"),
    ("is not running", "not-running"),
    ("is not paused", "not-paused"),
    ("create a tag with a digest reference", "digest-as-target"),
    ("cannot import digest reference", "digest-as-target"),  # commit from 23 on; import
    ('invalid tag ".*@sha256:', "digest-as-target"),  # load
    ("invalid diffid for layer", "damaged-archive"),
)
"""A pattern of the engine's words, in lower case, and what refusal it stands for; the first that fits counts."""


def refusal_of(words: str) -> str:
    """Return the name of the refusal that Docker's words stand for, else ``unclassified``."""
    lower = words.lower()
    return next((refusal for words, refusal in _REFUSALS if re.search(words, lower)), UNCLASSIFIED)


class DockerApi(Api):
    """A Docker Engine API on a socket; every request has a time limit."""

    of = "Docker Engine"

    def agreed(self, server: Any) -> tuple[str, str]:
        """From what the server says of itself its version, and the newest version of the API that both speak."""
        return server["Version"], f"/v{min(server['ApiVersion'], DEFAULT_DOCKER_API_VERSION, key=_ordered)}"

    def refusal(self, words: str, answer: bytes) -> str:
        """The name of the refusal that the engine's words stand for."""
        return refusal_of(words)


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
