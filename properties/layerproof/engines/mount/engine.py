"""Union file systems as engines: the kernel's overlayfs, fuse-overlayfs, a plain folder as the control, and any
other that a command mounts.

Each runs in a mount namespace of its own, in a process of its own (:mod:`~layerproof.engines.mount.worker`),
on a tmpfs of its own: nothing of it is visible outside, and all of it ends with the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from layermodel.union.words import DIALECTS, TRAITS
from layerproof.engines.mount.deviations import WITHOUT_ROOT
from layerproof.engines.mount.options import checked, dialect_of, given_up
from layerproof.errors import EngineHung, EngineUnreachable, Unintelligible, WrongRequest
from layerproof.machines.union.engine import EVERY, Request
from layerproof.machines.union.lacking import known_lacks, rules_lacking
from layerproof.machines.union.mounting import HIDING, NAMED, UNPRIVILEGED, Hiding, Mounting, hiding_file, words
from layerproof.process.folders import Temporary

KINDS: Mapping[str, str] = {"overlayfs": "overlayfs", "fuse-overlayfs": "fuse-overlayfs", "tmpfs": "overlayfs"}
"""The engines by name, and the dialects of those that have but one; that of overlayfs depends on its options."""

_WORKER = Path(__file__).with_name("worker.py")
_UNSHARE = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")


class MountEngine:
    """A union file system, mounted where nobody else sees it.

    Attributes:
        lacks: what it lacks, by names of :mod:`layerproof.machines.union.lacking`: what was said of it, and what
            is not to be had here; without root that is other owners, and extended attributes of the trusted.
        mounting: how it is mounted, for a script that shows a finding.
        conditions: what else known deviations may depend on.
    """

    def __init__(self, name: str = "overlayfs", options: Sequence[str] = (), *,
                 program: str = "fuse-overlayfs", command: str | None = None, unmount: str = "umount {merged}",
                 dialect: str | None = None, traits: Mapping[str, bool] | None = None, lacks: Collection[str] = (),
                 ignored: Collection[str] = (), whiteouts: str = "device", timeout: float = 60.0) -> None:
        """Start the worker.

        Args:
            options: mount options of overlayfs, each as ``name=value``.
            program: the fuse-overlayfs to run.
            command: how a union of one's own is mounted, with ``{lower}`` (the layers, top first, joined by
                colons), ``{upper}``, ``{work}`` and ``{merged}``; it is split as a shell does, and run without
                one. The name is then any other; the rest of the arguments is about such a union.
            unmount: how it is unmounted.
            dialect, traits: what it is held to, by name or by some of the traits; else the first that is known.
            lacks: what it lacks, or cannot do: see :mod:`layerproof.machines.union.lacking`.
            ignored: names that it shows of its own, anywhere, and that nobody made.
            whiteouts: how its layers hide what is beneath: see :data:`layerproof.machines.union.mounting.HIDING`.
            timeout: seconds that one answer may take.

        Raises:
            WrongRequest: if an argument is not as it should be; nothing is mounted then.
            EngineUnreachable: if it cannot be mounted here.
        """
        self.name, self.options, self._timeout = name, tuple(options), timeout
        self.image = name != "tmpfs"
        self._ignored = _ignored(ignored)
        self.lacks = known_lacks(lacks)
        if command is None:
            self._named(program, dialect, traits, unmount, whiteouts)
        else:
            self._own(command, unmount, dialect, traits, whiteouts)
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def _start(self) -> None:
        """Start the worker, and see that it can mount."""
        self._mounted = False
        self._temporary = Temporary()
        self._folder = self._temporary.path
        try:
            self._process = self._started()
            self._use()
            self._try()
        except BaseException:
            self.close()
            raise

    def _named(self, program: str, dialect: str | None, traits: Mapping[str, bool] | None, unmount: str,
               whiteouts: str) -> None:
        """Be one of the unions that are known by name."""
        if self.name not in KINDS:
            raise WrongRequest(f"unknown union file system {self.name!r}; known: {', '.join(KINDS)}; any other "
                               "needs the command that mounts it")
        if dialect or traits or unmount != "umount {merged}" or whiteouts != "device":
            raise WrongRequest(f"{self.name} has a way of its own to be mounted, and its dialect; what is said of "
                               "these is for a union whose command is given")
        if self.options and self.name != "overlayfs":
            raise WrongRequest(f"{self.name} takes no mount options; {self.options[0]!r} is for overlayfs")
        checked(self.options)
        self.dialect = KINDS[self.name]
        self.mounting = NAMED[self.name]
        if self.name == "fuse-overlayfs":
            command = shlex.join([program, *shlex.split(self.mounting.mount)[1:]])
            self.mounting = replace(self.mounting, mount=command)

    def _own(self, command: str, unmount: str, dialect: str | None, traits: Mapping[str, bool] | None,
             whiteouts: str) -> None:
        """Be a union whose command is given."""
        if self.name in KINDS:
            raise WrongRequest(f"{self.name} is mounted in a way of its own; a union that is mounted by a command "
                               "needs another name")
        if self.options:
            raise WrongRequest("mount options go into the command that mounts the union")
        if whiteouts not in HIDING:
            raise WrongRequest(f"unknown whiteouts {whiteouts!r}; known: {', '.join(HIDING)}")
        for one in (command, unmount):
            if not any("{merged}" in word for word in words(one)):
                raise WrongRequest(f"the command {one!r} does not say where: it lacks {{merged}}")
        self.dialect = _held_to(dialect, traits)
        self.mounting = Mounting(command, unmount, hiding=HIDING[whiteouts])
        self.lacks |= {lack for lack, way in (("whiteouts", self.mounting.hiding.whiteout),
                                              ("opaque", self.mounting.hiding.opaque)) if way is None}

    def _started(self) -> subprocess.Popen[bytes]:
        if found := set(str(self._folder)) & set(" ,:\\\"'"):
            raise EngineUnreachable(f"mount options cannot hold the folder {self._folder}, for {found.pop()!r} in "
                                    "it; TMPDIR names the folder for temporary ones")
        user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        worker = [sys.executable, "-IS", str(_WORKER), str(self._folder), str(_PATIENT * self._timeout)]
        try:
            # A session of its own: a Ctrl-C is for us, and the worker ends when its input does.
            return subprocess.Popen([*_UNSHARE, *user, *worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, start_new_session=True)
        except OSError as error:
            raise EngineUnreachable(f"{self.name}: unshare cannot be run: {error.strerror}") from None

    def _use(self) -> None:
        """Learn what is lacking here, and tell the worker how the union is mounted."""
        lacking = frozenset(self._receive()["lacks"])
        self.lacks |= lacking
        self.capabilities = EVERY - rules_lacking(self.lacks)
        self._trusted = "xattr" not in lacking
        if not self._trusted:
            self._without_trust()
        self.conditions = () if self._trusted else (WITHOUT_ROOT,)
        self.mounting = self.mounting.with_options(self.options)
        mounting, known = self.mounting, self.name in KINDS
        version = [words(mounting.mount)[0], "--version"] if self.name == "fuse-overlayfs" else []
        self.version: str = self._ask({
            "do": "use", "mount": words(mounting.mount), "unmount": words(mounting.unmount),
            "discard": mounting.discard, "marker": mounting.hiding.attribute, "ignored": sorted(self._ignored),
            "xattr": "xattr" not in self.lacks, "version": version, "named": self.name if known else "",
            })["version"]

    def _without_trust(self) -> None:
        """Do with the attributes that any user may set."""
        self.mounting = replace(self.mounting, hiding=replace(self.mounting.hiding, attribute=UNPRIVILEGED))
        if self.name == "overlayfs" and "userxattr" not in self.options:
            self.options = (*self.options, "userxattr")
            try:
                checked(self.options)
            except WrongRequest as error:
                raise WrongRequest(f"{error}; without root, userxattr is always given") from None

    def _try(self) -> None:
        """Mount an empty union, so that what is wrong is said at once."""
        root = {"kind": "directory", "content": "", "mode": 0o755, "owner": [0, 0], "mtime": 0, "xattr": {}}
        layer = {"entries": [["", 0]], "nodes": [root], "whiteouts": [], "opaque": []}
        shown = self.begin([layer], layer, [], 1)["options"]
        if self.name == "overlayfs":
            if lost := given_up(self.options, shown):
                raise EngineUnreachable(f"overlayfs: the kernel mounts it here, but gives up {', '.join(lost)}")
            self.dialect = dialect_of(shown)
        self._mounted = True

    def revive(self) -> None:
        """Start another worker in place of one that is gone, or silent.

        Raises:
            EngineUnreachable: if the union cannot be mounted any more.
        """
        self.close()
        self._start()

    def begin(self, layers: Sequence[Request], upper: Request, names: Sequence[str], containers: int) -> Request:
        """Start afresh: containers over a stack of layers, bottom first; return what is seen.

        Raises:
            EngineUnreachable: if it cannot be mounted, or the worker is gone or silent.
        """
        hiding = self.mounting.hiding
        return self._ask({"do": "begin", "layers": [_laid(one, hiding) for one in layers] if self.image else [],
                          "upper": _laid(upper, hiding), "names": list(names), "containers": containers})

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
            raise EngineUnreachable(f"{self.name}: {self._last_words() or _GONE}") from None
        return self._receive()

    def _receive(self) -> Request:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        # There is one reply to each request, so that nothing is ever left in the reader's buffer.
        if not select.select([process.stdout], [], [], self._timeout)[0]:
            said = self._last_words()
            raise EngineHung(f"{self.name} did not answer within {self._timeout:g} s"
                             + (f"; it said last: {said}" if said else ""))
        line = process.stdout.readline()
        if not line:
            raise EngineUnreachable(self._why_not(self._last_words() or _GONE))
        try:
            reply: Request = json.loads(line)
        except ValueError:
            raise Unintelligible(f"{self.name}: its process wrote {line!r:.80}, which is no JSON") from None
        if "error" in reply:
            failed = "failed" if self._mounted else "cannot be used here"
            raise EngineUnreachable(f"{self.name} {failed}: {reply['error']}")
        return reply

    def _why_not(self, said: str) -> str:
        """Why the worker is gone, from what it said last."""
        if not said.startswith("unshare:") or "failed to execute" in said:
            return f"{self.name}: {said}"
        if os.geteuid() == 0:
            return f"{self.name} needs to mount, which this root may not (CAP_SYS_ADMIN): {said}"
        return f"{self.name} needs root or a user namespace, and none can be made here: {said}"

    def _last_words(self) -> str:
        """What the worker said before it ended; it ends now, if it has not."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stderr is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING)
        lines = process.stderr.read().decode(errors="replace").split("\n") if process.poll() is not None else []
        said = [line for line in lines if line.strip()]
        return said[-1] if said else ""

    def close(self) -> None:
        """End the worker, and with it the mounts; remove the folder."""
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            try:
                process.wait(_ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._temporary.remove()


_PATIENT = 0.9
"""Of the seconds that an answer may take, those that the worker waits for a program: it says which one hangs."""

_ENDING = 10.0
"""Seconds that the worker may take to end; it ends all that keeps it waiting long before."""

_GONE = "its process is gone"


def _laid(layer: Request, hiding: Hiding) -> Request:
    """A layer as the worker builds it: with the files by which it hides what is beneath, if files do."""
    templates = {"whiteouts": hiding.whiteout, "opaque": hiding.opaque}
    files = {key: template for key, template in templates.items() if template}
    return layer | {key: [] for key in files} | {
        "files": [hiding_file(template, path) for key, template in files.items() for path in layer[key]]}


def _ignored(names: Collection[str]) -> frozenset[str]:
    """Names that are passed over.

    Raises:
        WrongRequest: if one is no name.
    """
    for name in names:
        if not name or "/" in name or name in (".", ".."):
            raise WrongRequest(f"{name!r} is no name that a union could show")
    return frozenset(names)


def _held_to(dialect: str | None, traits: Mapping[str, bool] | None) -> str:
    """The dialect by its name, or the first that has the traits.

    Raises:
        WrongRequest: if there is none.
    """
    if dialect is not None and dialect not in DIALECTS:
        raise WrongRequest(f"unknown dialect {dialect!r}; known: {', '.join(DIALECTS)}")
    given, known = dict(traits or {}), [trait.name for trait in TRAITS]
    for trait in given:
        if trait not in known:
            raise WrongRequest(f"unknown trait {trait!r}; known: {', '.join(known)}")
    for name in DIALECTS if dialect is None else (dialect,):
        if all(DIALECTS[name][trait] == value for trait, value in given.items()):
            return name
    said = ", ".join(f"{trait}={str(value).lower()}" for trait, value in given.items())
    raise WrongRequest(f"{f'the dialect {dialect}' if dialect else 'no known dialect'} has not {said}")
