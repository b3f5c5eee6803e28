"""Union file systems as engines: the kernel's overlayfs, fuse-overlayfs, and a plain folder as the control.

Each runs in a mount namespace of its own, in a process of its own (:mod:`~layerproof.engines.mount.worker`),
on a tmpfs of its own: nothing of it is visible outside, and all of it ends with the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from layerproof.errors import EngineUnreachable, WrongRequest
from layerproof.machines.union.engine import EVERY, Request
from layerproof.process.folders import Temporary

KINDS = {"overlayfs": "overlayfs", "fuse-overlayfs": "fuse-overlayfs", "tmpfs": "plain"}
"""The engines by name, and what the worker calls them."""

OPTIONS = ("index", "redirect_dir", "metacopy", "xino", "userxattr", "volatile", "nfs_export", "uuid")
"""The mount options of overlayfs that may be given."""


class MountEngine:
    """A union file system, mounted where nobody else sees it.

    Attributes:
        mounts: a shell script can mount it, too.
    """

    mounts = True

    def __init__(self, name: str = "overlayfs", options: Sequence[str] = (), *,
                 program: str = "fuse-overlayfs", timeout: float = 60.0) -> None:
        """Start the worker.

        Args:
            options: mount options, each as ``name=value``.
            program: the fuse-overlayfs to run.
            timeout: seconds that one answer may take.

        Raises:
            WrongRequest: if the engine or an option is not known.
            EngineUnreachable: if it cannot be mounted here.
        """
        if name not in KINDS:
            raise WrongRequest(f"unknown union file system {name!r}; known: {', '.join(KINDS)}")
        self.name, self.options, self._timeout = name, _checked(name, options), timeout
        self.image = name != "tmpfs"
        self.dialect = _dialect(name, self.options)
        self.capabilities = EVERY if os.geteuid() == 0 else EVERY - {"chown", "setxattr", "removexattr"}
        self._temporary = Temporary()
        self._folder = self._temporary.path
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = self._started(program)
            self.version = self._receive()["ready"]
            self._try()
        except BaseException:
            self.close()
            raise

    def _started(self, program: str) -> subprocess.Popen[bytes]:
        unshare = ["unshare", "--mount", "--propagation", "private"]
        if os.geteuid() != 0:
            unshare += ["--user", "--map-root-user"]
            if self.name == "overlayfs" and "userxattr" not in self.options:
                self.options = (*self.options, "userxattr")
        worker = [sys.executable, "-m", "layerproof.engines.mount.worker", str(self._folder), KINDS[self.name],
                  program, *self.options]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        try:
            # A session of its own: a Ctrl-C is for us, and the worker ends when its input does.
            return subprocess.Popen([*unshare, *worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, start_new_session=True, env=environment)
        except OSError as error:
            raise EngineUnreachable(f"{self.name}: unshare cannot be run: {error.strerror}") from None

    def _try(self) -> None:
        """Mount an empty union, so that what is wrong is said at once."""
        root = {"kind": "directory", "content": "", "mode": 0o755, "owner": [0, 0], "mtime": 0, "xattr": {}}
        layer = {"entries": [["", 0]], "nodes": [root], "whiteouts": [], "opaque": []}
        self.begin([layer], layer, [], 1)

    def begin(self, layers: Sequence[Request], upper: Request, names: Sequence[str], containers: int) -> Request:
        """Start afresh: containers over a stack of layers, bottom first; return what is seen.

        Raises:
            EngineUnreachable: if it cannot be mounted, or the worker is gone or silent.
        """
        return self._ask({"do": "begin", "layers": list(layers) if self.image else [], "upper": upper,
                          "names": list(names), "containers": containers})

    def do(self, request: Request) -> Request:
        """Do one operation; return its answer and what is seen afterwards.

        Raises:
            EngineUnreachable: if the worker is gone or silent, or the union cannot be looked at.
        """
        return self._ask(request)

    def _ask(self, request: Request) -> Request:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise EngineUnreachable(f"{self.name}: {self._last_words()}") from None
        return self._receive()

    def _receive(self) -> Request:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        # There is one reply to each request, so that nothing is ever left in the reader's buffer.
        if not select.select([process.stdout], [], [], self._timeout)[0]:
            raise EngineUnreachable(f"{self.name} did not answer within {self._timeout:g} s")
        line = process.stdout.readline()
        if not line:
            raise EngineUnreachable(f"{self.name}: {self._last_words()}")
        reply: Request = json.loads(line)
        if "error" in reply:
            raise EngineUnreachable(f"{self.name} cannot be used here: {reply['error']}")
        return reply

    def _last_words(self) -> str:
        """What the worker said before it ended."""
        process = self._process
        assert process is not None
        assert process.stderr is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        lines = process.stderr.read().decode(errors="replace").split("\n") if process.poll() is not None else []
        said = [line for line in lines if line.strip()]
        return said[-1] if said else "its process is gone"

    def close(self) -> None:
        """End the worker, and with it the mounts; remove the folder."""
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._temporary.remove()


def _checked(name: str, options: Sequence[str]) -> tuple[str, ...]:
    """The options, if they are such as overlayfs has.

    Raises:
        WrongRequest: if one is not.
    """
    for option in options:
        key = option.partition("=")[0]
        if name != "overlayfs":
            raise WrongRequest(f"{name} takes no mount options; {option!r} is for overlayfs")
        if key not in OPTIONS:
            raise WrongRequest(f"unknown mount option {option!r}; known: {', '.join(OPTIONS)}")
    return tuple(options)


def _dialect(name: str, options: Sequence[str]) -> str:
    """The dialect that a mount speaks; for options that are not given the kernel's own defaults count."""
    if name == "fuse-overlayfs":
        return name
    given = dict(option.partition("=")[::2] for option in options)
    on = {key for key in ("index", "redirect_dir", "metacopy") if given.get(key, _default(key)) == "on"}
    if name != "overlayfs":
        on.clear()
    # Copying up attributes alone needs redirects, and turns them on.
    redirect = not on.isdisjoint({"redirect_dir", "metacopy"})
    return "overlayfs" + "-index" * ("index" in on) + "-redirect" * redirect


def _default(option: str) -> str:
    """What the kernel takes for an option that is not given.

    Source: overlayfs.rst, the module parameters of the same names.
    """
    with contextlib.suppress(OSError):
        if Path("/sys/module/overlay/parameters", option).read_text().strip() == "Y":
            return "on"
    return "off"
