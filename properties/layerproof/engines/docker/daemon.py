"""A private Docker Engine: a dockerd with its own data, socket and containerd, in a temporary folder.

Nothing of it is left behind: the daemon lives in namespaces that a guard process owns
(:mod:`layerproof.engines.docker.guard`), which removes everything when it is told to, when this process is
gone however it died, and also when dockerd itself was killed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections import deque
from types import TracebackType

from layerproof.engines.docker import guard as docker_guard
from layerproof.errors import EngineUnreachable
from layerproof.process.folders import Temporary
from layerproof.process.signals import held_back

_CANNOT = "a private Docker Engine cannot be started"
_MANY = 10_000
"""Lines of a log that are looked at for why a daemon did not start."""
_LEVEL = re.compile(r'level=(?P<level>\w+) msg="(?P<words>(?:[^"\\]|\\.)*)"')


def last_words(log: str) -> str:
    """Return the last line of a dockerd log that tells why it failed: an error, or a line in plain words.

    dockerd's own last line is plain (``failed to start daemon: …``); else the last error counts.
    """
    words = ""
    for line in log.splitlines():
        found = _LEVEL.search(line)
        if found is None:
            words = line.strip() or words
        elif found["level"] in ("error", "fatal"):
            words = found["words"].replace('\\"', '"')
    return words


class PrivateDaemon:
    """A running private dockerd; needs root and an installed Docker Engine.

    Attributes:
        folder: the temporary folder that holds everything of it.
        socket: where its API is, ``unix://…``.
        data_root: the folder of its images, layers and containers.
    """

    def __init__(
        self,
        *,
        dockerd: str = "dockerd",
        limit: float = 30.0,
        storage_driver: str | None = "overlay2",
        flags: tuple[str, ...] = (),
        config: str = "{}\n",
    ) -> None:
        """Start the daemon and wait until it answers.

        Args:
            dockerd: the daemon's program; a containerd in the same folder is preferred to another.
            limit: seconds that it may take until it answers.
            storage_driver: Docker's name of it, or None for the daemon's own choice.
            flags: further flags for dockerd.
            config: the text of its ``daemon.json``.

        Raises:
            EngineUnreachable: if it can't be started here, or doesn't answer within the limit.
        """
        program = _program(dockerd)
        driver = ("--storage-driver", storage_driver) if storage_driver else ()
        self._stopped = False
        self._owner = os.getpid()
        with held_back():
            try:
                self._temporary = Temporary("docker")
            except OSError as error:
                raise EngineUnreachable(f"{_CANNOT}: {error}") from None
            self.folder, lock = str(self._temporary.path), self._temporary.descriptor
            (self._temporary.path / "daemon.json").write_text(config, encoding="utf-8")
            self._guard = subprocess.Popen(
                [sys.executable, "-IS", docker_guard.__file__, str(self._owner), self.folder,
                 str(self._temporary.lock), str(lock), program, *driver, *flags],
                pass_fds=(lock,),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C goes to the terminal's process group; the guard is not of it.
                cwd="/",
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
        return f"unix://{self.folder}/docker.sock"

    @property
    def data_root(self) -> str:
        """The folder of its images, layers and containers."""
        return f"{self.folder}/data"

    def log(self, lines: int = 20) -> str:
        """The last lines of the daemon's log, as far as it can be read."""
        try:
            with open(f"{self.folder}/dockerd.log", encoding="utf-8", errors="replace") as log:
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
            docker_guard.remove_cgroups(os.path.basename(self.folder))
            docker_guard.remove_folder(self.folder)
        self._temporary.remove()

    def __enter__(self) -> PrivateDaemon:
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
                raise EngineUnreachable(f"the private Docker Engine did not start: {self._why(said)}")
            if _answers(f"{self.folder}/docker.sock", deadline - time.monotonic()):
                return
        raise EngineUnreachable(
            f"the private Docker Engine did not answer within {limit:g} seconds: {self._why('')}"
        )

    def _hear(self, seconds: float) -> str:
        """Return the next line that the guard says, or nothing if it says none for so long."""
        assert self._guard.stdout is not None
        ready, _, _ = select.select([self._guard.stdout], [], [], seconds)
        if not ready:
            return ""
        return self._guard.stdout.readline().decode(errors="replace").strip() or "failed its guard ended"

    def _why(self, said: str) -> str:
        """Return why it failed: what the guard said, or else dockerd's own last words."""
        if said.startswith("failed "):
            return said.removeprefix("failed ")
        return last_words(self.log(_MANY)) or "it gave no reason"


def _program(dockerd: str) -> str:
    """Return the absolute path of dockerd, or raise EngineUnreachable if it can't be run here."""
    found = shutil.which(dockerd)
    if found is None and os.path.lexists(dockerd):
        raise EngineUnreachable(f"{_CANNOT}: {dockerd} is not an executable file")
    if found is None:
        raise EngineUnreachable(f"{_CANNOT}: there is no program {dockerd} here")
    if os.geteuid() != 0:
        raise EngineUnreachable(f"{_CANNOT}: only root may start dockerd")
    return os.path.abspath(found)


def _answers(path: str, limit: float) -> bool:
    """Tell whether an API answers a ping on a Unix socket within some seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(max(0.01, limit))
        try:
            client.connect(path)
            client.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in client.recv(64)
        except OSError:
            return False
