"""How a union file system is mounted, as data: what an engine runs, and what a script for a bug report prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from layerproof.errors import WrongRequest

PLACES = ("lower", "upper", "work", "merged")
"""What a command may name in braces: the layers below, top first, joined by colons; the container's upper; its
work directory; where the union is to be seen."""

_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Hiding:
    """How a layer hides what the layers beneath have.

    Attributes:
        whiteout: the file that hides a name, with ``{folder}`` and ``{name}`` or ``{path}``, relative to the
            layer; empty for the character device 0:0 in its place; None if nothing can hide a name.
        opaque: the file that hides all names of a directory, with ``{path}``; empty for the extended attribute
            ``attribute``; None if nothing can.
    """

    whiteout: str | None = ""
    opaque: str | None = ""
    attribute: str = "trusted.overlay.opaque"


HIDING: Mapping[str, Hiding] = {
    "device": Hiding(),
    "wh-file": Hiding("{folder}/.wh.{name}", "{path}/.wh..wh..opq"),
    "hidden-file": Hiding(".unionfs-fuse/{path}_HIDDEN~", None),
    "none": Hiding(None, None),
}
"""The formats by name: overlayfs.rst, whiteouts and opaque directories; aufs(5), also OCI image-spec layer.md;
measured: unionfs-fuse 1.0; and none at all."""

UNPRIVILEGED = "user.overlay.opaque"
"""The mark of an opaque directory where nothing is trusted. Source: overlayfs.rst, User xattr."""


@dataclass(frozen=True)
class Mounting:
    """How a union is mounted and unmounted.

    Attributes:
        mount, unmount: commands, split as a shell does but run without one, with :data:`PLACES` in braces.
        discard: a path that is removed before the union is mounted again, with places in braces; or nothing.
        hiding: how its layers hide what is beneath.
        absolute: the command wants absolute paths: its program may go elsewhere before it uses them.
    """

    mount: str
    unmount: str = "umount {merged}"
    discard: str = ""
    hiding: Hiding = HIDING["device"]
    absolute: bool = True

    def with_options(self, options: Sequence[str]) -> Mounting:
        """The same with mount options of overlayfs.

        A volatile overlay leaves a mark in its work directory and is not mounted again before that is removed,
        as one may who knows that the system has not crashed. Source: overlayfs.rst, Volatile mount.
        """
        hiding = replace(self.hiding, attribute=UNPRIVILEGED) if "userxattr" in options else self.hiding
        discard = f"{{work}}/{_VOLATILE}" if "volatile" in options else self.discard
        return replace(self, mount=self.mount.replace("{work}", ",".join(["{work}", *options])),
                       discard=discard, hiding=hiding)


_VOLATILE = "work/incompat/volatile"
"""The mark that overlayfs leaves within the work directory of a volatile mount."""

OVERLAYFS = Mounting("mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={work} {merged}",
                     absolute=False)
NAMED: Mapping[str, Mounting] = {
    "overlayfs": OVERLAYFS,
    "fuse-overlayfs": Mounting("fuse-overlayfs -o lowerdir={lower},upperdir={upper},workdir={work} {merged}",
                               absolute=False),
    "tmpfs": Mounting("mount --bind {merged} {merged}", absolute=False),
}
"""The unions that are known by name. A plain folder is mounted on itself, so that its root is a mount, too."""


def words(command: str) -> list[str]:
    """Split a command into its words, with places still in braces.

    Raises:
        WrongRequest: if it is empty or cannot be split, or names a place that is not known.
    """
    try:
        result = shlex.split(command)
    except ValueError as error:
        raise WrongRequest(f"the command {command!r} cannot be split into words: {error}") from None
    if not result:
        raise WrongRequest("the command that mounts or unmounts is empty")
    for place in _PLACE.findall(command):
        if place not in PLACES:
            raise WrongRequest(f"the command {command!r} names the unknown place {{{place}}}; "
                               f"known: {', '.join(f'{{{p}}}' for p in PLACES)}")
    return result


def filled(text: str, places: Mapping[str, str]) -> str:
    """A word or a path with the places put in."""
    return _PLACE.sub(lambda found: places[found[1]], text)


def hiding_file(template: str, path: str) -> str:
    """The file by which a layer hides what is beneath it at a path, relative to the layer."""
    folder, _, name = path.rpartition("/")
    return template.format(folder=folder or ".", name=name, path=path)
