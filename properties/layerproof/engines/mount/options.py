"""The mount options of overlayfs: what each may be, what excludes what, and what the kernel makes of them.

Source: the kernel's Documentation/filesystems/overlayfs.rst, by section; tried in all combinations on Linux 6.18.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from layerproof.errors import WrongRequest

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "index": ("on", "off"),
    "redirect_dir": ("on", "follow", "nofollow", "off"),
    "metacopy": ("on", "off"),
    "xino": ("on", "auto", "off"),
    "userxattr": (),
    "volatile": (),
    "nfs_export": ("on", "off"),
    "uuid": ("on", "auto", "null", "off"),
}
"""The options that may be given, and their values; those without any are flags."""

EXCLUDES: tuple[tuple[str, str, str], ...] = (
    ("metacopy=on", "redirect_dir=follow", "Metadata only copy up"),
    ("metacopy=on", "redirect_dir=nofollow", "Metadata only copy up"),
    ("metacopy=on", "nfs_export=on", "NFS export"),
    ("nfs_export=on", "index=off", "NFS export"),
    ("userxattr", "metacopy=on", "User xattr"),
    ("userxattr", "redirect_dir=on", "User xattr"),
    ("userxattr", "redirect_dir=follow", "User xattr"),
)
"""Options that cannot be given together, and the section that says so."""

_OWN = ("lowerdir", "upperdir", "workdir", "lowerdir+", "datadir+")
_PARAMETERS = Path("/sys/module/overlay/parameters")


def checked(options: Sequence[str]) -> tuple[str, ...]:
    """The options, if overlayfs takes them.

    Raises:
        WrongRequest: if one is not known or has a value that it cannot have, is given twice, or excludes another.
    """
    given: dict[str, str] = {}
    for option in options:
        name = _single(option)
        if name in given:
            raise WrongRequest(f"the mount option {name} is given twice: {given[name]!r} and {option!r}")
        given[name] = option
    means = {_meaning(option): option for option in options}
    for one, other, section in EXCLUDES:
        if one in means and other in means:
            raise WrongRequest(f"the mount options {means[one]} and {means[other]} exclude each other "
                               f"(overlayfs.rst, {section})")
    return tuple(options)


def _single(option: str) -> str:
    """The name of an option that is right by itself."""
    name, equals, value = option.partition("=")
    if not option:
        raise WrongRequest("a mount option is empty")
    if name in _OWN:
        raise WrongRequest(f"the mount option {name} is not for you to give: layers are made for each run")
    if name not in OPTIONS:
        raise WrongRequest(f"unknown mount option {option!r}; known: {', '.join(OPTIONS)}")
    values = OPTIONS[name]
    if not values and equals:
        raise WrongRequest(f"the mount option {name} takes no value, and has {value!r}")
    if values and value not in values:
        raise WrongRequest(f"the mount option {name} is one of {', '.join(values)}; not {value!r}")
    return name


def _meaning(option: str) -> str:
    """What an option comes to. Source: overlayfs.rst, Redirects, redirect_dir=off."""
    if option == "redirect_dir=off":
        return f"redirect_dir={'follow' if _parameter('redirect_always_follow') else 'nofollow'}"
    return option


def _parameter(name: str) -> bool:
    """Whether a parameter of the kernel's module is set; it is taken for an option that is not given."""
    with contextlib.suppress(OSError):
        return (_PARAMETERS / name).read_text().strip() == "Y"
    return False


_KEPT = ("index", "redirect_dir", "metacopy", "nfs_export")
"""Options that the kernel gives up with no more than a line in its log where it cannot keep them."""


def in_force(shown: Sequence[str]) -> frozenset[str]:
    """Which options of :data:`_KEPT` are on in a mount.

    Args:
        shown: the mount's own options as the kernel lists them: those that are not as the module's parameters.
    """
    listed = dict(option.partition("=")[::2] for option in shown)
    return frozenset(name for name in _KEPT
                     if (listed[name] == "on" if name in listed else _parameter(name)))


def given_up(options: Sequence[str], shown: Sequence[str]) -> list[str]:
    """The options that were given and are not in force."""
    kept = in_force(shown)
    return [option for option in options if option.endswith("=on") and option[:-3] in _KEPT
            and option[:-3] not in kept]


def dialect_of(shown: Sequence[str]) -> str:
    """The dialect of the union machine that a mount of overlayfs speaks."""
    on = in_force(shown)
    return "overlayfs" + "-index" * ("index" in on) + "-redirect" * ("redirect_dir" in on)
