"""Trees with symlinks and owners, and what calls make of ugly paths in them: data for both sides of a comparison."""

from __future__ import annotations

import os

from kernel import USERS
from layermodel.union.memory import WHITEOUT, Directory, Fifo, File, Symlink


def directory(mode=0o755, owner=(0, 0), **rest):
    return {"kind": "directory", "mode": mode, "owner": list(owner), "mtime": 5, "xattrs": {}, **rest}


def file(content="", mode=0o644, owner=(0, 0), **rest):
    return {"kind": "file", "content": content, "mode": mode, "owner": list(owner), "mtime": 6, "xattrs": {}, **rest}


def symlink(target, owner=(0, 0)):
    return {"kind": "symlink", "content": target, "mode": 0o777, "owner": list(owner), "mtime": 7, "xattrs": {}}


def fifo(mode=0o644, owner=(0, 0)):
    return {"kind": "fifo", "mode": mode, "owner": list(owner), "mtime": 8, "xattrs": {}}


def as_layer(layer):
    """A layer as the file system in memory takes it."""
    result = {}
    for path, one in sorted(layer.items(), key=lambda item: (item[1]["kind"] == "link", item[0])):
        rest = {} if one["kind"] in ("whiteout", "link") else {
            "mode": one["mode"], "owner": tuple(one["owner"]), "mtime": one["mtime"],
            "xattrs": {key: value.encode() for key, value in one["xattrs"].items()}}
        match one["kind"]:
            case "directory":
                result[path] = Directory(one.get("opaque", False), **rest)
            case "file":
                result[path] = File(one["content"].encode(), **rest)
            case "symlink":
                result[path] = Symlink(one["content"].encode(), **rest)
            case "fifo":
                result[path] = Fifo(**rest)
            case "whiteout":
                result[path] = WHITEOUT
            case "link":
                result[path] = result[one["content"]]
    return result


ROOT, ALICE, BOB, MEMBER, OTHER_MEMBER, SUPPLEMENTARY, OWNER = (USERS.index(user) for user in (
    (0, 0, []), (1, 1, []), (2, 2, []), (3, 9, []), (4, 9, []), (4, 4, [9]), (3, 3, [9])))

RDONLY, WRONLY, CREAT, EXCL = os.O_RDONLY, os.O_WRONLY, os.O_CREAT, os.O_EXCL

IMAGE = {
    "": directory(0o777), "d": directory(), "d/f": file("in"), "d/e": directory(), "f": file("out"), "p": fifo(),
    "to-d": symlink("d"), "to-f": symlink("f"), "to-to-d": symlink("./to-d/"), "absolute": symlink("/d/f"),
    "out": symlink("../../f"), "nowhere": symlink("d/new"), "slash": symlink("d/new/"), "file-slash": symlink("f/"),
    "loop": symlink("loop"), "one": symlink("other"), "other": symlink("one"), "d/up": symlink(".."),
    "root": symlink("/")}

CALLS = [
    # What does not follow a symlink, but for a slash after it.
    (ROOT, ["lstat", "to-d"], None), (ROOT, ["lstat", "to-d/"], None), (ROOT, ["lstat", "to-f/"], "ENOTDIR"),
    (ROOT, ["lstat", "loop"], None), (ROOT, ["lstat", "loop/"], "ELOOP"), (ROOT, ["readlink", "to-d"], "d"),
    (ROOT, ["readlink", "to-d/"], "EINVAL"), (ROOT, ["readlink", "to-f/"], "ENOTDIR"),
    (ROOT, ["readlink", "nowhere/"], "ENOENT"), (ROOT, ["open", "to-f", os.O_NOFOLLOW, 0o666], "ELOOP"),
    (ROOT, ["open", "to-d", os.O_NOFOLLOW | os.O_DIRECTORY, 0o666], "ENOTDIR"),
    (ROOT, ["open", "to-d/", os.O_NOFOLLOW | os.O_DIRECTORY, 0o666], None),
    # open: slashes ask for a directory, which O_CREAT does not make.
    (ROOT, ["open", "f/", RDONLY, 0o666], "ENOTDIR"), (ROOT, ["open", "f/", RDONLY | CREAT, 0o666], "EISDIR"),
    (ROOT, ["open", "n/", WRONLY | CREAT, 0o666], "EISDIR"),
    (ROOT, ["open", "d/", RDONLY | CREAT, 0o666], "EISDIR"),
    (ROOT, ["open", "d", RDONLY | CREAT, 0o666], "EISDIR"),
    (ROOT, ["open", ".", RDONLY | CREAT, 0o666], "EISDIR"),
    (ROOT, ["open", "..", CREAT | EXCL, 0o666], "EEXIST"), (ROOT, ["open", "/", CREAT | EXCL, 0o666], "EEXIST"),
    (ROOT, ["open", "d", CREAT | EXCL, 0o666], "EEXIST"),
    (ROOT, ["open", "nowhere", CREAT | EXCL, 0o666], "EEXIST"),
    (ROOT, ["open", "nowhere", WRONLY | CREAT | os.O_NOFOLLOW, 0o666], "ELOOP"),
    (ROOT, ["open", "slash", WRONLY | CREAT, 0o666], "EISDIR"), (ROOT, ["open", "d/", WRONLY, 0o666], "EISDIR"),
    (ROOT, ["open", "loop", WRONLY | CREAT, 0o666], "ELOOP"),
    (ROOT, ["open", "d", os.O_TRUNC, 0o666], "EISDIR"),
    (ROOT, ["open", "x" * 256, CREAT, 0o666], "ENAMETOOLONG"), (ROOT, ["open", "n/x", CREAT, 0o666], "ENOENT"),
    # Names to be made.
    (ROOT, ["mkdir", "n/"], None), (ROOT, ["mkdir", "n/."], "ENOENT"), (ROOT, ["mkdir", "d/."], "EEXIST"),
    (ROOT, ["mkdir", "/"], "EEXIST"), (ROOT, ["mkdir", "nowhere/"], "EEXIST"),
    (ROOT, ["mkdir", "to-d/n"], None), (ROOT, ["mknod", "n/"], "ENOENT"),
    (ROOT, ["mknod", "nowhere"], "EEXIST"), (ROOT, ["mkfifo", "n/"], "ENOENT"),
    (ROOT, ["mkfifo", "f/"], "EEXIST"), (ROOT, ["mkfifo", "d/.."], "EEXIST"),
    (ROOT, ["symlink", "f", "n/"], "ENOENT"), (ROOT, ["symlink", "f", "d/"], "EEXIST"),
    (ROOT, ["symlink", "", "n"], "ENOENT"), (ROOT, ["symlink", "x" * 4096, "n"], "ENAMETOOLONG"),
    (ROOT, ["symlink", "/x" * 2047, "n"], None), (ROOT, ["link", "f", "n/"], "ENOENT"),
    (ROOT, ["link", "f/", "n"], "ENOTDIR"), (ROOT, ["link", "f", "d/."], "EEXIST"),
    (ROOT, ["link", "d", "n"], "EPERM"), (ROOT, ["link", "nowhere", "n"], None),
    (ROOT, ["link", "nowhere", "n", True], "ENOENT"), (ROOT, ["link", "d/.", "n"], "EPERM"),
    (ROOT, ["link", "f", "to-d/f"], "EEXIST"),
    # Names to be taken away.
    (ROOT, ["unlink", "f/"], "ENOTDIR"), (ROOT, ["unlink", "d/"], "EISDIR"), (ROOT, ["unlink", "n/"], "ENOENT"),
    (ROOT, ["unlink", "to-d/"], "ENOTDIR"), (ROOT, ["unlink", "to-d"], None), (ROOT, ["unlink", "."], "EISDIR"),
    (ROOT, ["unlink", "d/.."], "EISDIR"), (ROOT, ["unlink", "/"], "EISDIR"), (ROOT, ["unlink", "loop"], None),
    (ROOT, ["rmdir", "d/e/"], None), (ROOT, ["rmdir", "d/e/."], "EINVAL"),
    (ROOT, ["rmdir", "d/.."], "ENOTEMPTY"), (ROOT, ["rmdir", "/"], "EBUSY"), (ROOT, ["rmdir", "//"], "EBUSY"),
    (ROOT, ["rmdir", "to-d/"], "ENOTDIR"), (ROOT, ["rmdir", "f/"], "ENOTDIR"),
    (ROOT, ["rmdir", "to-d/e"], None), (ROOT, ["rmdir", "n/"], "ENOENT"),
    # Renaming.
    (ROOT, ["rename", "f", "n/"], "ENOTDIR"), (ROOT, ["rename", "f/", "n"], "ENOTDIR"),
    (ROOT, ["rename", "d/e/", "d/n/"], "EXDEV"), (ROOT, ["rename", "f", "d/."], "EBUSY"),
    (ROOT, ["rename", "d/..", "n"], "EBUSY"), (ROOT, ["rename", "/", "n"], "EBUSY"),
    (ROOT, ["rename", "to-d/", "n"], "ENOTDIR"), (ROOT, ["rename", "to-d", "n"], None),
    (ROOT, ["rename", "n/", "m"], "ENOENT"), (ROOT, ["rename", "d", "to-d/e/x"], "EINVAL"),
    (ROOT, ["rename", "d/f", "to-d"], None), (ROOT, ["rename", "f", "d/up"], None),
    (ROOT, ["rename", "d/e", "to-d/up/d"], "ENOTEMPTY"), (ROOT, ["rename", "f", "x" * 256], "ENAMETOOLONG"),
    # Kinds.
    (ROOT, ["truncate", "p", 0], "EINVAL"), (ROOT, ["truncate", "d", 0], "EISDIR"),
    (ROOT, ["setxattr", "to-f", "user.x", ""], None), (ROOT, ["getxattr", "p", "user.x"], "ENODATA"),
    (ROOT, ["getxattr", "f", "other.x"], "ENOTSUP"),
]
"""Calls in IMAGE, and what they are answered: an error, or a value that is text."""

OWNED = {
    "": directory(0o777), "hers": directory(owner=(1, 1)), "hers/f": file("x", 0o640, (1, 1)),
    "hers/d": directory(owner=(1, 1)), "shut": directory(0o700, (1, 1)), "shut/f": file("", 0o666, (2, 2)),
    "unlisted": directory(0o711, (1, 1)), "unlisted/f": file("", 0o644, (1, 1)), "sticky": directory(0o1777),
    "sticky/hers": file("", 0o666, (1, 1)), "sticky/his": file("", 0o644, (2, 2)),
    "sticky/d": directory(0o777, (1, 1)), "group": directory(0o2775, (1, 9)), "theirs": file("", 0o060, (3, 9)),
    "program": file("x", 0o6777, (1, 1)),
    "readable": file("x", 0o644, (1, 1), xattrs={"user.x": "1", "trusted.x": "2"}), "link": symlink("shut/f", (2, 2)),
    "sticky/link": symlink("../readable", (1, 1))}

PERMISSIONS = [
    (BOB, ["stat", "shut/f"], "EACCES"), (BOB, ["stat", "shut/n"], "EACCES"),
    (BOB, ["stat", "shut/.."], "EACCES"), (BOB, ["stat", "link"], "EACCES"), (BOB, ["lstat", "link"], None),
    (BOB, ["listdir", "unlisted"], "EACCES"), (BOB, ["stat", "unlisted/f"], None),
    (BOB, ["listdir", "hers"], None), (ALICE, ["listdir", "shut"], None),
    (BOB, ["open", "hers/f", RDONLY, 0o666], "EACCES"), (BOB, ["open", "readable", RDONLY, 0o666], None),
    (BOB, ["open", "readable", WRONLY, 0o666], "EACCES"),
    (BOB, ["open", "readable", os.O_TRUNC, 0o666], "EACCES"), (BOB, ["open", "hers", WRONLY, 0o666], "EISDIR"),
    (BOB, ["truncate", "readable", 0], "EACCES"), (BOB, ["truncate", "hers", 0], "EISDIR"),
    (BOB, ["open", "hers/n", WRONLY | CREAT, 0o666], "EACCES"),
    (BOB, ["open", "hers/f", WRONLY | CREAT | EXCL, 0o666], "EEXIST"), (BOB, ["mkdir", "hers/n"], "EACCES"),
    (BOB, ["mkdir", "hers/f"], "EEXIST"), (BOB, ["mkfifo", "hers/n"], "EACCES"),
    (BOB, ["symlink", "f", "hers/n"], "EACCES"), (BOB, ["link", "readable", "hers/n"], "EACCES"),
    (BOB, ["link", "hers", "hers/n"], "EACCES"), (BOB, ["link", "readable", "n"], None),
    (BOB, ["unlink", "hers/f"], "EACCES"), (BOB, ["unlink", "hers/n"], "ENOENT"),
    (BOB, ["rmdir", "hers/f"], "EACCES"), (BOB, ["unlink", "sticky/hers"], "EPERM"),
    (BOB, ["unlink", "sticky/his"], None), (BOB, ["unlink", "sticky/d"], "EPERM"), (BOB, ["unlink", "hers/d"], "EACCES"),
    (ALICE, ["unlink", "hers/d"], "EISDIR"), (BOB, ["rmdir", "sticky/d"], "EPERM"),
    (ALICE, ["rmdir", "sticky/d"], None), (BOB, ["rename", "sticky/his", "sticky/hers"], "EPERM"),
    (BOB, ["rename", "sticky/his", "sticky/n"], None),
    (BOB, ["open", "sticky/link", WRONLY | CREAT | os.O_NOFOLLOW, 0o666], "EACCES"),
    (ROOT, ["open", "sticky/link", WRONLY | CREAT | os.O_NOFOLLOW, 0o666], "EACCES"),
    (ALICE, ["open", "sticky/link", WRONLY | CREAT | os.O_NOFOLLOW, 0o666], "ELOOP"), (BOB, ["rename", "hers/f", "hers/f"], None),
    (BOB, ["rename", "hers/f", "n"], "EACCES"), (BOB, ["rename", "sticky/his", "hers/n"], "EACCES"),
    (BOB, ["rename", "hers", "n"], "EXDEV"), (BOB, ["rename", "hers", "sticky/n"], "EACCES"),
    (BOB, ["rename", "hers", "sticky/his"], "ENOTDIR"), (BOB, ["chmod", "readable", 0o666], "EPERM"),
    (ALICE, ["chmod", "readable", 0o666], None), (ALICE, ["chown", "readable", 2, -1], "EPERM"),
    (ALICE, ["chown", "readable", -1, 9], "EPERM"), (ALICE, ["chown", "readable", 1, 1], None),
    (BOB, ["chown", "readable", -1, -1], None), (BOB, ["chown", "program", -1, -1], "EPERM"),
    (OWNER, ["chown", "theirs", -1, 9], None), (BOB, ["utime", "readable", None, True], "EACCES"),
    (BOB, ["utime", "readable", 1, True], "EPERM"), (BOB, ["utime", "program", None, True], None),
    (BOB, ["utime", "program", 1, True], "EPERM"), (MEMBER, ["open", "theirs", RDONLY, 0o666], "EACCES"),
    (OTHER_MEMBER, ["open", "theirs", os.O_RDWR, 0o666], None),
    (SUPPLEMENTARY, ["open", "theirs", os.O_RDWR, 0o666], None), (BOB, ["getxattr", "readable", "user.x"], "1"),
    (BOB, ["getxattr", "hers/f", "user.x"], "EACCES"), (BOB, ["getxattr", "readable", "trusted.x"], "ENODATA"),
    (BOB, ["listxattr", "readable"], None), (BOB, ["setxattr", "readable", "user.y", ""], "EACCES"),
    (ALICE, ["setxattr", "readable", "trusted.y", ""], "EPERM"),
    (BOB, ["removexattr", "readable", "user.n"], "EACCES"),
    (ALICE, ["removexattr", "readable", "user.n"], "ENODATA"),
    (BOB, ["setxattr", "sticky", "user.x", ""], "EPERM"), (ROOT, ["unlink", "sticky/hers"], None),
    (ROOT, ["open", "shut/f", os.O_RDWR, 0o666], None),
]
"""Calls in OWNED, by whom, and what they are answered."""
