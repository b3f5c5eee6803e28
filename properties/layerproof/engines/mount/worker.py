"""A program that mounts a union and does system calls in it, one for each line that it reads.

It runs in a mount namespace of its own, on a tmpfs of its own, so that all of it is gone when it ends,
however that comes about; it ends when its input does. It knows nothing of the model, and imports nothing of
this package. Requests and replies are JSON, one to a line.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

Request = dict[str, Any]
_TYPES = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
          stat.S_IFCHR: "whiteout"}
_WRITING = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_LONGEST = 1 << 16


class Unusable(Exception):
    """The union cannot be mounted here; one sentence says why."""


def command(*arguments: str) -> str:
    """Run a program that makes or ends a mount; return what it says.

    Raises:
        Unusable: if it fails, with its own words.
    """
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"{arguments[0]} cannot be run: {error}") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit status {done.returncode}"
        raise Unusable(f"{' '.join(arguments[:3])} failed: {said}")
    return done.stdout


# System calls.


def _write(path: str, data: bytes, flags: int) -> None:
    descriptor = os.open(path, _WRITING | flags)
    try:
        if data:
            os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _truncate(path: str, data: bytes) -> None:
    descriptor = os.open(path, _WRITING)
    try:
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(descriptor, _LONGEST).hex()
    finally:
        os.close(descriptor)


def _create(path: str, mode: int) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode))


def _inside(path: str) -> str:
    """A path by which even the root is a name in the mount, and not the mount one in the folder above."""
    return f"{path}." if path.endswith("/") else path


CALLS: dict[str, Callable[[str, Request], object]] = {
    "stat": lambda path, r: _type(os.lstat(path)),
    "read": lambda path, r: _read(path),
    "list": lambda path, r: sorted(os.listdir(path)),
    "readlink": lambda path, r: os.fsencode(os.readlink(path)).hex(),
    "open-for-writing": lambda path, r: _write(path, b"", 0),
    "write": lambda path, r: _write(path, bytes.fromhex(r["data"]), os.O_TRUNC),
    "append": lambda path, r: _write(path, bytes.fromhex(r["data"]), os.O_APPEND),
    "truncate": lambda path, r: _truncate(path, bytes.fromhex(r["data"])),
    "chmod": lambda path, r: os.chmod(path, r["mode"]),
    "chown": lambda path, r: os.lchown(path, *r["owner"]),
    "utimes": lambda path, r: os.utime(path, ns=(r["time"], r["time"]), follow_symlinks=False),
    "setxattr": lambda path, r: os.setxattr(path, r["key"], bytes.fromhex(r["value"]), follow_symlinks=False),
    "removexattr": lambda path, r: os.removexattr(path, r["key"], follow_symlinks=False),
    "create": lambda path, r: _create(path, r["mode"]),
    "mkdir": lambda path, r: os.mkdir(path, r["mode"]),
    "symlink": lambda path, r: os.symlink(bytes.fromhex(r["data"]), os.fsencode(path)),
    "mkfifo": lambda path, r: os.mkfifo(path, r["mode"]),
    "link": lambda path, r: os.link(path, r["target"], follow_symlinks=False),
    "unlink": lambda path, r: os.unlink(path),
    "rmdir": lambda path, r: os.rmdir(path),
    "rename": lambda path, r: os.rename(*(_inside(p) for p in (path, r["target"]))),
}
"""What each operation is, as a system call on a path."""


# What there is to see.


def _type(info: os.stat_result) -> str:
    return _TYPES.get(stat.S_IFMT(info.st_mode), "something else")


def attributes(path: str) -> Request:
    """All that can be seen of what a path names; but not its device, which a mount has anew each time."""
    info = os.lstat(path)
    kind = _type(info)
    content = b""
    if kind == "file":
        content = bytes.fromhex(_read(path))
    elif kind == "symlink":
        content = os.fsencode(os.readlink(path))
    return {
        "kind": kind, "inode": info.st_ino, "content": content.hex(),
        "mode": stat.S_IMODE(info.st_mode), "owner": [info.st_uid, info.st_gid], "mtime": info.st_mtime_ns,
        "xattr": {k: os.getxattr(path, k, follow_symlinks=False).hex()
                  for k in os.listxattr(path, follow_symlinks=False)}}


def walk(top: str, within: str = "") -> Iterator[tuple[str, str]]:
    """Yield every listed name under a folder, relative to it, and the path to it; the folder itself first."""
    if not within:
        yield "", top
    for name in sorted(os.listdir(os.path.join(top, within))):
        path = os.path.join(within, name)
        whole = os.path.join(top, path)
        yield path, whole
        if _is_directory(whole):
            yield from walk(top, path)


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def observe(top: str, names: list[str]) -> Request:
    """Everything that is seen under a folder, and where looking up and listing a name disagree."""
    found, strange = {}, []
    for name, path in walk(top):
        try:
            found[name] = attributes(path)
        except OSError as error:
            strange.append([name, f"it is listed, and looking at it fails with {_name(error)}"])
    for name in names:
        if name not in found and name not in (n for n, _ in strange) and os.path.lexists(os.path.join(top, name)):
            strange.append([name, "it is there, and is not listed"])
    return {"view": found, "strange": strange}


def fingerprint(top: str) -> dict[str, tuple[object, ...]]:
    """All of a layer, byte for byte, with every time but that of access."""
    result: dict[str, tuple[object, ...]] = {}
    for name, path in walk(top):
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
    """Write a layer into an empty folder, as an engine unpacks it."""
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
    for number, path in reversed(first.items()):  # what is in a directory before the directory itself
        os.utime(path, ns=(layer["nodes"][number]["mtime"],) * 2, follow_symlinks=False)


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


class Worker:
    """One union file system under test."""

    def __init__(self, root: str, kind: str, options: list[str], program: str) -> None:
        """Work in a folder, on a tmpfs that is put there."""
        self.root, self.kind, self.options, self.program = root, kind, options, program
        self.marker = "trusted.overlay.opaque"
        if "userxattr" in options:
            self.marker = "user.overlay.opaque"
        self.layers: list[str] = []
        self.before: list[dict[str, tuple[object, ...]]] = []
        self.mounted: set[int] = set()
        self.containers = 0
        command("mount", "-t", "tmpfs", "-o", "mode=700", "layerproof", root)

    def version(self) -> str:
        """What is under test: the kernel, or the program."""
        if self.kind == "fuse-overlayfs":
            said = command(self.program, "--version")
            return next((line.split()[-1] for line in said.splitlines() if "fuse-overlayfs" in line), "unknown")
        return f"Linux {os.uname().release}"

    def path(self, *parts: str) -> str:
        """A path in the folder."""
        return os.path.join(self.root, *parts)

    def begin(self, request: Request) -> None:
        """Build layers and mount a union over them for each container."""
        self.clear()
        self.names = request["names"]
        self.layers = [self.path(f"l{n}") for n in range(len(request["layers"]))]
        for top, layer in zip(self.layers, request["layers"], strict=True):
            os.mkdir(top)
            build(top, layer, self.marker)
        self.before = [fingerprint(top) for top in self.layers]
        self.containers = request["containers"]
        for container in range(self.containers):
            for part in ("u", "w", "m"):
                os.mkdir(self.path(f"{part}{container}"))
            build(self.path(f"{'m' if self.kind == 'plain' else 'u'}{container}"), request["upper"], self.marker)
            self.mount(container)

    def mount(self, container: int) -> None:
        """Mount one container's union; a plain folder is mounted on itself, so that its root is a mount, too."""
        places = ["lowerdir=" + ":".join(reversed(self.layers)), f"upperdir={self.path(f'u{container}')}",
                  f"workdir={self.path(f'w{container}')}"]
        joined, top = ",".join([*places, *self.options]), self.path(f"m{container}")
        if self.kind == "plain":
            command("mount", "--bind", top, top)
        elif self.kind == "overlayfs":
            command("mount", "-t", "overlay", "overlay", "-o", joined, top)
        else:
            command(self.program, "-o", joined, top)
        self.mounted.add(container)

    def unmount(self, container: int) -> None:
        """Unmount one container's union."""
        if container in self.mounted:
            command("umount", self.path(f"m{container}"))
            self.mounted.discard(container)

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
            self.unmount(container)
            self.mount(container)
        else:
            top = self.path(f"m{container}")
            if "target" in request:
                request["target"] = os.path.join(top, request["target"])
            try:
                answer["value"] = CALLS[request["do"]](os.path.join(top, request["path"]), request)
            except OSError as error:
                answer["errno"] = _name(error)
        return answer | self.seen()

    def seen(self) -> Request:
        """What each container sees, and which layers are not as they were."""
        changed = []
        for top, before in zip(self.layers, self.before, strict=True):
            now = fingerprint(top)
            changed += [f"{os.path.basename(top)}/{name}" for name in sorted(now.keys() | before.keys())
                        if now.get(name) != before.get(name)]
        return {"changed": changed,
                "seen": [observe(self.path(f"m{c}"), self.names) for c in range(self.containers)]}


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def answer(worker: Worker, request: Request) -> Request:
    """Answer one request."""
    try:
        if request["do"] == "begin":
            worker.begin(request)
            return worker.seen()
        return worker.do(request)
    except Unusable as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"{error.strerror} ({_name(error)}){f' at {error.filename}' if error.filename else ''}"}


def main() -> None:
    """Serve requests until the input ends."""
    root, kind, program, *options = sys.argv[1:]
    os.umask(0)
    say = lambda reply: print(json.dumps(reply), flush=True)
    worker = None
    try:
        worker = Worker(root, kind, options, program)
        say({"ready": worker.version()})
        for line in sys.stdin:
            say(answer(worker, json.loads(line)))
    except Unusable as error:
        say({"error": str(error)})
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    finally:
        if worker is not None:
            for container in sorted(worker.mounted):
                subprocess.run(["umount", "-l", worker.path(f"m{container}")], check=False, capture_output=True)
            subprocess.run(["umount", "-l", root], check=False, capture_output=True)


if __name__ == "__main__":
    main()
