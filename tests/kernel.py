"""The kernel as the other side of the file system in memory: one program of calls, made on either.

Run as a program it makes calls for whoever asks, in a mount namespace of its own, chrooted into a plain folder or into
an overlayfs on a tmpfs. Requests and replies are JSON, one to a line. It imports nothing of this project.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import stat
import subprocess
import sys

USERS = [(0, 0, []), (1000, 1000, []), (1001, 1001, [1000]), (1, 1, []), (2, 2, []), (3, 9, []), (4, 9, []),
         (4, 4, [9]), (3, 3, [9])]
"""Who makes calls: user, group, supplementary groups. Random calls are those of the first three."""

OLD = 10**18
"""Times before this one were set, later ones are when something was done; in nanoseconds."""

TYPES = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}


# Both sides.


class Program:
    """Makes calls on a side, which has the functions of os, and remembers what it opened."""

    def __init__(self, sides):
        self.sides, self.open = sides, []

    def do(self, call):
        """Make a call; return the name of the error, or what came of it."""
        user, name, *arguments = call
        try:
            return getattr(self, f"_{name}", self._plain)(self.sides[user], name, *arguments)
        except OSError as error:
            return errno.errorcode[error.errno]

    def _plain(self, side, name, *arguments):
        return getattr(side, name)(*arguments) or []

    def _stat(self, side, name, path):
        return status(side.stat(path))

    def _lstat(self, side, name, path):
        return status(side.lstat(path))

    def _listdir(self, side, name, path):
        return sorted(side.listdir(path))

    def _utime(self, side, name, path, when, follow):
        side.utime(path, **({} if when is None else {"ns": (when, when)}), follow_symlinks=follow)

    def _setxattr(self, side, name, path, key, value):
        side.setxattr(path, key, value.encode())

    def _getxattr(self, side, name, path, key):
        return side.getxattr(path, key).decode()

    def _listxattr(self, side, name, path):
        return sorted(side.listxattr(path))

    def _link(self, side, name, source, target, follow=False):
        side.link(source, target, follow_symlinks=follow)

    def _truncate(self, side, name, path, length):
        same = length >= 0 and self._size(path) == length
        side.truncate(path, length)
        if same:  # Linux sets no time, POSIX asks for none, and tmpfs does all the same
            self.sides[0].utime(path, ns=(5, 5))

    def _size(self, path):
        try:
            return self.sides[0].stat(path).st_size
        except OSError:
            return None

    def _open(self, side, name, path, flags, mode):
        self.open.append(side.open(path, flags | os.O_NONBLOCK, mode))

    # What is open, by the number of the call that opened it; calls are left out while nothing is.

    def _on_open(self, slot):
        return self.open[slot % len(self.open)] if self.open else None

    def _close(self, side, name, slot):
        if self.open:
            side.close(self.open.pop(slot % len(self.open)))

    def _fstat(self, side, name, slot):
        fd = self._on_open(slot)
        return None if fd is None else status(side.fstat(fd))

    def _read(self, side, name, slot, count):
        fd = self._on_open(slot)
        return None if fd is None else side.read(fd, count).decode()

    def _write(self, side, name, slot, text):
        fd = self._on_open(slot)
        return None if fd is None else side.write(fd, text.encode())

    def _ftruncate(self, side, name, slot, length):
        fd = self._on_open(slot)
        return None if fd is None else side.ftruncate(fd, length)

    def _fchmod(self, side, name, slot, mode):
        fd = self._on_open(slot)
        return None if fd is None else side.fchmod(fd, mode)


def status(one):
    """What of a status is the same on both sides."""
    kind = TYPES[stat.S_IFMT(one.st_mode)]
    mode = 0o777 if kind == "symlink" else stat.S_IMODE(one.st_mode)
    size = None if kind == "directory" else one.st_size
    return [kind, mode, one.st_uid, one.st_gid, one.st_nlink, size, one.st_mtime_ns if one.st_mtime_ns < OLD else "now"]


def listing(side):
    """Everything there is, and which names are of one inode."""
    result, first, todo = {}, {}, [""]
    while todo:
        path = todo.pop()
        info = side.lstat(f"/{path}")
        one = status(info)
        content = None
        if one[0] == "file":
            fd = side.open(f"/{path}", os.O_RDONLY)
            content = side.read(fd, 1 << 16).decode()
            side.close(fd)
        elif one[0] == "symlink":
            content = side.readlink(f"/{path}")
        keys = side.listxattr(f"/{path}", follow_symlinks=False)
        result[path] = [*one, content, {key: side.getxattr(f"/{path}", key, follow_symlinks=False).decode()
                                        for key in sorted(keys)}]
        first.setdefault(info.st_ino, []).append(path)
        if one[0] == "directory":
            todo += [f"{path}/{name}".lstrip("/") for name in sorted(side.listdir(f"/{path}"))]
    return {path: result[path] for path in sorted(result)}, sorted(names for names in map(sorted, first.values())
                                                                   if len(names) > 1)


# The side that asks.


class Kernel:
    """A worker, asked to make programs of calls."""

    def __init__(self, folder):
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, __file__, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, layers, options, calls, upper=None):
        """What comes of the calls, and what is there at the end.

        Args:
            options: mount options of overlayfs, or None for a plain folder that holds the one layer.
            upper: what the upper holds at first; a root like the top layer's if not given.
        """
        request = {"layers": layers, "options": options, "calls": calls, "upper": upper or {"": layers[-1][""]}}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"unusable": "there is no answer"}')
        assert "unusable" not in answer, answer
        return answer["answers"], answer["there"]

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


# The worker.


class User:
    """The functions of os, as a user."""

    def __init__(self, user):
        self._user = user

    def __getattr__(self, name):
        call = getattr(os, name)

        def made(*arguments, **named):
            uid, gid, groups = self._user
            os.setgroups(groups)
            os.setegid(gid)
            os.seteuid(uid)
            try:
                return call(*arguments, **named)
            finally:
                os.seteuid(0)
                os.setegid(0)
                os.setgroups([])
        return made

    def link(self, source, target, follow_symlinks):
        """With a folder's descriptor, so that Python asks the kernel to follow at all."""
        root = os.open("/", os.O_RDONLY)
        try:
            self.__getattr__("link")(source, target, src_dir_fd=root, follow_symlinks=follow_symlinks)
        finally:
            os.close(root)


def mount(source, target, kind, options=""):
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(source.encode(), target.encode(), kind.encode(), 0, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"mount {kind} {options}")


def unmount(target):
    if ctypes.CDLL(None, use_errno=True).umount2(target.encode(), 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), f"unmount {target}")


def build(top, layer):
    """Make a layer in a folder. Attributes come last, and those of directories after what is in them."""
    for path in sorted(layer, key=lambda path: (layer[path]["kind"] == "link", path)):
        one, whole = layer[path], f"{top}/{path}"
        match one["kind"]:
            case "directory":
                os.makedirs(whole, exist_ok=True)
            case "file":
                with open(whole, "w") as file:
                    file.write(one["content"])
            case "symlink":
                os.symlink(one["content"], whole)
            case "fifo":
                os.mkfifo(whole)
            case "whiteout":
                os.mknod(whole, stat.S_IFCHR, 0)
            case "link":
                os.link(f"{top}/{one['content']}", whole, follow_symlinks=False)
    for path in sorted(layer, reverse=True):
        if layer[path]["kind"] not in ("whiteout", "link"):
            dress(f"{top}/{path}", layer[path])


def dress(path, one):
    os.lchown(path, *one["owner"])
    if one["kind"] != "symlink":
        os.chmod(path, one["mode"])
    for key, value in one["xattrs"].items():
        os.setxattr(path, key, value.encode(), follow_symlinks=False)
    if one.get("opaque"):
        os.setxattr(path, "trusted.overlay.opaque", b"y")
    if one.get("redirect"):
        os.setxattr(path, "trusted.overlay.redirect", f"/{one['redirect']}".encode())
    os.utime(path, ns=(one["mtime"], one["mtime"]), follow_symlinks=False)


def answered(top, request):
    """Make the layers, mount them, and make the calls inside."""
    layers, options = request["layers"], request["options"]
    folder = f"{top}/{len(os.listdir(top))}"
    merged = f"{folder}/merged"
    for name in ("upper", "work", "merged"):
        os.makedirs(f"{folder}/{name}")
    if options is None:
        build(merged, layers[0])
    else:
        for number, layer in enumerate(layers):
            os.mkdir(f"{folder}/{number}")
            build(f"{folder}/{number}", layer)
        build(f"{folder}/upper", request["upper"])
        lower = ":".join(f"{folder}/{number}" for number in reversed(range(len(layers))))
        union = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work{options}"
    program = Program([User(user) for user in USERS])
    with mounted(merged, None if options is None else union):
        answers = [program.do(call) for call in request["calls"]]
        for fd in program.open:
            os.close(fd)
        there = listing(os)
    with mounted(merged, None if options is None else union):
        assert there == listing(os), "what is there is another after mounting it again"
    shutil.rmtree(folder)
    return {"answers": answers, "there": there}


@contextlib.contextmanager
def mounted(folder, union):
    """Be in a folder as if it were all there is, with a union mounted there if one is given."""
    root = os.open("/", os.O_RDONLY)
    if union is not None:
        mount("overlay", folder, "overlay", union)
    os.chroot(folder)
    os.chdir("/")
    try:
        yield
    finally:
        os.fchdir(root)
        os.chroot(".")
        os.close(root)
        if union is not None:
            unmount(folder)


def main(top):
    os.umask(0o022)
    mount("tmpfs", top, "tmpfs")
    for line in sys.stdin:
        try:
            answer = answered(top, json.loads(line))
        except Exception as error:
            answer = {"unusable": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1])
