"""Ugly paths, symlinks and other users, in memory and by the kernel: the same errors and the same tree."""

import json
import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel import USERS, Kernel, Program, listing
from layermodel.union.memory import WHITEOUT, Directory, Fifo, File, NotSaid, Symlink, UnionFileSystem
from paths import CALLS, IMAGE, OWNED, PERMISSIONS, as_layer, directory, fifo, file, symlink

OPTIONS = {"overlayfs": ",index=off,redirect_dir=off,metacopy=off", "overlayfs-index": ",index=on,redirect_dir=off",
           "overlayfs-redirect": ",index=off,redirect_dir=on,metacopy=off",
           "overlayfs-index-redirect": ",index=on,redirect_dir=on"}
"""How overlayfs is mounted to speak a dialect."""


def protected(name):
    path = Path(f"/proc/sys/fs/protected_{name}")
    return path.exists() and path.read_text().strip() != "0"


PROTECTED = [name for name in ("hardlinks", "symlinks") if protected(name)]
STICKY = not (protected("fifos") or protected("regular"))
"""Whether files in sticky directories are opened by their modes alone."""


@pytest.fixture(scope="module")
def kernel():
    why = "needs root" if os.geteuid() != 0 else "" if shutil.which("unshare") else "needs unshare"
    if not why:
        with tempfile.TemporaryDirectory() as folder, closing(Kernel(folder)) as one:
            try:
                one.ask([{"": directory()}], OPTIONS["overlayfs"], [])
            except (AssertionError, OSError) as error:
                why = str(error)
            if not why:
                yield one
                return
    if os.environ.get("LAYERPROOF_REQUIRE_MOUNT"):
        pytest.fail(why)
    pytest.skip(why)


# Trees.


def as_written(upper):
    """An upper as it is built in a folder: times are those of the tree, or now."""
    result, first = {}, {}
    for path, one in sorted(upper.items()):
        if one is WHITEOUT:
            result[path] = {"kind": "whiteout"}
        elif one.inode in first:
            result[path] = {"kind": "link", "content": first[one.inode]}
        else:
            first[one.inode] = path
            rest = {"mode": one.mode, "owner": one.owner, "mtime": one.mtime,
                    "xattrs": {key: value.decode() for key, value in one.xattrs.items()}}
            kind = {Directory: "directory", File: "file", Symlink: "symlink", Fifo: "fifo"}[type(one)]
            result[path] = {"kind": kind, **rest}
            if kind in ("file", "symlink"):
                result[path]["content"] = one.content.decode()
            if kind == "directory":
                result[path] |= {"opaque": one.opaque, "redirect": one.redirect}
    return result


PLACES = ["a", "b", "s", "a/a", "a/b", "a/s", "b/a", "b/s", "a/a/a", "a/a/b"]
NAMES = st.sampled_from(["a", "b", "s", "a", "b", "s", ".", "..", ""])
UGLY = st.builds(lambda start, names, end: start + "/".join(names) + end, st.sampled_from(["", "", "/", "//", "./"]),
                 st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["", "", "", "/", "//", "/.", "/.."]))
LONG = st.sampled_from(["x" * 255, "x" * 256, "s/" + "x" * 256, "x" * 256 + "/a", "./" * 2047 + "a", "./" * 2048,
                        "a" + "/" * 4094, "b/../" * 800 + "a", "\u00e9" * 128])
PATHS = st.one_of(UGLY, UGLY, UGLY, LONG)
TARGETS = st.one_of(st.sampled_from(PLACES), UGLY.filter(bool), st.sampled_from(["nowhere", "/a", "../b/", "s", "a/s"]))
OWNERS = st.sampled_from([(0, 0), (1000, 1000), (1001, 1000), (1001, 1001)])
MODES = st.sampled_from([0o644, 0o666, 0o600, 0o000, 0o4755, 0o6755, 0o2664, 0o060, 0o006])
FOLDERS = st.sampled_from([0o755, 0o777, 0o777, 0o700, 0o711, 0o744, 0o2777, *([0o1777, 0o3777] if STICKY else [])])
XATTRS = st.sampled_from([{}, {}, {"user.x": "1"}, {"trusted.x": "2", "user.x": "3"}])


@st.composite
def layers(draw, beneath=None):
    """A layer; over another, with whiteouts of what that has and opaque directories."""
    layer = {"": directory(draw(FOLDERS), draw(OWNERS))}
    kinds = ["directory"] * 3 + ["file", "file", "symlink", "fifo", "link", "none"]
    for path in PLACES:
        parent = path.rpartition("/")[0]
        if layer.get(parent, {}).get("kind") != "directory":
            continue
        files = [p for p, one in layer.items() if one["kind"] in ("file", "symlink")]
        # A whiteout in a directory that is not merged is listed by the kernel, though nothing is there.
        hides = beneath is not None and path in beneath and not layer[parent].get("opaque")
        match draw(st.sampled_from([*kinds, *(["whiteout", "opaque", "none", "none"] if hides else [])])):
            case "directory":
                layer[path] = directory(draw(FOLDERS), draw(OWNERS), xattrs=draw(XATTRS))
            case "opaque":
                layer[path] = directory(draw(FOLDERS), draw(OWNERS), opaque=True)
            case "file":
                layer[path] = file(draw(st.sampled_from(["", "one", "other"])), draw(MODES), draw(OWNERS),
                                   xattrs=draw(XATTRS))
            case "symlink":
                layer[path] = symlink(draw(TARGETS), draw(OWNERS))
            case "fifo":
                layer[path] = fifo(draw(MODES), draw(OWNERS))
            case "link" if files:
                layer[path] = {"kind": "link", "content": draw(st.sampled_from(files))}
            case "whiteout":
                layer[path] = {"kind": "whiteout"}
    return layer


# Calls.

FLAGS = st.builds(lambda access, more: access | sum(more), st.sampled_from([os.O_RDONLY, os.O_WRONLY, os.O_RDWR]),
                  st.sampled_from([(), (), (os.O_TRUNC,), (os.O_APPEND,), (os.O_NOFOLLOW,), (os.O_DIRECTORY,),
                                   (os.O_CREAT,), (os.O_CREAT,), (os.O_CREAT, os.O_EXCL), (os.O_CREAT, os.O_TRUNC),
                                   (os.O_CREAT, os.O_NOFOLLOW), (os.O_NOFOLLOW, os.O_DIRECTORY),
                                   (os.O_CREAT, os.O_DIRECTORY), (os.O_EXCL, os.O_TRUNC)]))
SLOT = st.integers(0, 3)
KEYS = st.sampled_from(["user.x", "user.x", "user.y", "trusted.x", "security.x"])
UNKNOWN = st.one_of(KEYS, st.just("nonsense"))
"""Overlayfs copies up what it is asked to give such an attribute, which the number of links tells; then refuses."""
IDS = st.sampled_from([-1, 0, 1000, 1001])
FOLLOW = st.booleans()
USER = st.sampled_from([0, 0, 0, 1, 1, 2])
ON_OPEN = {"close": (SLOT,), "fstat": (SLOT,), "read": (SLOT, st.integers(0, 4)),
           "write": (SLOT, st.sampled_from(["", "x", "long"])), "ftruncate": (SLOT, st.integers(-1, 5)),
           "fchmod": (SLOT, MODES)}


def on_paths(paths, keys):
    """Calls on paths, by name: what their arguments are."""
    return {
        "open": (paths, FLAGS, st.sampled_from([0o666, 0o600, 0o7777])), "stat": (paths,), "lstat": (paths,),
        "listdir": (paths,), "readlink": (paths,), "truncate": (paths, st.integers(-1, 5)),
        "chmod": (paths, st.one_of(MODES, FOLDERS)), "chown": (paths, IDS, IDS), "lchown": (paths, IDS, IDS),
        "utime": (paths, st.sampled_from([None, 9, 10**15]), FOLLOW),
        "setxattr": (paths, keys, st.sampled_from(["", "v"])), "getxattr": (paths, keys),
        "removexattr": (paths, keys), "listxattr": (paths,),
        "mkdir": (paths, st.sampled_from([0o777, 0o1777, 0o700, 0o2755])),
        "mkfifo": (paths, st.sampled_from([0o666, 0o6777])),
        "symlink": (st.one_of(TARGETS, TARGETS, LONG, st.just("")), paths), "link": (paths, paths, FOLLOW),
        "unlink": (paths,), "rmdir": (paths,), "rename": (paths, paths)}


MOVED = ["n", "n/a", "n/b", "n/s", "a/n", "a/n/a", "m"]
WEIGHTS = {"move": 6, "open": 5, "rename": 4, "write": 3, "link": 2, "mkdir": 2, "unlink": 3, "rmdir": 3}


@st.composite
def programs(draw, layers, keys, size=12):
    """Calls on what there is in the layers, on what is not, and on other ways to either."""
    there = st.sampled_from(sorted({path for layer in layers for path in layer if path} or {"a"}))
    dressed = st.builds(lambda start, path, way, end: start + path.replace("/", way) + end,
                        st.sampled_from(["", "/", "./", "b/../", "a/../"]), there,
                        st.sampled_from(["/", "//", "/./", "/../"]), st.sampled_from(["", "", "/", "//", "/.", "/.."]))
    paths = st.one_of(there, there, there, dressed, st.sampled_from([*PLACES, *MOVED]), PATHS)
    names = {**on_paths(paths, keys), **ON_OPEN}
    choices = [name for name in [*names, "move"] for _ in range(WEIGHTS.get(name, 1))]
    folders = sorted({path for layer in layers for path, one in layer.items() if path and one["kind"] == "directory"})
    moves = st.tuples(st.sampled_from(["n", *folders]), st.sampled_from(["n", "m", *(f"{path}/n" for path in folders)]))
    return [[0, "rename", *draw(moves)] if name == "move" else
            [draw(USER), name, *(draw(argument) for argument in names[name])]
            for name in draw(st.lists(st.sampled_from(choices), min_size=size // 2, max_size=2 * size))]


@st.composite
def scenes(draw, dialects):
    """Layers, how they are mounted, and calls; without a dialect the one layer is a plain folder."""
    dialect = draw(st.sampled_from(dialects))
    stack = [draw(layers())]
    if dialect is not None and draw(st.booleans()):
        stack.append(draw(layers(stack[0])))
    return stack, dialect, draw(programs(stack, UNKNOWN if dialect is None else KEYS))


def in_memory(stack, dialect, calls):
    """The calls of which the model says anything, what comes of them, and what is there at the end.

    Without a dialect the one layer is an upper over nothing, as a plain folder is.
    """
    if dialect is None:
        upper = as_layer({**stack[0], "": {**stack[0][""], "opaque": True}})
        fs = UnionFileSystem([], upper=upper, owner=(0, 0), protected=PROTECTED)
    else:
        fs = UnionFileSystem([as_layer(one) for one in stack], dialect, owner=(0, 0), protected=PROTECTED)
    program = Program([fs.as_user(*user) for user in USERS])
    said, answers = [], []
    for call in calls:
        try:
            answers.append(program.do(call))
            said.append(call)
        except NotSaid:
            continue
    there = listing(fs)
    assert there == listing(fs.remounted())
    return said, *json.loads(json.dumps([answers, there, as_written(fs.upper())]))


def agree(kernel, stack, dialect, calls):
    said, answers, there, upper = in_memory(stack, dialect, calls)
    theirs, really = kernel.ask(stack, OPTIONS.get(dialect), said)
    for call, mine, other in zip(said, answers, theirs, strict=True):
        assert mine == other, (call, mine, other)
    assert there == really
    if dialect in ("overlayfs", "overlayfs-redirect"):  # an index is more than the upper
        assert there == kernel.ask(stack, OPTIONS[dialect], [], upper)[1]
    return {(call[1], answer) for call, answer in zip(said, answers, strict=True) if isinstance(answer, str)}, upper


def searched(test, examples):
    return settings(deadline=None, derandomize=True, database=None, max_examples=examples, report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck))(test)


REFUSALS = {"EACCES", "EBUSY", "EEXIST", "EINVAL", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENODATA", "ENOENT", "ENOTDIR",
            "ENOTEMPTY", "EPERM"}
"""What random calls are refused with; a few may not come up in a short run."""


@pytest.mark.parametrize(("dialects", "examples"), [
    ([None], 150), (sorted(OPTIONS), 150),
    pytest.param([None], 5_000, marks=pytest.mark.campaign),
    pytest.param(sorted(OPTIONS), 5_000, marks=pytest.mark.campaign)])
def test_the_kernel_does_the_same(kernel, dialects, examples):
    answered, redirected = set(), 0

    @given(scene=scenes(dialects))
    def same(scene):
        nonlocal redirected
        answers, upper = agree(kernel, *scene)
        answered.update(answers)
        redirected += any(one.get("redirect") for one in upper.values())

    searched(same, examples)()
    assert len(REFUSALS & {answer for _, answer in answered}) >= 10
    assert dialects == [None] or redirected >= 5


def chain(length):
    """A file, and as many symlinks that lead to it one after the other."""
    links = {f"l{n}": symlink(f"l{n + 1}" if n < length else "f") for n in range(1, length + 1)}
    return {"": directory(0o777), "f": file("end"), "d": directory(), "up": symlink("d/.."), **links}


@pytest.mark.parametrize("dialect", [None, "overlayfs"])
@pytest.mark.parametrize(("length", "answer"), [(40, None), (41, "ELOOP")])
def test_so_many_symlinks_are_followed(kernel, dialect, length, answer):
    ways = ["/".join(["up"] * length) + "/f", "l1"]
    calls = [[0, name, *arguments] for way in ways for name, arguments in [
        ("stat", [way]), ("open", [way, os.O_WRONLY, 0]), ("truncate", [way, 2]), ("chmod", [way, 0o600])]]
    answers, _ = agree(kernel, [chain(length)], dialect, calls)
    assert {name for _, name in answers} == ({answer} if answer else set())


def linked():
    """Hard links, one of them hidden by a layer above; directories of one layer and of two."""
    return [{"": directory(), "a": file("one"), "b": {"kind": "link", "content": "a"},
             "d": directory(), "d/c": {"kind": "link", "content": "a"}, "d/x": directory(), "p": directory(),
             "p/q": directory(), "f": file()},
            {"": directory(), "d": directory(), "d/c": {"kind": "whiteout"}}]


@pytest.mark.parametrize("dialect", sorted(OPTIONS))
def test_the_numbers_of_links_are_those_of_the_kernel(kernel, dialect):
    looks = [[0, "lstat", path] for path in ("/", "d", "p", "a", "b", "f")]
    calls = [*looks, [0, "chmod", "a", 0o600], *looks, [0, "link", "b", "g"], *looks, [0, "unlink", "a"], *looks,
             [0, "open", "f", os.O_RDONLY, 0], [0, "unlink", "f"], [0, "fstat", 0], [0, "mkdir", "p/r", 0o777],
             [0, "mkdir", "n", 0o777], [0, "mkdir", "n/n", 0o777], *looks, [0, "lstat", "n"]]
    agree(kernel, linked(), dialect, calls)


@pytest.mark.parametrize("dialect", [None, "overlayfs"])
def test_the_kernel_answers_as_is_said(kernel, dialect):
    for tree, table in ((IMAGE, CALLS), (OWNED, PERMISSIONS)):
        for user, call, _ in table:
            agree(kernel, [tree], dialect, [[user, *call]])
