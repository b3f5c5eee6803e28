"""A private engine that serves an API: its program with all that it writes in a temporary folder.

Nothing of it is left behind: the engine lives in namespaces that a guard process owns
(:mod:`layerproof.engines.service.guard`), which removes everything when it is told to, when this process is
gone however it died, and also when the engine itself was killed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from layerproof.engines.service import guard as service_guard
from layerproof.errors import EngineUnreachable
from layerproof.process.folders import Temporary
from layerproof.process.signals import held_back

_MANY = 10_000
"""Lines of a log that are looked at for why an engine did not start."""


@dataclass(frozen=True)
class Plan:
    """How a private engine is run.

    Attributes:
        command: its program, and what keeps all that it writes in the folder.
        log: the name of its log in the folder.
        hides: system folders that it writes to whatever it is told; it sees empty ones.
        sockets: the longest paths in the folder of sockets that it makes.
    """

    command: tuple[str, ...]
    log: str
    hides: tuple[str, ...]
    sockets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """What an engine is called, and how it is spoken to.

    Attributes:
        name: in words, ``Docker Engine``.
        folder: what stands in the name of its folder.
        socket: the name of its socket in the folder.
        last_words: from its log why it failed; empty if it does not say.
    """

    name: str
    folder: str
    socket: str
    last_words: Callable[[str], str]


class PrivateService:
    """A running private engine; needs root.

    Attributes:
        folder: the temporary folder that holds everything of it.
        socket: where its API is, ``unix://…``.
    """

    kind: Kind

    def run(self, limit: float, plan: Callable[[str], Plan], files: Callable[[str], Mapping[str, str]],
            environment: Callable[[str], Mapping[str, str]]) -> None:
        """Start the engine and wait until it answers.

        Args:
            limit: seconds that it may take until it answers.
            plan: how it is run in a folder.
            files: by name, what is in the folder before.
            environment: its environment, if it runs in a folder.

        Raises:
            EngineUnreachable: if it can't be started here, or doesn't answer within the limit.
        """
        self._stopped = False
        self._owner = os.getpid()
        with held_back():
            try:
                self._temporary = Temporary(self.kind.folder)
            except OSError as error:
                raise EngineUnreachable(f"a private {self.kind.name} cannot be started: {error}") from None
            self.folder, lock = str(self._temporary.path), self._temporary.descriptor
            for name, text in files(self.folder).items():
                (self._temporary.path / name).write_text(text, encoding="utf-8")
            planned = plan(self.folder)
            self._log = f"{self.folder}/{planned.log}"
            self._guard = subprocess.Popen(
                [sys.executable, "-IS", service_guard.__file__, str(self._owner), self.folder,
                 str(self._temporary.lock), str(lock), json.dumps(asdict(planned))],
                pass_fds=(lock,),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C goes to the terminal's process group; the guard is not of it.
                cwd="/",
                env=dict(environment(self.folder)),
            )
            atexit.register(self.stop)
        try:
            self._wait_until_ready(time.monotonic() + limit, limit)
        except BaseException:
            self.stop()
            raise

    @property
    def socket(self) -> str:
        """Where its API is."""
        return f"unix://{self.folder}/{self.kind.socket}"

    def view(self, path: str) -> str:
        """Where something is that is mounted for the engine alone, as seen from here.

        Raises:
            EngineUnreachable: if the engine is gone.
        """
        guard = self._guard.pid
        try:
            with open(f"/proc/{guard}/task/{guard}/children", encoding="ascii") as children:
                return f"/proc/{int(children.read().split()[0])}/root{path}"
        except (OSError, IndexError):
            raise EngineUnreachable(f"the private {self.kind.name} is gone") from None

    def log(self, lines: int = 20) -> str:
        """The last lines of the engine's log, as far as it can be read."""
        try:
            with open(self._log, encoding="utf-8", errors="replace") as log:
                return "".join(deque(log, lines))
        except OSError:
            return ""

    def stop(self) -> None:
        """End every process of it, then remove its mounts and its folder; may be called again."""
        if self._stopped or os.getpid() != self._owner:
            return
        with held_back():
            self._stop()

    def _stop(self) -> None:
        """Do what :meth:`stop` says, the first time."""
        self._stopped = True
        atexit.unregister(self.stop)
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(timeout=20.0)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._guard.stdout.close()
        if os.path.lexists(self.folder):
            # The guard itself was killed; the kernel then killed the namespace, these two remain.
            service_guard.remove_cgroups(os.path.basename(self.folder))
            service_guard.remove_folder(self.folder)
        self._temporary.remove()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def _wait_until_ready(self, deadline: float, limit: float) -> None:
        while time.monotonic() < deadline:
            said = self._hear(0.02)
            if said:
                raise EngineUnreachable(f"the private {self.kind.name} did not start: {self._why(said)}")
            if _answers(f"{self.folder}/{self.kind.socket}", deadline - time.monotonic()):
                return
        raise EngineUnreachable(
            f"the private {self.kind.name} did not answer within {limit:g} seconds: {self._why('')}"
        )

    def _hear(self, seconds: float) -> str:
        """Return the next line that the guard says, or nothing if it says none for so long."""
        assert self._guard.stdout is not None
        ready, _, _ = select.select([self._guard.stdout], [], [], seconds)
        if not ready:
            return ""
        return self._guard.stdout.readline().decode(errors="replace").strip() or "failed its guard ended"

    def _why(self, said: str) -> str:
        """Return why it failed: what the guard said, or else the engine's own last words."""
        if said.startswith("failed "):
            return said.removeprefix("failed ")
        return self.kind.last_words(self.log(_MANY)) or "it gave no reason"


def program(name: str, kind: Kind) -> str:
    """Return the absolute path of an engine's program, or raise EngineUnreachable if it can't be run here."""
    cannot = f"a private {kind.name} cannot be started"
    found = shutil.which(name)
    if found is None and os.path.lexists(name):
        raise EngineUnreachable(f"{cannot}: {name} is not an executable file")
    if found is None:
        raise EngineUnreachable(f"{cannot}: there is no program {name} here")
    if os.geteuid() != 0:
        raise EngineUnreachable(f"{cannot}: only root may start {os.path.basename(name)}")
    return os.path.abspath(found)


def _answers(path: str, limit: float) -> bool:
    """Tell whether an API answers a ping on a Unix socket within some seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(max(0.01, limit))
        try:
            client.connect(path)
            client.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b" 200 " in client.recv(64)
        except OSError:
            return False
