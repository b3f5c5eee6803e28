"""Paths, symlinks, permissions and numbers of links, as the manual pages have them: call by call, without a kernel.

That the kernel has them so is in test_kernel.
"""

import errno
import os
import stat

import pytest

from kernel import USERS, Program
from layermodel.union.memory import WHITEOUT, Directory, File, NotSaid, Symlink, UnionFileSystem
from layermodel.union.words import DIALECTS
from paths import CALLS, IMAGE, OWNED, PERMISSIONS, as_layer

RDONLY, WRONLY, CREAT = os.O_RDONLY, os.O_WRONLY, os.O_CREAT


def image():
    """The tree of the calls, with a symlink that Linux does not make."""
    return {**as_layer(IMAGE), "empty": Symlink(b"")}


def owned():
    return as_layer(OWNED)


def answer(call, fs=None):
    """The name of the error, or what is returned."""
    try:
        return call(fs or UnionFileSystem([image()]))
    except OSError as error:
        return errno.errorcode[error.errno]


@pytest.mark.parametrize(("path", "leads_to"), [
    ("/", ""), (".", ""), ("..", ""), ("/../..", ""), ("d", "d"), ("/d", "d"), ("//d///f", "d/f"), ("./d/./f", "d/f"),
    ("d/e/../f", "d/f"), ("d/", "d"), ("d/.", "d"), ("d/e/..", "d"), ("to-d", "d"), ("to-d/", "d"), ("to-d/f", "d/f"),
    ("to-to-d/f", "d/f"), ("to-d/up/to-f", "f"), ("to-d/..", ""), ("absolute", "d/f"), ("out", "f"), ("root", ""),
    ("root/d", "d"), ("d/up/d/up/d/e", "d/e"), ("./" * 2047 + "f", "f")])
def test_a_path_leads_to(path, leads_to):
    fs = UnionFileSystem([image()])
    assert fs.lstat(f"/{leads_to}").st_ino == fs.stat(path).st_ino == fs.stat(os.fsencode(path)).st_ino


@pytest.mark.parametrize(("path", "error"), [
    ("", "ENOENT"), ("n", "ENOENT"), ("n/..", "ENOENT"), ("f/", "ENOTDIR"), ("f/.", "ENOTDIR"), ("f/..", "ENOTDIR"),
    ("f/x", "ENOTDIR"), ("p/x", "ENOTDIR"), ("to-f/", "ENOTDIR"), ("to-f/x", "ENOTDIR"), ("file-slash", "ENOTDIR"),
    ("nowhere", "ENOENT"), ("nowhere/", "ENOENT"), ("nowhere/x", "ENOENT"), ("empty", "ENOENT"), ("loop", "ELOOP"),
    ("loop/x", "ELOOP"), ("one", "ELOOP"), ("d/" + "x" * 255, "ENOENT"), ("x" * 256, "ENAMETOOLONG"),
    ("\u00e9" * 128, "ENAMETOOLONG"), ("x" * 256 + "/y", "ENAMETOOLONG"), ("f/" + "x" * 256, "ENOTDIR"),
    ("n/" + "x" * 256, "ENOENT"), ("./" * 2048, "ENAMETOOLONG")])
def test_a_path_leads_nowhere(path, error):
    for call in (lambda fs: fs.stat(path), lambda fs: fs.open(path, RDONLY), lambda fs: fs.chmod(path, 0),
                 lambda fs: fs.listdir(path), lambda fs: fs.truncate(path, 0)):
        assert error == answer(call)


def test_a_null_byte_is_no_name():
    with pytest.raises(ValueError, match="null"):
        UnionFileSystem().stat("a\0b")


def said(tree, user, call):
    """What a call is answered, if it is text."""
    fs = UnionFileSystem([tree])
    found = Program([fs.as_user(*one) for one in USERS]).do([user, *call])
    return (found if isinstance(found, str) else None), set(fs.upper())


@pytest.mark.parametrize(("user", "call", "expected"), CALLS)
def test_a_call_makes_this_of_its_path(user, call, expected):
    assert expected == said(image(), user, call)[0]


def test_what_cannot_be_done_to_a_symlink_itself():
    assert "ENOTSUP" == answer(lambda fs: fs.chmod("to-f", 0, follow_symlinks=False))
    assert "EPERM" == answer(lambda fs: fs.setxattr("to-f", "user.x", b"", follow_symlinks=False))
    assert "ENODATA" == answer(lambda fs: fs.getxattr("to-f", "user.x", follow_symlinks=False))


def test_a_dangling_symlink_is_created_through():
    fs = UnionFileSystem([image()])
    fs.close(fs.open("nowhere", WRONLY | CREAT, 0o600))
    assert stat.S_ISLNK(fs.lstat("nowhere").st_mode)
    assert 0o600 == stat.S_IMODE(fs.lstat("d/new").st_mode)


def test_a_node_is_a_file_or_a_fifo():
    fs = UnionFileSystem([image()])
    fs.mknod("n", 0o666)
    fs.mknod("m", stat.S_IFIFO | 0o600)
    assert (stat.S_IFREG | 0o644, stat.S_IFIFO | 0o600) == (fs.lstat("n").st_mode, fs.lstat("m").st_mode)
    with pytest.raises(NotSaid, match="devices"):
        fs.mknod("x", stat.S_IFCHR | 0o600, os.makedev(0, 0))


def test_changes_go_to_where_a_symlink_points():
    fs = UnionFileSystem([image()], clock=lambda: 10**18)
    fs.chmod("absolute", 0o640)
    fs.chown("to-to-d/f", 7, 8)
    fs.utime("absolute", ns=(5, 5))
    fs.truncate("absolute", 1)
    one = fs.lstat("d/f")
    assert (0o640, 7, 8, 1, 10**18) == (stat.S_IMODE(one.st_mode), one.st_uid, one.st_gid, one.st_size, one.st_mtime_ns)
    fs.lchown("absolute", 9, -1)
    fs.utime("absolute", ns=(6, 6), follow_symlinks=False)
    assert (9, 6) == (fs.lstat("absolute").st_uid, fs.lstat("absolute").st_mtime_ns)
    assert {"", "absolute", "d", "d/f"} == set(fs.upper())


def test_errors_name_the_paths_as_they_were_given():
    fs = UnionFileSystem([image()])
    with pytest.raises(FileExistsError) as caught:
        fs.link("./f", b"d//f")
    assert ("./f", b"d//f") == (caught.value.filename, caught.value.filename2)
    with pytest.raises(IsADirectoryError) as caught:
        fs.unlink("to-d/../d")
    assert "to-d/../d" == caught.value.filename


# Another user.

ALICE, BOB = (1, 1), (2, 2)


@pytest.mark.parametrize(("user", "call", "expected"), PERMISSIONS)
def test_a_user_may_do_this(user, call, expected):
    found, upper = said(owned(), user, call)
    assert expected == found
    if expected is not None:
        assert {""} == upper  # what is refused changes nothing


def test_what_a_user_makes_is_his_and_a_directory_hands_its_group_on():
    fs = UnionFileSystem([owned()])
    bob = fs.as_user(2, 9, [7])
    bob.mkdir("n")
    bob.mkdir("group/d", 0o755)
    bob.close(bob.open("group/d/f", CREAT | WRONLY, 0o644))
    bob.symlink("f", "group/s")
    fs.mkfifo("group/p")
    owners = {path: (fs.lstat(path).st_uid, fs.lstat(path).st_gid) for path in ("n", "group/d", "group/d/f", "group/s")}
    assert {"n": (2, 9), "group/d": (2, 9), "group/d/f": (2, 9), "group/s": (2, 9)} == owners
    assert (0o2755, 0o644) == tuple(stat.S_IMODE(fs.lstat(path).st_mode) for path in ("group/d", "group/d/f"))
    assert 9 == fs.lstat("group/p").st_gid


def test_set_user_id_is_lost_when_another_writes_and_set_group_id_is_for_members():
    fs = UnionFileSystem([owned()])
    bob = fs.as_user(*BOB)
    root = fs.open("program", WRONLY)
    fs.write(root, b"1")
    assert 0o6777 == stat.S_IMODE(fs.stat("program").st_mode)
    bob.write(bob.open("program", WRONLY), b"2")
    assert 0o777 == stat.S_IMODE(fs.stat("program").st_mode)
    fs.chmod("program", 0o6777)
    fs.chown("program", 5, 5)
    assert 0o777 == stat.S_IMODE(fs.stat("program").st_mode)
    fs.as_user(5, 4).chmod("program", 0o6755)
    assert 0o4755 == stat.S_IMODE(fs.stat("program").st_mode)
    with pytest.raises(PermissionError):
        bob.fchmod(root, 0o777)


def test_views_are_of_one_file_system_and_share_descriptors():
    fs = UnionFileSystem([owned()])
    bob = fs.as_user(*BOB)
    fd = bob.open("sticky/his", WRONLY)
    assert 1 == fs.write(fd, b"x")
    bob.close(fd)
    assert "EBADF" == answer(lambda fs: fs.fstat(fd), fs)
    assert 1 == bob.stat("sticky/his").st_size


@pytest.mark.parametrize(("protected", "user", "call", "expected"), [
    (["hardlinks"], BOB, lambda fs: fs.link("readable", "n"), "EPERM"),
    (["hardlinks"], BOB, lambda fs: fs.link("sticky/hers", "n"), None),
    (["hardlinks"], BOB, lambda fs: fs.link("program", "n"), "EPERM"),
    (["hardlinks"], BOB, lambda fs: fs.link("readable", "link"), "EEXIST"),
    (["hardlinks"], ALICE, lambda fs: fs.link("program", "n"), None),
    (["hardlinks"], (0, 0), lambda fs: fs.link("program", "n"), None),
    (["symlinks"], BOB, lambda fs: fs.open("sticky/link", RDONLY), "EACCES"),
    (["symlinks"], (0, 0), lambda fs: fs.open("sticky/link", RDONLY), "EACCES"),
    (["symlinks"], ALICE, lambda fs: fs.open("sticky/link", RDONLY), 3),
    ([], BOB, lambda fs: fs.open("sticky/link", RDONLY), 3)])
def test_links_can_be_protected(protected, user, call, expected):
    assert expected == answer(call, UnionFileSystem([owned()], protected=protected).as_user(*user))


def test_only_links_can_be_protected():
    with pytest.raises(ValueError, match="hardlinks and symlinks"):
        UnionFileSystem([], protected=["fifos"])


# Numbers of links.

def linked():
    one = File(b"one")
    return [{"a": one, "b": one, "d": Directory(), "d/c": one, "d/x": Directory(), "p": Directory(), "p/q": Directory()},
            {"d": Directory(), "d/c": WHITEOUT}]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_links_are_counted_as_the_dialect_does(dialect):
    fs = UnionFileSystem(linked(), dialect)
    index, fuse = DIALECTS[dialect]["index"], dialect == "fuse-overlayfs"
    links = lambda *paths: [fs.lstat(path).st_nlink for path in paths]
    assert ([4, 3, 3, 2] if fuse else [1, 1, 3, 2]) == links("/", "d", "p", "p/q")
    names = 2 if fuse else 3
    assert [names, names] == links("a", "b")
    fs.chmod("a", 0o600)
    assert ([names, names] if index else [1, 3]) == links("a", "b")
    fs.chmod("p", 0o700)
    assert [3 if fuse else 1] == links("p")
    fs.link("b", "e")
    assert ([names + 1] * 2 if index else [2] * 2) == links("b", "e")
    fs.unlink("b")
    assert [names if index else 1] == links("e")
    fs.mkdir("n")
    fs.mkdir("n/n")
    assert [3, 2] == links("n", "n/n")


# Redirects.

@pytest.mark.parametrize("dialect", [d for d in DIALECTS if DIALECTS[d]["redirect_dir"]])
def test_a_directory_of_the_image_is_renamed_and_what_the_upper_holds_shows_it(dialect):
    layers = [{"a": Directory(), "a/b": Directory(), "a/b/f": File(b"1"), "a/g": File(b"2"), "c": Directory()}]
    fs = UnionFileSystem(layers, dialect)
    fd = fs.open("a/b/f", RDONLY)
    fs.rename("a/b", "c/b")
    fs.rename("a", "z")
    fs.mkdir("a")
    fs.rename("c/b", "a/again")
    fs.chmod("a/again/f", 0o600)
    fs.unlink("z/g")
    assert b"1" == fs.read(fd, 9)
    assert 0o600 == stat.S_IMODE(fs.fstat(fd).st_mode)
    upper = fs.upper()
    assert {"a/again": "a/b", "z": "a"} == {
        path: one.redirect for path, one in upper.items() if isinstance(one, Directory) and one.redirect}
    assert upper["a"].opaque
    assert {"z/b", "z/g"} == {path for path, one in upper.items() if one is WHITEOUT}
    for again in (fs, fs.remounted(), UnionFileSystem(layers, dialect, upper=upper), UnionFileSystem([*layers, upper])):
        assert (["a", "c", "z"], ["again"], ["f"], [], []) == tuple(
            again.listdir(path) for path in ("/", "a", "a/again", "c", "z"))
        assert 1 == again.stat("a/again/f").st_size
    assert "ENOENT" == answer(lambda fs: fs.stat("a/b"), fs)


@pytest.mark.parametrize(("layer", "why"), [
    ({"a": Directory(redirect="n")}, "no directory"), ({"a": Directory(redirect="f")}, "no directory"),
    ({"a": Directory(True, redirect="d")}, "opaque"), ({"": Directory(redirect="d")}, "root"),
    ({"a": Directory(redirect="../d")}, "path from the root"), ({"a": Directory(redirect="")}, "path from the root")])
def test_a_redirect_leads_to_a_directory_beneath(layer, why):
    image = {"d": Directory(), "f": File()}
    for mounted in (lambda: UnionFileSystem([image, layer]), lambda: UnionFileSystem([image], upper=layer)):
        with pytest.raises(ValueError, match=why):
            mounted()


def test_the_index_is_of_the_images_hard_links():
    fs = UnionFileSystem(linked(), "overlayfs-index")
    fs.truncate("a", 1)
    fs.unlink("a")
    (number, one), = fs.index().items()
    assert b"o" == one.content
    assert 1 == fs.remounted().stat("b").st_size
    for wrong in ({number: Directory()}, {number + 10**6: one}):
        with pytest.raises(ValueError, match="index"):
            UnionFileSystem(linked(), "overlayfs-index", upper=fs.upper(), index=wrong)
    with pytest.raises(ValueError, match="another"):
        UnionFileSystem(linked(), upper={"d": File(inode=fs.lstat("d").st_ino)})
