"""Where real union file systems are known to depart from the laws."""

from __future__ import annotations

from layerproof.runs.finding import Deviation, Difference

WITHOUT_ROOT = "without root"
"""Stands for an option where a deviation is known of unions that are mounted in a user namespace."""


def _takes_what_is_hidden(d: Difference) -> bool:
    """A name that is not listed is taken all the same, and what was to be made there is not."""
    return (d.what == "answer" and d.observed == "EEXIST") or (d.what == "kind" and d.observed == "nothing")


def _not_replaced(d: Difference) -> bool:
    """What was to be renamed is still there, and what it was to replace, with all that is the old one's own."""
    if d.what == "kind":
        return "nothing" in (d.expected, d.observed)
    return "directory" in d.tags and d.what in ("owner", "mode", "xattr", "mtime", "inode number")


_NUMBERS = ("inode", "inode number")


_FUSE = "fuse-overlayfs"
_BOTH = ">=1.10,<1.15"
"""fuse-overlayfs 1.10 and 1.14 (which calls itself 1.13-dev) behave alike in all that was seen."""

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "fuse-dates-directories", _FUSE, _BOTH, ("COW-2", "COW-12"),
        "A directory into which something is copied up, or whose upper is looked at again, is dated anew.",
        "measured: union, row 44",
        shows=lambda rule, d: d.what == "mtime" and "directory" in d.tags, lasting=True),
    Deviation(
        "fuse-symlink-attributes", _FUSE, _BOTH, ("COW-2", "COW-3", "COW-4", "COW-13"),
        "A symlink that is copied up loses its owner, time and extended attributes.",
        "found by this project",
        shows=lambda rule, d: d.what in ("owner", "mtime", "xattr") and "symlink" in d.tags, lasting=True),
    Deviation(
        "fuse-symlink-xattr", _FUSE, _BOTH, ("PLAIN-9",),
        "The extended attributes of a symlink in the upper are those of what it points to.",
        "found by this project",
        shows=lambda rule, d: d.what == "answer" and "symlink" in d.tags and rule in ("setxattr", "removexattr"),
        lasting=True),
    Deviation(  # before those about one kind of file: what is there and not listed may be of any
        "fuse-made-again", _FUSE, _BOTH, ("COW-6", "COW-7"),
        "A directory that is made over what hid one of a lower layer has the names of that one, unlisted.",
        "containers/fuse-overlayfs#444",
        shows=lambda rule, d: d.what == "listing" and "not listed" in d.observed,
        brings=_takes_what_is_hidden),
    Deviation(
        "fuse-fifo", _FUSE, _BOTH, ("COW-3", "COW-13", "LOWER-3"),
        "A FIFO of the image cannot be copied up: it becomes a file, or cannot be looked at any more.",
        "measured: union, row 28",
        shows=lambda rule, d: "fifo" in d.tags and d.what != "inode number"),
    Deviation(
        "fuse-inode-numbers", _FUSE, _BOTH, ("COW-9",),
        "Two files may have the same inode number, and a file may change its own.",
        "measured: union, row 36",
        shows=lambda rule, d: d.what == "inode number", lasting=True),
    Deviation(
        "fuse-hard-links", _FUSE, _BOTH, ("COW-1", "COW-3", "COW-9"),
        "Of two hard links of the image another one than was named may be copied up, and what was written is "
        "lost when it is mounted again.", "found by this project",
        shows=lambda rule, d: "linked" in d.tags),
    Deviation(
        "fuse-linked-copy", _FUSE, _BOTH, ("COW-1",),
        "A file of the image that was given another name has two inode numbers when it is mounted again: the "
        "image's under its first name, the upper's under the other.", "found by this project",
        shows=lambda rule, d: rule == "remount" and d.what == "inode"),
    Deviation(
        "fuse-renamed-directory", _FUSE, _BOTH, ("COW-5",),
        "A directory that was removed and made again stays when it is renamed.", "found by this project",
        shows=lambda rule, d: rule == "rename-directory" and d.what == "kind" and d.expected == "nothing"),
    Deviation(
        "fuse-renamed-again", _FUSE, _BOTH, (),
        "A directory that stands where the image has or hides something is not renamed, once a file of the image "
        "was renamed into another directory and all was listed: EXDEV.",
        "found by this project",
        shows=lambda rule, d: rule == "rename-directory" and d.what == "answer" and d.observed == "EXDEV",
        brings=_not_replaced),
    Deviation(
        "overlayfs-metacopy-dates", "overlayfs", "==6.18.*", ("COW-3",),
        "A file of which only the attributes were copied up is dated anew when it is opened for writing, though "
        "nothing is written.", "found by this project",
        shows=lambda rule, d: rule == "open-for-writing" and d.what == "mtime" and "file" in d.tags,
        option="metacopy=on"),
    Deviation(
        "overlayfs-userxattr-inodes", "overlayfs", "==6.18.*", (),
        "A symlink or FIFO that is copied up gets another inode number, as no user attribute can say where it "
        "came from.", "found by this project; xattr(7), user extended attributes",
        shows=lambda rule, d: d.what in _NUMBERS and not d.tags.isdisjoint({"symlink", "fifo"}),
        option="userxattr", lasting=True),
    Deviation(
        "overlayfs-unprivileged-inodes", "overlayfs", "==6.18.*", (),
        "What is copied up gets another inode number, as files cannot be opened by their handles without root.",
        "found by this project; open_by_handle_at(2), CAP_DAC_READ_SEARCH",
        shows=lambda rule, d: d.what in _NUMBERS and bool(d.tags) and "directory" not in d.tags,
        option=WITHOUT_ROOT, lasting=True),
)
