"""Requests to an engine's API on a socket: what it answers, what it refuses, and when it is out of reach."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import docker
import requests
import urllib3.exceptions
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.errors import DockerException

from layerproof.errors import EngineHung, EngineUnreachable, Refused, Unintelligible, WrongRequest


class Api:
    """An engine's API on a socket; every request has a time limit.

    Attributes:
        of: what the engine is called.
        socket: the address, e.g. ``unix:///var/run/docker.sock``.
        engine_version: the server's own version string.
    """

    of = "engine"

    def __init__(self, socket: str, timeout: float) -> None:
        """Connect and agree on an API version.

        Args:
            socket: the address; a bare path counts as a Unix socket.
            timeout: seconds that the engine may be silent in any one request.

        Raises:
            WrongRequest: if it is no address.
            EngineUnreachable: if no such engine answers there within the time limit.
        """
        if not socket:
            raise WrongRequest(f"an empty text is no address of a {self.of}")
        self.socket = socket if "://" in socket else f"unix://{os.path.abspath(socket)}"
        self._timeout = timeout
        # The SDK could ask for the version itself, but would then not close its socket if nobody answers.
        # requests takes fractions of seconds; the stub knows whole ones only.
        try:
            self._client = docker.APIClient(
                self.socket,
                version=MINIMUM_DOCKER_API_VERSION,
                timeout=timeout,  # type: ignore[arg-type]
            )
        except (DockerException, ValueError) as error:
            raise WrongRequest(f"{socket} is no address of a {self.of}: {_brief(str(error))}") from error
        if self.socket.startswith("unix:"):
            # Else requests looks through the environment for a proxy at each request, which no local socket has:
            # a quarter of the time of the client.
            self._client.trust_env = False
        self._base = self._client.base_url
        try:
            self.engine_version, below = self._agreed()
        except BaseException:
            self.close()
            raise
        self._base += below

    def _agreed(self) -> tuple[str, str]:
        """Return the version of the server, and what the paths of the API that both speak begin with."""
        try:
            return self.agreed(self.get("/version"))
        except (Refused, Unintelligible, LookupError, TypeError, AttributeError, ValueError) as error:
            words = f"no {self.of} answers at {self.socket} (GET /version): {_brief(str(error))}"
            raise EngineUnreachable(words) from error

    # What engines differ in.

    def agreed(self, server: Any) -> tuple[str, str]:
        """From what the server says of itself its version, and what the paths of the API begin with."""
        raise NotImplementedError

    def refusal(self, words: str, answer: bytes) -> str:
        """The name of the refusal that an answer stands for, ``unclassified`` if it is not known."""
        raise NotImplementedError

    @contextlib.contextmanager
    def _reach(self, operation: str) -> Iterator[None]:
        """Turn every way in which the transport can fail into EngineUnreachable."""
        where = f"the {self.of} at {self.socket}"
        late = f"{where} did not answer within {self._timeout:g} seconds ({operation})"
        before = sys.exception()
        try:
            yield
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
            _let_go(_chain(error, before))
            raise EngineHung(late) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            errors = _chain(error, before)
            _let_go(errors)
            words = _brief(_root(errors))
            if "timed out" in words:
                raise EngineHung(late) from error
            raise EngineUnreachable(f"{where} is not reachable ({operation}): {words}") from error

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: object = None,
        data: bytes | None = None,
        content_type: str = "application/x-tar",
    ) -> bytes:
        """Do a request and return what was answered, read to its end.

        Args:
            method: of HTTP.
            path: below the API version, e.g. ``/images/json``.
            params: the query; a Boolean becomes ``1`` or ``0``, a tuple is said once for each part.
            body: sent as JSON.
            data: sent as it is, of type ``content_type``.
            content_type: of ``data``.

        Raises:
            Refused: if the status is 400 or above.
            EngineUnreachable: if the engine can't be reached; EngineHung: if it is silent for too long.
        """
        query = {key: list(v) if isinstance(v, tuple) else str(int(v) if isinstance(v, bool) else v)
                 for key, v in (params or {}).items()}
        headers = {"Content-Type": content_type} if data is not None else None
        with self._reach(f"{method} {path}"):
            answer = self._client.request(
                method,
                self._base + path,
                params=query,
                json=body,
                data=data,
                headers=headers,
                timeout=self._timeout,
            )
            content = answer.content
        if answer.status_code >= 400:
            words = _message(content)
            raise Refused(self.refusal(words, content), words)
        return content

    def get(self, path: str, **params: object) -> Any:
        """Return the JSON that a GET answers."""
        return self._parsed(self.request("GET", path, params=params), f"GET {path}")

    def post(self, path: str, body: object = None, **params: object) -> Any:
        """Return the JSON that a POST answers, or None if it answers nothing."""
        content = self.request("POST", path, params=params, body=body)
        return self._parsed(content, f"POST {path}") if content.strip() else None

    def _parsed(self, content: bytes, operation: str) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            words = f"the {self.of} at {self.socket} did not answer in JSON ({operation})"
            raise Unintelligible(f"{words}: {_brief(content.decode(errors='replace'))!r}") from None

    def stream(self, path: str, data: bytes, **params: object) -> list[dict[str, Any]]:
        """Send an archive and return the messages streamed back.

        Raises:
            Refused: also when an error comes inside the stream, with HTTP status 200.
        """
        content = self.request("POST", path, params=params, data=data)
        messages = [self._parsed(line, f"POST {path}") for line in content.splitlines() if line.strip()]
        for message in messages:
            if not isinstance(message, dict):
                raise Unintelligible(f"a message of POST {path} is {message!r:.80}, not an object")
            if "error" in message:
                words = str(message["error"])
                raise Refused(self.refusal(words, content), words.strip())
        return messages

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace").strip()


def _brief(words: str) -> str:
    """Return the beginning of what may be long or have lines, as part of one sentence."""
    line = " ".join(words.split())
    return line if len(line) <= 200 else f"{line[:200]}…"


def _chain(error: BaseException, before: BaseException | None) -> list[BaseException]:
    """Return an error and those that led to it, the first cause last, but not what was dealt with before.

    Causes and contexts can lead round in a circle.
    """
    errors: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None and seen is not before and seen not in errors:
        errors.append(seen)
        seen = seen.__cause__ or seen.__context__
    return errors


def _let_go(errors: list[BaseException]) -> None:
    """Close the socket that the SDK leaves in a frame of the traceback when it can't connect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for seen in errors:
            traceback.clear_frames(seen.__traceback__)


def _root(errors: list[BaseException]) -> str:
    """Return the words of the error that began it all, without the layers wrapped around it."""
    if any(isinstance(error, requests.exceptions.ChunkedEncodingError) for error in errors):
        return "the answer broke off"
    return str(errors[-1]).strip() or type(errors[-1]).__name__
