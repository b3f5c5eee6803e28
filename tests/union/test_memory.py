"""The union machine as a file system in memory, against a folder and against the machine run on the whole tree."""

import errno
import os
import stat
import tempfile
from functools import cache
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from layermodel.language.ground import GroundMachine
from layermodel.union.memory import WHITEOUT, Directory, Fifo, File, NotSaid, Symlink, UnionFileSystem
from layermodel.union.reference import Scene, UnionReference, Views
from layermodel.union.rules import UNION
from layermodel.union.trees import CONTENTS, DIRECTORY, SYMLINK
from layermodel.union.windows import SIZES
from layermodel.union.words import DIALECTS
from layerproof.machines.union.stacks import random_stack
from layerproof.machines.union.values import KEYS, MODES, OWNERS, TIMES, VALUES

# Examples.


def refused(call, *arguments, **named):
    """The name of the error of a call, and the files that it names."""
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        call(*arguments, **named)
    files = tuple(f for f in (caught.value.filename, caught.value.filename2) if f is not None)
    return (errno.errorcode[caught.value.errno], *files)


def put(fs, path, content):
    fd = fs.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    fs.write(fd, content)
    fs.close(fd)


def get(fs, path):
    fd = fs.open(path, os.O_RDONLY)
    content = fs.read(fd, 1 << 20)
    fs.close(fd)
    return content


def tree(fs, path=""):
    """Everything below a path: for each name what a person would look at."""
    result = {}
    for name in fs.listdir(f"/{path}"):
        child = f"{path}/{name}".lstrip("/")
        one = fs.lstat(child)
        kind = stat.S_IFMT(one.st_mode)
        content = get(fs, child) if kind == stat.S_IFREG else (
            fs.readlink(child) if kind == stat.S_IFLNK else None)
        attributes = {k: fs.getxattr(child, k, follow_symlinks=False)
                      for k in fs.listxattr(child, follow_symlinks=False)}
        result[child] = (one.st_mode, one.st_uid, one.st_gid, one.st_mtime_ns, content, attributes)
        if kind == stat.S_IFDIR:
            result |= tree(fs, child)
    return result


def image():
    return [{"d": Directory(), "d/f": File(b"below", mode=0o600, owner=(5, 6), mtime=7, xattrs={"user.x": b"1"}),
             "s": Symlink(b"d"), "p": Fifo(), "e": Directory(), "e/old": File(b"old")},
            {"d": Directory(mode=0o700, mtime=9), "d/g": File(b"above"), "e": Directory(opaque=True)}]


def test_layers_are_merged_top_first():
    fs = UnionFileSystem(image())
    assert ["d", "e", "p", "s"] == fs.listdir("/")
    assert ["f", "g"] == fs.listdir("d")
    assert [] == fs.listdir("e")
    assert 0o700 == stat.S_IMODE(fs.stat("d").st_mode)
    assert stat.S_ISFIFO(fs.lstat("p").st_mode)
    assert "d" == fs.readlink("s")


def test_copy_up_keeps_what_is_there_and_leaves_the_layers_untouched():
    layers = image()
    fs = UnionFileSystem(layers)
    number = fs.lstat("d/f").st_ino
    fs.chmod("d/f", 0o640)
    upper = fs.upper()
    assert {"", "d", "d/f"} == set(upper)
    assert (b"below", 0o640, (5, 6), 7, {"user.x": b"1"}) == (
        upper["d/f"].content, upper["d/f"].mode, upper["d/f"].owner, upper["d/f"].mtime, upper["d/f"].xattrs)
    assert (0o700, 9) == (upper["d"].mode, upper["d"].mtime)
    assert number == fs.lstat("d/f").st_ino
    put(fs, "d/f", b"changed")
    fs.removexattr("d/f", "user.x")
    assert (b"below", {"user.x": b"1"}) == (layers[0]["d/f"].content, layers[0]["d/f"].xattrs)
    assert b"below" == get(UnionFileSystem(layers), "d/f")


def test_what_goes_leaves_a_whiteout_and_a_new_directory_over_it_is_opaque():
    fs = UnionFileSystem(image())
    fs.unlink("d/f")
    fs.unlink("d/g")
    assert {"", "d", "d/f", "d/g"} == set(fs.upper())
    fs.rmdir("d")
    assert WHITEOUT is fs.upper()["d"]
    assert ("ENOENT", "d") == refused(fs.lstat, "d")
    fs.mkdir("d")
    assert fs.upper()["d"].opaque
    assert [] == fs.listdir("d")


def test_every_new_directory_is_opaque_in_fuse_overlayfs_and_where_directories_are_redirected():
    marks = {}
    for dialect in DIALECTS:
        fs = UnionFileSystem([], dialect)
        fs.mkdir("a")
        marks[dialect] = fs.upper()["a"].opaque
    assert {"overlayfs": False, "overlayfs-index": False, "overlayfs-redirect": True,
            "overlayfs-index-redirect": True, "fuse-overlayfs": True} == marks


def test_errors_have_their_numbers_and_names():
    fs = UnionFileSystem(image())
    assert ("EXDEV", "d", "n") == refused(fs.rename, "d", "n")
    assert ("EEXIST", "d") == refused(fs.mkdir, "d")
    assert ("EEXIST", "d/f", "d/g") == refused(fs.link, "d/f", "d/g")
    assert ("EPERM", "d", "n") == refused(fs.link, "d", "n")
    assert ("ENOTEMPTY", "/d") == refused(fs.rmdir, "/d")
    assert ("EBUSY", "/") == refused(fs.rmdir, "/")
    assert ("ENOTDIR", "d/f/x") == refused(fs.stat, "d/f/x")
    assert ("ENODATA", "d/g") == refused(fs.getxattr, "d/g", "user.x")
    assert ("ELOOP", "s") == refused(fs.open, "s", os.O_RDONLY | os.O_NOFOLLOW)
    assert ("ENXIO", "p") == refused(fs.open, "p", os.O_WRONLY)
    assert ("EISDIR", "d") == refused(fs.open, "d", os.O_RDONLY | os.O_CREAT)
    assert ("EBADF",) == refused(fs.fstat, 77)
    assert [""] == list(fs.upper())


@pytest.mark.parametrize("call", [
    lambda fs: fs.open("p", os.O_RDONLY), lambda fs: fs.open("p", os.O_RDWR),
    lambda fs: fs.setxattr("d", "user.x", b"", os.XATTR_CREATE)])
def test_what_the_model_does_not_say_is_not_made_up(call):
    with pytest.raises(NotSaid):
        call(UnionFileSystem(image()))


def linked():
    one = File(b"one")
    return [{"a": one, "b": one, "c": File(b"one")}]


def test_copy_up_breaks_hard_links_without_an_index():
    fs = UnionFileSystem(linked())
    assert fs.lstat("a").st_ino == fs.lstat("b").st_ino != fs.lstat("c").st_ino
    reader = fs.open("a", os.O_RDONLY)
    put(fs, "a", b"two")
    assert (b"two", b"one") == (get(fs, "a"), get(fs, "b"))
    assert fs.lstat("a").st_ino != fs.lstat("b").st_ino
    assert b"two" == fs.read(reader, 9)
    assert (1, 2) == (fs.lstat("a").st_nlink, fs.lstat("b").st_nlink)


def test_an_index_keeps_hard_links():
    fs = UnionFileSystem(linked(), "overlayfs-index")
    put(fs, "a", b"two")
    assert (b"two", b"two", 2) == (get(fs, "a"), get(fs, "b"), fs.lstat("b").st_nlink)
    fs.unlink("a")
    assert (b"two", 1) == (get(fs, "b"), fs.lstat("b").st_nlink)


def test_a_descriptor_stays_with_its_file():
    fs = UnionFileSystem(image())
    reader, writer = fs.open("d/f", os.O_RDONLY), fs.open("d/f", os.O_RDWR | os.O_APPEND)
    assert 4 == fs.write(writer, b" top")
    assert b"below top" == fs.read(reader, 100)
    fs.rename("d/f", "f")
    fs.ftruncate(writer, 2)
    assert b"be" == get(fs, "f")
    fs.fchmod(reader, 0o604)
    assert 0o604 == stat.S_IMODE(fs.stat("f").st_mode)
    fs.unlink("f")
    fs.write(writer, b"!")
    assert (0, 0) == (fs.lseek(reader, 0, os.SEEK_SET), fs.fstat(reader).st_nlink)
    assert b"be!" == fs.read(reader, 100)
    fs.close(writer)
    assert ("EBADF",) == refused(fs.close, writer)
    assert ("EBADF",) == refused(fs.write, reader, b"x")
    assert b"f" not in get(fs, "d/g")


def test_a_descriptor_opened_for_reading_only_does_not_copy_up():
    fs = UnionFileSystem(image())
    get(fs, "d/f")
    assert [""] == list(fs.upper())
    fs.close(fs.open("d/f", os.O_WRONLY))
    assert "d/f" in fs.upper()


def test_a_renamed_directory_takes_all_along_however_much_it_is():
    fs = UnionFileSystem([])
    fs.mkdir("a")
    fs.mkdir("a/b")
    for n in range(6):
        put(fs, f"a/b/{n}", b"%d" % n)
    fs.rename("a", "z")
    assert [str(n) for n in range(6)] == fs.listdir("z/b")
    assert ("EINVAL", "z", "z/b/y") == refused(fs.rename, "z", "z/b/y")
    assert b"3" == get(fs, "z/b/3")
    assert ("EBUSY", "/", "z/y") == refused(fs.rename, "/", "z/y")
    below = UnionFileSystem([{name: Directory() for name in ("a", "a/b", "a/b/b", "a/b/b/b")}])
    assert ("EINVAL", "a", "a/c") == refused(below.rename, "a", "a/c")
    assert "ENOTEMPTY" == refused(below.rename, "a/b/b", "a/b")[0]


def test_a_window_has_an_end():
    many = SIZES[-1] + 1
    fs = UnionFileSystem([{"d": Directory(), **{f"d/{n}": File() for n in range(many)}}])
    assert many == len(fs.listdir("d"))
    assert ("ENOTEMPTY", "d") == refused(fs.rmdir, "d")  # one name is enough for that
    for n in range(many):
        fs.unlink(f"d/{n}")
    with pytest.raises(NotSaid, match=str(SIZES[-1])):
        fs.rmdir("d")


@pytest.mark.parametrize("layer", [
    {"a/b": File()}, {"": File()}, {"a//b": File()}, {"/a": File()}, {"a": File(), "a/b": File()},
    dict.fromkeys(("a", "b"), Directory())])
def test_a_layer_is_a_tree(layer):
    with pytest.raises(ValueError, match=r"root|director"):
        UnionFileSystem([layer])


def test_there_are_only_the_dialects_that_there_are():
    with pytest.raises(ValueError, match="overlayfs-index"):
        UnionFileSystem([], "aufs")


# The whole tree: the same operations by the reference, which sees all paths at once.

NOW = TIMES[-1] + 10**9
SCENE = Scene(containers=1)


@cache
def whole():
    return GroundMachine(UNION, SCENE.sizes)


def as_layers(stack):
    """A stack of the reference as layers of the object."""
    names = SCENE.paths.names
    for layer in stack:
        made = [present(node, any(n == i and p in layer.opaque for p, n in layer.entries.items()))
                for i, node in enumerate(layer.nodes)]
        yield {**{names[p]: made[n] for p, n in layer.entries.items()},
               **{names[p]: WHITEOUT for p in layer.whiteouts}}


def present(node, opaque):
    rest = {"mode": MODES[node.mode], "owner": OWNERS[node.owner], "mtime": TIMES[node.mtime],
            "xattrs": {k: VALUES[v] for k, v in zip(KEYS, node.xattr, strict=True) if VALUES[v] is not None}}
    content = CONTENTS[node.content]
    return (lambda: Directory(opaque, **rest), lambda: File(content, **rest), lambda: Symlink(content, **rest),
            lambda: Fifo(**rest))[node.kind]()


def do(fs, name, named):
    """Make the calls that an operation of the machine stands for."""
    names = SCENE.paths.names
    path, target = f"/{names[named['path']]}", f"/{names[named.get('target', 0)]}"
    mode, content = MODES[named.get("mode", 0)], CONTENTS[named.get("content", 0)]
    key = KEYS[named.get("key", 0)]

    def written(flags, *changes):
        fd = fs.open(path, flags | os.O_NOFOLLOW)
        for change in changes:
            change(fd)
        fs.close(fd)

    calls = {
        "stat": lambda: fs.lstat(path), "read": lambda: written(os.O_RDONLY, lambda fd: fs.read(fd, 9)),
        "list": lambda: fs.listdir(path), "readlink": lambda: fs.readlink(path),
        "open-for-writing": lambda: written(os.O_WRONLY),
        "write": lambda: written(os.O_WRONLY | os.O_TRUNC, lambda fd: fs.write(fd, content)),
        "append": lambda: written(
            os.O_WRONLY | os.O_APPEND, lambda fd: fs.write(fd, content[fs.fstat(fd).st_size:])),
        "truncate": lambda: written(os.O_WRONLY, lambda fd: fs.ftruncate(fd, len(content))),
        "chmod": lambda: fs.chmod(path, mode), "chown": lambda: fs.lchown(path, *OWNERS[named["owner"]]),
        "utimes": lambda: fs.utime(path, ns=(0, TIMES[named["time"]]), follow_symlinks=False),
        "setxattr": lambda: fs.setxattr(path, key, VALUES[named["value"]], follow_symlinks=False),
        "removexattr": lambda: fs.removexattr(path, key, follow_symlinks=False),
        "create": lambda: fs.close(fs.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)),
        "mkdir": lambda: fs.mkdir(path, mode), "symlink": lambda: fs.symlink(content, path),
        "mkfifo": lambda: fs.mkfifo(path, mode), "link": lambda: fs.link(path, target),
        "unlink": lambda: fs.unlink(path), "rmdir": lambda: fs.rmdir(path),
        "rename-to-itself": lambda: fs.rename(path, target), "rename": lambda: fs.rename(path, target),
        "rename-directory": lambda: fs.rename(path, target)}
    calls[name]()


def attempt(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


def as_seen(fs):
    """What the object shows and how its upper holds it, with inodes told by the first name of each."""
    first, shown = {}, {}
    for path, one in sorted({"": None, **tree(fs)}.items()):
        shown[path] = one, first.setdefault(fs.lstat(f"/{path}").st_ino, path)
    upper = fs.upper()
    return (shown, {p for p, one in upper.items() if one is not WHITEOUT},
            {p for p, one in upper.items() if one is WHITEOUT},
            {p for p, one in upper.items() if isinstance(one, Directory) and one.opaque},
            {p: one.redirect for p, one in upper.items() if isinstance(one, Directory) and one.redirect is not None})


FORMATS = (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO)


def as_expected(reference):
    first, shown = {}, {}
    names, layout = SCENE.paths.names, reference.ground.layout
    for path, one in sorted(reference.view(0).items(), key=lambda item: names[item[0]]):
        content = {1: CONTENTS[one.content], SYMLINK: CONTENTS[one.content].decode()}.get(one.kind)
        mode = FORMATS[one.kind] | MODES[one.mode]
        owner, mtime = OWNERS[one.owner], TIMES[one.mtime] if one.mtime else NOW
        xattrs = {k: VALUES[v] for k, v in zip(KEYS, one.xattr, strict=True) if VALUES[v] is not None}
        number = first.setdefault(one.inode, names[path])
        shown[names[path]] = ((mode, *owner, mtime, content, xattrs) if path else None), number
    marks = [{names[p] for p in range(len(names)) if reference.state[layout.index(mark, 0, p)]}
             for mark in ("has_upper", "whiteout", "opaque")]
    redirects = {names[p]: names[reference.state[layout.index("redirect", 0, p)]] for p in range(len(names))
                 if reference.state[layout.index("redirected", 0, p)]}
    return (shown, *marks, redirects)


RULES = [r for r in UNION.rules if r.name != "remount"]
WEIGHTS = [5 if r.name in ("unlink", "rmdir", "mkdir", "create", "rename-directory", "rename", "link") else 1
           for r in RULES]


def draw(random, reference, one):
    """Arguments of a rule: as they come, or the first of some that would not be refused."""
    found, there = None, [path for path, seen in reference.view(0).items() if path and seen.kind == DIRECTORY]
    for _ in range(random.choice((1, 1, 20, 60))):
        drawn = {p.name: random.randrange(SCENE.sizes[p.sort.name])
                 for p in one.parameters if p.role == "named"} | {"container": 0}
        if one.name == "rename-directory" and there and random.random() < 0.7:
            drawn["path"] = random.choice(there)
        arguments = reference.complete(one, drawn)
        if arguments is not None:
            found = drawn, arguments
            if reference.would(one.name, arguments).refusal is None:
                break
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_window_is_as_good_as_the_whole_tree(dialect):
    done, redirected = set(), 0
    for seed in range(16):
        random = Random(seed)
        stack = random_stack(random, SCENE, Views.of(whole(), SCENE).merger)
        reference = UnionReference(whole(), DIALECTS[dialect], SCENE, stack)
        fs = UnionFileSystem(list(as_layers(stack)), dialect, owner=OWNERS[0], clock=lambda: NOW)
        fs.umask = 0
        assert as_expected(reference) == as_seen(fs)
        for _ in range(45):
            one = random.choices(RULES, WEIGHTS)[0]
            found = draw(random, reference, one)
            if found is None:
                continue
            drawn, arguments = found
            refusal = reference.run(one.name, arguments).refusal
            assert refusal == attempt(do, fs, one.name, drawn), (seed, one.name, drawn)
            done.add((one.name, refusal))
            assert without_modes_of_links(as_expected(reference)) == without_modes_of_links(as_seen(fs)), (
                seed, one.name, drawn)
            redirected += any(isinstance(one, Directory) and bool(one.redirect) for one in fs.upper().values())
    assert {r.name for r in RULES} == {name for name, refusal in done if refusal is None}
    redirects = DIALECTS[dialect]["redirect_dir"]
    assert {"ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR", "EISDIR"} <= {refusal for _, refusal in done}
    assert redirects != ("EXDEV" in {refusal for _, refusal in done})
    assert (redirected > 50) if redirects else redirected == 0


def without_modes_of_links(seen):
    """What is seen, but for the modes of symlinks, which are of no account and differ."""
    shown, *marks = seen
    return ({path: ((stat.S_IFLNK, *one[1:]) if one and stat.S_ISLNK(one[0]) else one, first)
             for path, (one, first) in shown.items()}, *marks)


def changed_at_random(seed, dialect):
    """Layers, and a file system over them in which a few operations were done."""
    random = Random(seed)
    one = File(CONTENTS[1])
    stack = [*as_layers(random_stack(random, SCENE, Views.of(whole(), SCENE).merger)),
             {"a": Directory(), "a/a": Directory(), "a/a/a": one, "a/b": Directory(), "b": Directory(), "b/a": one,
              "b/b": Directory(), "c": one}]
    fs = UnionFileSystem(stack, dialect, owner=OWNERS[0], clock=lambda: NOW)
    for _ in range(60):
        one = UNION.rule_by_name["rename-directory"] if random.random() < 0.2 else random.choices(RULES, WEIGHTS)[0]
        named = {p.name: random.randrange(SCENE.sizes[p.sort.name]) for p in one.parameters if p.role == "named"}
        there = "path" in named and random.random() < 0.7 and [
            SCENE.paths.number[path] for path in tree(fs) if path in SCENE.paths.number]
        if there:
            named["path"] = random.choice(there)
        if named.get("value") != 0:  # which stands for no attribute
            try:
                attempt(do, fs, one.name, named)
            except NotSaid:
                continue
    return stack, fs


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_upper_holds_shows_the_same_when_it_is_mounted_again(dialect):
    redirects, kept = 0, 0
    for seed in range(5):
        stack, fs = changed_at_random(seed, dialect)
        again = fs.remounted()
        assert as_seen(fs) == as_seen(again)
        assert [(p, fs.lstat(p).st_ino, fs.lstat(p).st_nlink) for p in tree(fs)] == [
            (p, again.lstat(p).st_ino, again.lstat(p).st_nlink) for p in tree(fs)]
        assert tree(fs) == tree(UnionFileSystem(stack, dialect, upper=fs.upper(), index=fs.index()))
        if not DIALECTS[dialect]["index"]:  # which no layer has
            assert tree(fs) == tree(UnionFileSystem([*stack, fs.upper()], dialect))
        redirects += any(isinstance(one, Directory) and one.redirect is not None for one in fs.upper().values())
        kept += bool(fs.index())
    assert DIALECTS[dialect]["index"] or kept == 0
    assert (redirects > 2) if DIALECTS[dialect]["redirect_dir"] else redirects == 0


# The control: an empty layer is a plain folder.

NAMES = ["a", "b", "c", "a/a", "a/b", "b/a", "a/a/a", "a/a/b"]
THERE = st.tuples(st.sampled_from(["there", "there", "there", "any"]), st.integers(0, 50))
FREE = st.tuples(st.sampled_from(["free", "free", "free", "any"]), st.integers(0, 50))
ANY = st.tuples(st.sampled_from(["there", "free"]), st.integers(0, 50))
NOWHERE = "nowhere/at/all"
OPEN_FLAGS = st.builds(
    lambda access, more: access | sum(more) | os.O_NOFOLLOW, st.sampled_from([os.O_RDONLY, os.O_WRONLY, os.O_RDWR]),
    st.sets(st.sampled_from([os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND])))
MODE = st.sampled_from([0o777, 0o755, 0o700])


class Folder:
    """A folder, by the same calls; paths are from its root."""

    def __init__(self, root):
        self._root = root

    def __getattr__(self, name):
        call = getattr(os, name)
        paths = {"link": 2, "rename": 2, "symlink": 0}.get(name, 1)

        def there(*arguments, **named):
            if name == "symlink":
                return os.symlink(arguments[0], f"{self._root}/{arguments[1]}")
            moved = [f"{self._root}/{one}" if n < paths and isinstance(one, str) else one
                     for n, one in enumerate(arguments)]
            return call(*moved, **named)
        return there


def has_user_attributes(root):
    try:
        os.setxattr(root, "user.probe", b"")
    except OSError:
        return False
    os.removexattr(root, "user.probe")
    return True


class Control(RuleBasedStateMachine):
    """Random calls on both."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        root = self.folder.name
        self.mask = os.umask(0o022)
        self.sides = UnionFileSystem([{}]), Folder(root)
        self.attributes = has_user_attributes(root)
        self.open = []
        for path in ("a", "a/a", "b"):
            self.same("mkdir", path)

    def teardown(self):
        if hasattr(self, "folder"):
            for _, fd in self.open:
                os.close(fd)
            os.umask(self.mask)
            self.folder.cleanup()

    def path(self, where):
        """A path at which something is, one at which something can be made, or any."""
        kinds = {name: self.kind(name) for name in NAMES}
        there = [name for name in NAMES if kinds[name] is not None]
        free = [name for name in NAMES if kinds[name] is None
                and ("/" not in name or kinds[name.rpartition("/")[0]] == stat.S_IFDIR)]
        choices = {"there": there, "free": free, "any": NAMES}[where[0]] or NAMES
        return choices[where[1] % len(choices)]

    def both(self, name, *arguments, **named):
        """Make a call on both sides; return both answers if it is done."""
        results, errors = [], []
        for side in self.sides:
            try:
                results.append(getattr(side, name)(*arguments, **named))
            except OSError as error:
                errors.append(error.errno)
        assert len(results) != 1, (name, arguments, results, errors)
        if errors:
            assert errors[0] == errors[1], (name, arguments, [errno.errorcode[e] for e in errors])
        return results

    def same(self, name, *arguments, **named):
        answers = self.both(name, *arguments, **named)
        if answers:
            assert answers[0] == answers[1], (name, arguments)

    def kind(self, path):
        return stat.S_IFMT(os.lstat(f"{self.folder.name}/{path}").st_mode) if os.path.lexists(
            f"{self.folder.name}/{path}") else None

    @rule(where=ANY, flags=OPEN_FLAGS, mode=MODE)
    def open_(self, where, flags, mode):
        path = self.path(where)
        if len(self.open) < 4 and self.kind(path) != stat.S_IFIFO:  # a folder's FIFO would wait for the other end
            if flags & os.O_CREAT and self.kind(path) == stat.S_IFLNK and not flags & os.O_EXCL:
                return
            answers = self.both("open", path, flags, mode)
            if answers:
                self.open.append(tuple(answers))

    @rule(where=ANY, content=st.binary(max_size=4))
    def put(self, where, content):
        path = self.path(where)
        if self.kind(path) != stat.S_IFIFO:
            fds = self.both("open", path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
            for side, fd in zip(self.sides, fds, strict=False):
                side.write(fd, content)
                side.close(fd)

    def with_open(self, number, call):
        results = []
        pair = self.open[number % len(self.open)]
        for side, fd in zip(self.sides, pair, strict=True):
            try:
                results.append(call(side, fd))
            except OSError as error:
                results.append(errno.errorcode[error.errno])
        assert results[0] == results[1]

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 3), data=st.binary(max_size=3), position=st.integers(0, 6))
    def write(self, number, data, position):
        self.with_open(number, lambda side, fd: self.is_directory(fd, side) or side.lseek(fd, position, os.SEEK_SET))
        self.with_open(number, lambda side, fd: side.write(fd, data))

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 3), length=st.integers(0, 6))
    def ftruncate(self, number, length):
        self.with_open(number, lambda side, fd: side.ftruncate(fd, length))

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 3), length=st.integers(0, 3), mode=MODE)
    def look(self, number, length, mode):
        def status(side, fd):
            one = side.fstat(fd)
            links = None if stat.S_ISDIR(one.st_mode) else (one.st_nlink, one.st_size)
            return one.st_mode, links

        self.with_open(number, lambda side, fd: self.is_directory(fd, side) or side.read(fd, length))
        self.with_open(number, lambda side, fd: side.fchmod(fd, mode))
        self.with_open(number, status)

    @staticmethod
    def is_directory(fd, side):
        return stat.S_ISDIR(side.fstat(fd).st_mode)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 3))
    def close(self, number):
        for side, fd in zip(self.sides, self.open.pop(number % len(self.open)), strict=True):
            side.close(fd)

    @rule(where=FREE, mode=MODE)
    def mkdir(self, where, mode):
        path = self.path(where)
        self.same("mkdir", path, mode)

    @rule(where=FREE, mode=MODE)
    def mkfifo(self, where, mode):
        path = self.path(where)
        self.same("mkfifo", path, mode)

    @rule(where=FREE)
    def symlink(self, where):
        path = self.path(where)
        self.same("symlink", NOWHERE, path)

    @rule(where=THERE, other=FREE)
    def link(self, where, other):
        self.same("link", self.path(where), self.path(other))

    @rule(where=THERE, other=FREE)
    def rename(self, where, other):
        self.same("rename", self.path(where), self.path(other))

    @rule(where=THERE, other=ANY)
    def rename_again(self, where, other):
        self.same("rename", self.path(where), self.path(other))

    @rule(where=THERE)
    def unlink(self, where):
        path = self.path(where)
        self.same("unlink", path)

    @rule(where=THERE)
    def rmdir(self, where):
        path = self.path(where)
        self.same("rmdir", path)

    @rule(where=THERE, mode=MODE)
    def chmod(self, where, mode):
        path = self.path(where)
        self.same("chmod", path, mode)

    @rule(where=THERE, length=st.integers(0, 6))
    def truncate(self, where, length):
        path = self.path(where)
        if self.kind(path) != stat.S_IFIFO:
            self.same("truncate", path, length)

    @rule(where=THERE, when=st.integers(1, 10**18))
    def utime(self, where, when):
        path = self.path(where)
        self.same("utime", path, ns=(0, when), follow_symlinks=False)
        found = self.both("lstat", path)
        if found:
            assert found[0].st_mtime_ns == found[1].st_mtime_ns == when

    @rule(where=THERE)
    def attributes_(self, where):
        path = self.path(where)
        if self.attributes and self.kind(path) not in (stat.S_IFLNK, stat.S_IFIFO):
            self.same("setxattr", path, "user.x", b"1")
            self.same("setxattr", path, "user.y", b"2")
            self.same("removexattr", path, "user.x")
            self.same("getxattr", path, "user.x")
            self.same("listxattr", path)

    @rule(where=THERE)
    def look_at(self, where):
        path = self.path(where)
        found = self.both("stat", path)
        if found:
            assert found[0].st_mode == found[1].st_mode
        self.same("readlink", path)

    def listing(self, side):
        result, first, todo = {}, {}, [""]
        while todo:
            path = todo.pop()
            one = side.lstat(f"/{path}")
            kind = stat.S_IFMT(one.st_mode)
            plain = None if kind == stat.S_IFDIR else (one.st_nlink, one.st_size)
            result[path] = (one.st_mode if path else None, one.st_uid, one.st_gid, plain,
                            get(side, path) if kind == stat.S_IFREG else None)
            first.setdefault(one.st_ino, []).append(path)
            if kind == stat.S_IFDIR:
                todo += [f"{path}/{name}".lstrip("/") for name in sorted(side.listdir(f"/{path}"))]
        return result, sorted(first.values())

    @rule()
    def look_everywhere(self):
        assert self.listing(self.sides[0]) == self.listing(self.sides[1])


def test_over_an_empty_layer_it_is_a_plain_folder():
    if os.geteuid() != 0:
        pytest.skip("needs root: files are opened whatever their mode says")
    run_state_machine_as_test(Control, settings=settings(
        max_examples=120, stateful_step_count=50, deadline=None, derandomize=True, database=None))
