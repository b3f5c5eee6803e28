"""What adapters of engines that serve an API have in common: how they ask, and what they wait for."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar
from urllib.parse import quote

from layermodel.formats.content import Files
from layerproof.engines.service.api import Api
from layerproof.engines.service.daemon import PrivateService
from layerproof.errors import Contradiction, EngineHung, Refused, WrongRequest
from layerproof.fields import Fields, rows

_SETTLED = ("created", "running", "paused", "exited")


_Daemon = TypeVar("_Daemon", bound=PrivateService)


class Served(Generic[_Daemon]):
    """An adapter of an engine that serves an API.

    Attributes:
        api: what speaks to it.
        socket: the address of the API.
        daemon: the private engine, or None if it is shared with others.
    """

    api: Api
    socket: str | None
    daemon: _Daemon | None
    _timeout: float

    def close(self) -> None:
        """Remove everything that this run made and stop what it started."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def log(self) -> str:
        """The last lines of a private engine's log; of a shared one nobody here may read it."""
        return "" if self.daemon is None else self.daemon.log()

    # How it is asked

    def _fields(self, path: str, **params: object) -> Fields:
        """The object that a GET answers."""
        return Fields(self.api.get(path, **params), f"the answer of GET {path}", nulls=True)

    def _posted(self, path: str, body: object = None, **params: object) -> Fields:
        """The object that a POST answers."""
        return Fields(self.api.post(path, body, **params), f"the answer of POST {path}", nulls=True)

    def _rows(self, path: str, **params: object) -> list[Fields]:
        """The list that a GET answers."""
        return list(rows(self.api.get(path, **params), f"the answer of GET {path}", nulls=True))

    def _container_rows(self, size: bool = False) -> list[Fields]:
        """The containers of this run, as the engine lists them."""
        raise NotImplementedError

    # What goes on after an answer

    def _settle(self, container: str, wanted: Collection[str] = _SETTLED) -> str:
        """Wait until a container's status is one of those wanted, and return it."""
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            status = self._status(container)
            if status in wanted:
                return status
            time.sleep(0.005)
        raise EngineHung(
            f"the {self.api.of} at {self.socket} left container {container[:12]} in status {status} "
            f"for {self._timeout:g} seconds"
        )

    def _status(self, container: str) -> str:
        """A container's status, when it is asked for by itself."""
        return self._fields(f"/containers/{container}/json").fields("State").text("Status")

    def _settled_rows(self) -> list[Fields]:
        """Return the containers, none of them between two states.

        Raises:
            Contradiction: if the list goes on to say that one is, when it is asked for by itself, is not.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            listed = self._container_rows(size=True)
            moving = [row for row in listed if row.text("State") not in _SETTLED]
            if not moving:
                return listed
            for row in moving:
                # One that is being removed may be gone by now.
                with contextlib.suppress(Refused):
                    status = self._settle(row.text("Id"))
                    if time.monotonic() > deadline:
                        raise Contradiction(
                            f"the {self.api.of} at {self.socket} lists container {row.text('Id')[:12]} as "
                            f"{row.text('State')}, and shows it as {status}, for {self._timeout:g} seconds")
            if time.monotonic() > deadline:
                raise Contradiction(
                    f"the {self.api.of} at {self.socket} lists container {moving[0].text('Id')[:12]} as "
                    f"{moving[0].text('State')}, and says that there is none, for {self._timeout:g} seconds")
            time.sleep(0.005)

    # What no such engine has an operation for

    def pull_begin(self) -> str:
        """Not applicable: a pull is one request."""
        self._cannot("pull_begin")

    def pull_layer(self, lease: str, tree: bytes, parent: str | None) -> None:
        """Not applicable: a pull is one request."""
        self._cannot("pull_layer", lease, tree, parent)

    def pull_finish(self, lease: str, config: bytes, reference: str, digest_reference: str) -> str:
        """Not applicable: a pull is one request."""
        self._cannot("pull_finish", lease, config, reference, digest_reference)

    def build_begin(self, image: str) -> str:
        """Not applicable: a build is one request."""
        self._cannot("build_begin", image)

    def build_add(self, lease: str, image: str, files: Files) -> str:
        """Not applicable: a build is one request."""
        self._cannot("build_add", lease, image, files)

    def build_finish(self, lease: str, image: str, reference: str) -> None:
        """Not applicable: a build is one request."""
        self._cannot("build_finish", lease, image, reference)

    def abort(self, lease: str) -> None:
        """Not applicable: such an engine gives no lease to its callers."""
        self._cannot("abort", lease)

    def _cannot(self, operation: str, *arguments: object) -> NoReturn:
        given = ", ".join(f"{argument!r:.40}" for argument in arguments)
        raise WrongRequest(f"the {self.api.of}'s API has no operation {operation}({given})")


def repeated(what: str, listed: list[Fields]) -> Iterator[str]:
    """What is listed more than once, in words."""
    for identity, times in Counter(row.text("Id") for row in listed).items():
        if times > 1:
            yield f"the list shows {what} {identity} {times} times"


def quoted(name: str) -> str:
    """A name of an image as part of a path."""
    return quote(name, safe="/:@")
