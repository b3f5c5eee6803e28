"""A program that mounts a union and does system calls in it, one for each line that it reads.

It is run by path with nothing but the standard library, as the first process of a PID namespace and in a mount
namespace, on a tmpfs of its own: all of it is gone when it ends, programs that serve a union included. It ends
when its input does, even while a union keeps it waiting. It knows nothing of the model, and imports nothing of
this package.

Requests and replies are JSON, one to a line. It is given its folder and the seconds that one request may take,
says what cannot be done here (``lacks``), and is then told how the union is mounted, see :meth:`Worker.use`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Request = dict[str, Any]
_TYPES = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
          stat.S_IFCHR: "whiteout"}
_WRITING = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_LONGEST = 1 << 16


_GRACE = 2.0
"""Seconds that everything may take to end by itself once nobody listens any more."""


class Unusable(Exception):
    """The union cannot be mounted here; one sentence says why."""


class Programs:
    """Runs the programs that make, serve and end mounts, and keeps the last of what they say.

    What they say is read all the time, so that one that says much is not kept waiting.
    """

    def __init__(self) -> None:
        """None yet."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._last, self._lock = b"", threading.Lock()
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self.until = 0.0  # by when the request that is being answered has to be
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            select.select([self._read], [], [])
            self._drain()

    def _drain(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            while said := os.read(self._read, _LONGEST):
                self._last = (self._last + said)[-_LONGEST:]

    def all_said(self) -> str:
        """What the program that was started last said, and others since; the end of it if it is long."""
        self._drain()
        return self._last.decode(errors="replace")

    def said(self) -> str:
        """The last line that a program said, or nothing."""
        lines = [" ".join(line.split()) for line in self.all_said().splitlines()]
        return next((line for line in reversed(lines) if line), "")

    def start(self, words: list[str]) -> subprocess.Popen[bytes]:
        """Start a program.

        Raises:
            Unusable: if it cannot be run.
        """
        self.reap()
        self._drain()
        self._last = b""
        try:
            program = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self._write, stderr=self._write)
        except (OSError, ValueError) as error:
            raise Unusable(f"{words[0]} cannot be run: {error}") from None
        self._started[program.pid] = program
        return program

    def run(self, words: list[str]) -> None:
        """Run a program to its end.

        Raises:
            Unusable: if it fails or does not end in time, with its own words.
        """
        program = self.start(words)
        try:
            program.wait(max(0.0, self.until - time.monotonic()))
        except subprocess.TimeoutExpired:
            program.kill()
            raise Unusable(f"{' '.join(words[:3])} did not end in time{self.words()}") from None
        self.succeeded(program, words)

    def succeeded(self, program: subprocess.Popen[bytes], words: list[str]) -> None:
        """Raise Unusable if a program that has ended failed."""
        if program.returncode:
            said = " ".join(self.all_said().split()) or f"exit status {program.returncode}"
            raise Unusable(f"{' '.join(words[:3])} failed: {said}")

    def words(self) -> str:
        """What was said last, to put after a sentence."""
        return f"; it said last: {said}" if (said := self.said()) else ""

    def reap(self) -> bool:
        """Take note of all that have ended; return whether any is left.

        What a program leaves behind when it ends is this process's child, as the first in its namespace.
        """
        for program in [*self._started.values()]:
            if program.poll() is not None:
                del self._started[program.pid]
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if ended.si_pid in self._started:
                    self._started.pop(ended.si_pid).wait()
                else:
                    os.waitpid(ended.si_pid, 0)
            return True
        return False


# System calls, and what there is to see.


class System:
    """The system calls on a union, and what it shows.

    Attributes:
        calls: what each operation is, as a system call on a path.
    """

    def __init__(self, os_: Any = os) -> None:
        """Make the calls of :mod:`os`, or of what has the same names."""
        self._os = os_
        self.calls: dict[str, Callable[[str, Request], object]] = {
            "stat": lambda path, r: _type(os_.lstat(path)),
            "read": lambda path, r: self._read(path),
            "list": lambda path, r: sorted(os_.listdir(path)),
            "readlink": lambda path, r: os.fsencode(os_.readlink(path)).hex(),
            "open-for-writing": lambda path, r: self._write(path, b"", 0),
            "write": lambda path, r: self._write(path, bytes.fromhex(r["data"]), os.O_TRUNC),
            "append": lambda path, r: self._write(path, bytes.fromhex(r["data"]), os.O_APPEND),
            "truncate": lambda path, r: self._truncate(path, bytes.fromhex(r["data"])),
            "chmod": lambda path, r: os_.chmod(path, r["mode"]),
            "chown": lambda path, r: os_.lchown(path, *r["owner"]),
            "utimes": lambda path, r: os_.utime(path, ns=(r["time"], r["time"]), follow_symlinks=False),
            "setxattr": lambda path, r: os_.setxattr(
                path, r["key"], bytes.fromhex(r["value"]), follow_symlinks=False),
            "removexattr": lambda path, r: os_.removexattr(path, r["key"], follow_symlinks=False),
            "create": lambda path, r: self._create(path, r["mode"]),
            "mkdir": lambda path, r: os_.mkdir(path, r["mode"]),
            "symlink": lambda path, r: os_.symlink(bytes.fromhex(r["data"]), os.fsencode(path)),
            "mkfifo": lambda path, r: os_.mkfifo(path, r["mode"]),
            "link": lambda path, r: os_.link(path, r["target"], follow_symlinks=False),
            "unlink": lambda path, r: os_.unlink(path),
            "rmdir": lambda path, r: os_.rmdir(path),
            "rename": lambda path, r: os_.rename(*(_inside(p) for p in (path, r["target"]))),
        }

    def do(self, top: str, request: Request) -> Request:
        """Do an operation under a folder; say how it ended, and what it has seen."""
        if "target" in request:
            request = request | {"target": os.path.join(top, request["target"])}
        try:
            return {"errno": None, "value": self.calls[request["do"]](os.path.join(top, request["path"]), request)}
        except OSError as error:
            return {"errno": _name(error), "value": None}

    def _write(self, path: str, data: bytes, flags: int) -> None:
        descriptor = self._os.open(path, _WRITING | flags)
        try:
            if data:
                self._os.write(descriptor, data)
        finally:
            self._os.close(descriptor)

    def _truncate(self, path: str, data: bytes) -> None:
        descriptor = self._os.open(path, _WRITING)
        try:
            self._os.ftruncate(descriptor, len(data))
        finally:
            self._os.close(descriptor)

    def _read(self, path: str) -> str:
        descriptor = self._os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            read: bytes = self._os.read(descriptor, _LONGEST)
            return read.hex()
        finally:
            self._os.close(descriptor)

    def _create(self, path: str, mode: int) -> None:
        self._os.close(self._os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode))

    def attributes(self, path: str, extended: bool) -> Request:
        """All that can be seen of what a path names; but not its device, which a mount has anew each time.

        Args:
            extended: whether there are extended attributes to be seen.
        """
        info = self._os.lstat(path)
        kind = _type(info)
        content = b""
        if kind == "file":
            content = bytes.fromhex(self._read(path))
        elif kind == "symlink":
            content = os.fsencode(self._os.readlink(path))
        return {
            "kind": kind, "inode": info.st_ino, "content": content.hex(),
            "mode": stat.S_IMODE(info.st_mode), "owner": [info.st_uid, info.st_gid], "mtime": info.st_mtime_ns,
            "xattr": {k: self._os.getxattr(path, k, follow_symlinks=False).hex()
                      for k in (self._os.listxattr(path, follow_symlinks=False) if extended else ())}}

    def walk(
        self, top: str, within: str = "", ignored: frozenset[str] = frozenset(),
    ) -> Iterator[tuple[str, str]]:
        """Yield every listed name under a folder, relative to it, and the path to it; the folder itself first.

        Args:
            ignored: names that are passed over, with what is in them.
        """
        if not within:
            yield "", top
        for name in sorted({*self._os.listdir(os.path.join(top, within))} - ignored):
            path = os.path.join(within, name)
            whole = os.path.join(top, path)
            yield path, whole
            if self._is_directory(whole):
                yield from self.walk(top, path, ignored)

    def _is_directory(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._os.lstat(path).st_mode)
        except OSError:
            return False

    def _exists(self, path: str) -> bool:
        try:
            self._os.lstat(path)
        except OSError:
            return False
        return True

    def observe(self, top: str, names: Iterable[str], ignored: frozenset[str], extended: bool) -> Request:
        """Everything that is seen under a folder, and where looking up and listing a name disagree."""
        found, strange = {}, []
        for name, path in self.walk(top, ignored=ignored):
            try:
                found[name] = self.attributes(path, extended)
            except OSError as error:
                strange.append([name, f"it is listed, and looking at it fails with {_name(error)}"])
        for name in names:
            told = name in found or name in (n for n, _ in strange)
            if not told and self._exists(os.path.join(top, name)):
                strange.append([name, "it is there, and is not listed"])
        return {"view": found, "strange": strange}


def _inside(path: str) -> str:
    """A path by which even the root is a name in the mount, and not the mount one in the folder above."""
    return f"{path}." if path.endswith("/") else path


def _type(info: os.stat_result) -> str:
    return _TYPES.get(stat.S_IFMT(info.st_mode), "something else")


SYSTEM = System()


def fingerprint(top: str) -> dict[str, tuple[object, ...]]:
    """All of a layer, byte for byte, with every time but that of access."""
    result: dict[str, tuple[object, ...]] = {}
    for name, path in SYSTEM.walk(top):
        info = os.lstat(path)
        data = b""
        if stat.S_ISREG(info.st_mode):
            with open(path, "rb") as file:
                data = hashlib.sha256(file.read()).digest()
        elif stat.S_ISLNK(info.st_mode):
            data = os.fsencode(os.readlink(path))
        extended = tuple((k, os.getxattr(path, k, follow_symlinks=False))
                         for k in sorted(os.listxattr(path, follow_symlinks=False)))
        result[name] = (info.st_mode, info.st_ino, info.st_nlink, info.st_uid, info.st_gid, info.st_size,
                        info.st_mtime_ns, info.st_ctime_ns, data, extended)
    return result


# Layers and mounts.


def build(top: str, layer: Request, marker: str) -> None:
    """Write a layer into an empty folder, as an engine unpacks it.

    Args:
        layer: with empty ``files`` besides its own, by which it hides what is beneath in a way of its own.
        marker: the extended attribute of an opaque directory.
    """
    first: dict[int, str] = {}
    for name, number in layer["entries"]:
        path, node = os.path.join(top, name), layer["nodes"][number]
        if name and number in first:
            os.link(first[number], path, follow_symlinks=False)
            continue
        first[number] = path
        _make(path, node, root=not name)
    for name in layer["whiteouts"]:
        os.mknod(os.path.join(top, name), stat.S_IFCHR, os.makedev(0, 0))
    for name in layer["opaque"]:
        os.setxattr(os.path.join(top, name), marker, b"y")
    for name in layer["files"]:
        _touch(os.path.join(top, name))
    for number, path in reversed(first.items()):  # what is in a directory before the directory itself
        os.utime(path, ns=(layer["nodes"][number]["mtime"],) * 2, follow_symlinks=False)


def _touch(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb"):
        pass


def _make(path: str, node: Request, *, root: bool = False) -> None:
    """Make one file, directory, symlink or FIFO with its attributes."""
    data = bytes.fromhex(node["content"])
    if node["kind"] == "directory":
        if not root:
            os.mkdir(path)
    elif node["kind"] == "symlink":
        os.symlink(data, os.fsencode(path))
    elif node["kind"] == "fifo":
        os.mkfifo(path)
    else:
        with open(path, "xb") as file:
            file.write(data)
    os.lchown(path, *node["owner"])
    if node["kind"] != "symlink":
        os.chmod(path, node["mode"])
    for key, value in node["xattr"].items():
        os.setxattr(path, key, bytes.fromhex(value), follow_symlinks=False)


def _lacking(folder: str) -> list[str]:
    """What cannot be had here: files of several owners; attributes that only the trusted see."""
    def owners() -> None:
        for number in range(1, 5):
            os.chown(path, number, number)

    path, result = os.path.join(folder, "probe"), []
    _touch(path)
    for name, attempt in (("owners", owners), ("xattr", lambda: os.setxattr(path, "trusted.x", b""))):
        try:
            attempt()
        except OSError:
            result.append(name)
    os.unlink(path)
    return result


def mounts() -> dict[str, list[str]]:
    """The mounts that are seen here: the file system's own options by mount point."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        fields = [line.split() for line in file]
    return {one[4]: one[-1].split(",") for one in fields}


class Worker:
    """One union file system under test."""

    def __init__(self, root: str, seconds: float) -> None:
        """Work in a folder, on a tmpfs that is put there.

        Args:
            seconds: that one request may take.
        """
        self.root, self.seconds = os.path.realpath(root), seconds
        self.programs = Programs()
        self.layers: list[str] = []
        self.before: list[dict[str, tuple[object, ...]]] = []
        self.mounted: set[int] = set()
        self.containers = 0
        self.begins()
        self.programs.run(["mount", "-t", "tmpfs", "-o", "mode=700", "layerproof", self.root])

    def begins(self) -> None:
        """A request begins to be answered."""
        self.programs.until = time.monotonic() + self.seconds

    def use(self, request: Request) -> Request:
        """Be told how the union is mounted; return its version.

        The commands ``mount`` and ``unmount`` are words with places in braces, as is ``discard``, a path that is
        removed before mounting again. ``marker`` marks a layer's opaque directories, ``ignored`` are names that
        the union shows of its own, ``xattr`` is whether there are extended attributes to be seen, and ``version``
        is a command that says the version in a line with the word ``named``, or nothing for the kernel's own.
        """
        self.how, self.ignored = request, frozenset(request["ignored"])
        if not request["version"]:
            return {"version": f"Linux {os.uname().release}" if request["named"] else "unknown"}
        self.programs.run(request["version"])
        said = self.programs.all_said().splitlines()
        found = next((line.split()[-1] for line in said if request["named"] in line), "unknown")
        return {"version": found}

    def path(self, *parts: str) -> str:
        """A path in the folder."""
        return os.path.join(self.root, *parts)

    def begin(self, request: Request) -> Request:
        """Build layers and mount a union over them for each container; return what is seen."""
        self.clear()
        self.names = request["names"]
        self.layers = [self.path(f"l{n}") for n in range(len(request["layers"]))]
        for top, layer in zip(self.layers, request["layers"], strict=True):
            os.mkdir(top)
            build(top, layer, self.how["marker"])
        self.before = [fingerprint(top) for top in self.layers]
        self.containers = request["containers"]
        for container in range(self.containers):
            for part in ("u", "w", "m"):
                os.mkdir(self.path(f"{part}{container}"))
            build(self.path(f"{'u' if self.layers else 'm'}{container}"), request["upper"], self.how["marker"])
            self.mount(container)
        return self.seen() | {"options": mounts()[self.path("m0")]}

    def filled(self, words: list[str], container: int) -> list[str]:
        """The words of a command for one container."""
        places = {"lower": ":".join(reversed(self.layers)), "upper": self.path(f"u{container}"),
                  "work": self.path(f"w{container}"), "merged": self.path(f"m{container}")}
        for name, place in places.items():
            words = [word.replace(f"{{{name}}}", place) for word in words]
        return words

    def mount(self, container: int) -> None:
        """Mount one container's union: its program may end then, or stay to serve it."""
        words, top = self.filled(self.how["mount"], container), self.path(f"m{container}")
        program = self.programs.start(words)
        while top not in mounts():
            if program.poll() is not None:
                self.programs.succeeded(program, words)
                if not self.programs.reap() and top not in mounts():
                    raise Unusable(f"{words[0]} ended and has mounted nothing{self.programs.words()}")
            if time.monotonic() > self.programs.until:
                program.kill()
                raise Unusable(f"{words[0]} has mounted nothing in time{self.programs.words()}")
            time.sleep(0.0005)
        self.mounted.add(container)

    def unmount(self, container: int) -> None:
        """Unmount one container's union."""
        if container not in self.mounted:
            return
        words, top = self.filled(self.how["unmount"], container), self.path(f"m{container}")
        self.programs.run(words)
        while top in mounts():
            if time.monotonic() > self.programs.until:
                raise Unusable(f"{words[0]} has not unmounted it in time{self.programs.words()}")
            time.sleep(0.0005)
        self.mounted.discard(container)

    def remount(self, container: int) -> None:
        """Mount one container's union again."""
        self.unmount(container)
        for path in self.filled([self.how["discard"]] if self.how["discard"] else [], container):
            shutil.rmtree(path)
        self.mount(container)

    def clear(self) -> None:
        """Unmount and remove everything."""
        for container in sorted(self.mounted):
            self.unmount(container)
        for name in os.listdir(self.root):
            shutil.rmtree(self.path(name))

    def do(self, request: Request) -> Request:
        """Do an operation; say how it ended, and what is seen and stored afterwards."""
        container = request["container"]
        answer: Request = {"errno": None, "value": None}
        if request["do"] == "remount":
            self.remount(container)
        else:
            answer = SYSTEM.do(self.path(f"m{container}"), request)
        if request["do"] == "list" and answer["value"]:
            answer["value"] = [name for name in answer["value"] if name not in self.ignored]
        return answer | self.seen()

    def seen(self) -> Request:
        """What each container sees, and which layers are not as they were."""
        changed = []
        for top, before in zip(self.layers, self.before, strict=True):
            now = fingerprint(top)
            changed += [f"{os.path.basename(top)}/{name}" for name in sorted(now.keys() | before.keys())
                        if now.get(name) != before.get(name)]
        return {"changed": changed,
                "seen": [SYSTEM.observe(self.path(f"m{c}"), self.names, self.ignored, self.how["xattr"])
                         for c in range(self.containers)]}


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def answer(worker: Worker, request: Request) -> Request:
    """Answer one request."""
    worker.begins()
    try:
        match request["do"]:
            case "use":
                return worker.use(request)
            case "begin":
                return worker.begin(request)
        return worker.do(request)
    except Unusable as error:
        return {"error": str(error)}
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        return {"error": f"{error.strerror} ({_name(error)}){where}{worker.programs.words()}"}


def _end_with_input(programs: Programs) -> None:
    """End everything once nobody listens any more, and the main thread does not: a union keeps it waiting.

    A process that waits for a file system in user space cannot be killed before the program that serves it is.
    """
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    time.sleep(_GRACE)
    with contextlib.suppress(OSError):
        print(programs.said(), file=sys.stderr, flush=True)
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve requests until the input ends."""
    root, seconds = sys.argv[1:]
    os.umask(0)
    say = lambda reply: print(json.dumps(reply), flush=True)
    worker = None
    try:
        worker = Worker(root, float(seconds))
        threading.Thread(target=_end_with_input, args=(worker.programs,), daemon=True).start()
        say({"lacks": _lacking(worker.root)})
        for line in sys.stdin:
            say(answer(worker, json.loads(line)))
    except Unusable as error:
        say({"error": str(error)})
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    finally:
        if worker is not None:
            for top in (*(worker.path(f"m{c}") for c in sorted(worker.mounted)), worker.root):
                subprocess.run(["umount", "-l", top], check=False, capture_output=True)


if __name__ == "__main__":
    main()
