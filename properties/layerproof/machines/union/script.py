"""A shell script that shows what a union file system does, for a bug report.

It needs root, a shell, coreutils, perl and attr, works on a tmpfs in a mount namespace of its own, and leaves
nothing behind.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from layermodel.language.ground import GroundMachine
from layermodel.language.rules import Machine
from layermodel.language.run import named_in
from layermodel.union.reference import UnionReference
from layermodel.union.trees import CONTENTS, FILE, SYMLINK, Layer, Node
from layermodel.union.words import KIND
from layerproof.machines.union.mounting import Hiding, Mounting, filled, hiding_file, words
from layerproof.machines.union.values import KEYS, MODES, OWNERS, TIMES, VALUES, Mounted, Request, request
from layerproof.runs.finding import Difference
from layerproof.runs.trace import Trace

_WRITING = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_MAKING = os.O_WRONLY | os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL

_HEAD = """\
unshare --mount --propagation private sh <<'END'
put() { perl -e 'sysopen(F, $ARGV[0], $ARGV[1]) || die "$!\\n"; syswrite(F, pack("H*", $ARGV[2] // ""))' "$@"; }
ren() { perl -e 'rename($ARGV[0], $ARGV[1]) || die "$!\\n"' "$@"; }
show() { for m in m?; do echo "== $m"; ls -R $m > /dev/null; (cd $m
  find . -printf '%p  %y inode %i mode %m owner %U:%G mtime %T@\\n'
  find . -type f -exec grep -H '' {} +; getfattr -hRd -m 'user|trusted.[xy]' . 2>&1); done; }
look() { show > /dev/null; }
umask 0; d=$(mktemp -d); mount -t tmpfs tmpfs "$d"; cd "$d"
"""


@dataclass(frozen=True)
class Shown:
    """What a script is to show.

    Attributes:
        plain: it is no union, but a plain folder, which has no layers.
        mounting: how the union is mounted, with its options.
        trace: the operations, over a stack of layers.
        differences: between what was expected and what was seen.
    """

    plain: bool
    mounting: Mounting
    trace: Trace
    differences: Sequence[Difference]

    @property
    def scene(self) -> Mounted:
        """The stack, and the tree of paths."""
        assert isinstance(self.trace.scene, Mounted)
        return self.trace.scene


def script(shown: Shown, machine: Machine) -> str:
    """Return a script that does the operations of a run, with what was expected and seen as comments.

    After each operation it looks at everything, as the judge does: what a union keeps in mind of what was looked
    at may be what the finding comes of. Like the judge, ``ls -R`` has closed a directory before it opens those in
    it; ``find`` has not, and fuse-overlayfs answers otherwise then.
    """
    dated = any(d.what == "mtime" for d in shown.differences)
    lines = [*_layers(shown, dated), *_mounts(shown), "show", *_operations(shown, machine)]
    lines += ["show", *(f"# {d}" for d in shown.differences[:_SHOWN]),
              'cd /; umount -l "$d"; rmdir "$d"', "END"]
    return _HEAD + "\n".join(lines)


_SHOWN = 8
"""Departures that a script lists at most."""


def _layers(shown: Shown, dated: bool) -> Iterator[str]:
    scene = shown.scene
    containers = " ".join(f"{part}{c}" for c in range(scene.room.containers) for part in "uwm")
    if shown.plain:
        yield "mkdir " + " ".join(f"m{c}" for c in range(scene.room.containers))
        return
    yield f"mkdir {containers}"
    for number, layer in enumerate(scene.stack):
        yield from _layer(f"l{number}", layer, scene, shown.mounting.hiding, dated)
    top, root = f"l{len(scene.stack) - 1}", scene.stack[-1].node(0)
    yield f"for u in u?; do chmod --reference={top} $u; chown --reference={top} $u; touch -r {top} $u; done"
    for key, value in zip(KEYS, root.xattr, strict=True):
        if (given := VALUES[value]) is not None:
            yield f"for u in u?; do setfattr -n {key}{_valued(given.hex())} $u; done"


def _layer(top: str, layer: Layer, scene: Mounted, hiding: Hiding, dated: bool) -> Iterator[str]:
    names, first = scene.room.paths.names, dict[int, str]()
    for path, number in layer.entries.items():
        where = shlex.quote(f"{top}/{names[path]}".rstrip("/"))
        if number in first:
            yield f"ln -P {first[number]} {where}"
            continue
        first[number] = where
        yield from _node(where, layer.nodes[number])
    for path in sorted(layer.whiteouts):
        where = shlex.quote(f"{top}/{names[path]}")
        yield _marked(top, hiding.whiteout, names[path]) or f"mknod {where} c 0 0"
    for path in sorted(layer.opaque):
        where = shlex.quote(f"{top}/{names[path]}")
        yield _marked(top, hiding.opaque, names[path]) or f"setfattr -n {hiding.attribute} -v y {where}"
    for number, where in reversed(first.items()) if dated else ():
        yield f"touch -h -d @{_seconds(TIMES[layer.nodes[number].mtime])} {where}"


def _marked(top: str, template: str | None, path: str) -> str:
    """The command that makes the file by which a layer hides what is beneath, if it is a file."""
    if not template:
        return ""
    where = f"{top}/{hiding_file(template, path)}"
    return f"mkdir -p {shlex.quote(os.path.dirname(where))}; : > {shlex.quote(where)}"


def _node(where: str, node: Node) -> Iterator[str]:
    data, mode = CONTENTS[node.content], f"{MODES[node.mode]:o}"
    if node.kind == SYMLINK:
        yield f"ln -s {data.decode()} {where}"
    elif node.kind == FILE:
        yield f"put {where} {_MAKING} {data.hex()}".rstrip() + f"; chmod {mode} {where}"
    else:
        yield f"{'mkdir' if KIND.values[node.kind] == 'directory' else 'mkfifo'} -m {mode} {where}"
    if node.owner:
        yield f"chown -h {':'.join(map(str, OWNERS[node.owner]))} {where}"
    for key, value in zip(KEYS, node.xattr, strict=True):
        if (given := VALUES[value]) is not None:
            yield f"setfattr -h -n {key}{_valued(given.hex())} {where}"


def _mounts(shown: Shown) -> list[str]:
    return [_command(shown.mounting.mount, shown, c) for c in range(shown.scene.room.containers)]


def _command(command: str, shown: Shown, container: int) -> str:
    """A command that mounts or unmounts one container's union, quoted for the shell."""
    base = f"{_FOLDER}/" if shown.mounting.absolute else ""
    lower = ":".join(f"{base}l{n}" for n in reversed(range(len(shown.scene.stack))))
    places = {"lower": lower, **{name: f"{base}{name[0]}{container}" for name in ("upper", "work", "merged")}}
    return " ".join(_quoted(filled(word, places)) for word in words(command))


_FOLDER = "@folder@"
"""Stands for the script's own folder in a word that is still to be quoted."""


def _quoted(word: str) -> str:
    """A word for the shell, in which the folder's variable is put in."""
    if _FOLDER not in word:
        return shlex.quote(word)
    return '"' + re.sub(r'(["\\$`])', r"\\\1", word).replace(_FOLDER, "$d") + '"'


def _remounted(shown: Shown, container: int) -> str:
    mounting = shown.mounting
    discard = f"rm -r {_command(mounting.discard, shown, container)}; " if mounting.discard else ""
    return f"{_command(mounting.unmount, shown, container)}; {discard}{_command(mounting.mount, shown, container)}"


def _operations(shown: Shown, machine: Machine) -> Iterator[str]:
    """The operations, and a look at everything between them.

    What a file holds before an append is settled by running the model beside them.
    """
    scene = shown.scene
    reference = UnionReference(
        GroundMachine(machine, scene.sizes), shown.trace.traits, scene.room, scene.stack)
    for number, event in enumerate(shown.trace.events):
        if number:
            yield "look"
        rule = machine.rule_by_name[event.rule]
        arguments = reference.settled(rule, event.arguments)
        assert arguments is not None
        asked = request(rule, event, scene.room.paths, reference.view(named_in(rule, arguments)["container"]))
        top = f"m{asked['container']}"
        if event.rule == "remount":
            yield _remounted(shown, asked["container"])
        else:
            yield _COMMANDS[asked["do"]](asked, f"{top}/{asked['path']}".rstrip("/"))
        reference.run(event.rule, arguments)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


def _valued(data: str) -> str:
    return f" -v 0x{data}" if data else ""


def _target(asked: Request) -> str:
    return f"m{asked['container']}/{asked['target']}".rstrip("/")


_COMMANDS: dict[str, Callable[[Request, str], str]] = {
    "stat": lambda r, p: f"stat -c '%F' {p}",
    "read": lambda r, p: f"cat {p}",
    "list": lambda r, p: f"ls -A {p}",
    "readlink": lambda r, p: f"readlink {p}",
    "open-for-writing": lambda r, p: f"put {p} {_WRITING}",
    "write": lambda r, p: f"put {p} {_WRITING | os.O_TRUNC} {r['data']}",
    "append": lambda r, p: f"put {p} {_WRITING | os.O_APPEND} {r['data']}",
    "truncate": lambda r, p: f"truncate -c -s {len(r['data']) // 2} {p}",
    "chmod": lambda r, p: f"chmod {r['mode']:o} {p}",
    "chown": lambda r, p: f"chown -h {':'.join(map(str, r['owner']))} {p}",
    "utimes": lambda r, p: f"touch -h -c -d @{_seconds(r['time'])} {p}",
    "setxattr": lambda r, p: f"setfattr -h -n {r['key']}{_valued(r['value'])} {p}",
    "removexattr": lambda r, p: f"setfattr -h -x {r['key']} {p}",
    "create": lambda r, p: f"put {p} {_MAKING}; chmod {r['mode']:o} {p}",
    "mkdir": lambda r, p: f"mkdir -m {r['mode']:o} {p}",
    "symlink": lambda r, p: f"ln -sT {bytes.fromhex(r['data']).decode()} {p}",
    "mkfifo": lambda r, p: f"mkfifo -m {r['mode']:o} {p}",
    "link": lambda r, p: f"ln -PT {p} {_target(r)}",
    "unlink": lambda r, p: f"unlink {p}",
    "rmdir": lambda r, p: f"rmdir {p}",
    "rename": lambda r, p: f"ren {p} {_target(r)}",
}
"""Each operation as a command of the shell."""
