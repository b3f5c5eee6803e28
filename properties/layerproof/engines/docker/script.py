"""A sequence of calls as a stand-alone shell script of ``docker`` commands, to be pasted into a bug report.

The script checks itself: it says of what differs what is expected and what is there, and exits with 1 if the
fault shows, with 0 if it does not, with 2 if no engine answers, and with 3 if only a reader can tell. It needs a
POSIX shell, GNU tar, sha256sum and docker (curl for what the command line does not say), and no network; it makes
its images itself.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable

from layermodel.formats.content import DAMAGE, ArchiveEntry, Files, ImageSpec
from layerproof.engines.docker.leftovers import LABEL, OWN
from layerproof.engines.docker.questions import CURL, asked
from layerproof.machines.store.engine import Call, Fact

_BEGINNING = r"""#!/bin/sh
# Needs a POSIX shell, GNU tar, sha256sum and docker; DOCKER_HOST says which engine.
set -u
export DOCKER_BUILDKIT=0
docker version > /dev/null || exit 2
cd "$(mktemp -d)" && trap 'rm -rf "$PWD"' EXIT
"""
_PACK = r"""pack() { # archive the files in a folder, the same bytes for the same files
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0755 -C "$1" -cf - $(ls -A "$1")
}
"""
_CHECK = r"""bad=0
check() { # what it is, what is expected, what is there
  if [ "$2" = "$3" ]; then echo "as expected: $1 is $3"; else echo "$1: expected $2, observed $3"; bad=1; fi
}
"""
_SHOWN = """docker images -a --no-trunc
docker ps -as --no-trunc
"""
"""What is shown at the end where nothing can be checked."""
_UNTOLD = """echo "Whether the fault shows has to be read above: no command tells it."
exit 3
"""

_VERBS = {
    "start": "start",
    "stop": "stop -t 0",
    "kill": "kill",
    "pause": "pause",
    "unpause": "unpause",
    "restart": "restart -t 0",
}

_PRUNES = {
    "prune": "image prune -f",
    "prune_all": "image prune -a -f",
    "container_prune": "container prune -f",
}

_NAME = re.compile(r"(image|container)_\w+")
_RUNS = {"start", "restart"}
_FIGURES = {"size", "size_root_fs", "usage", "reclaimed", "shared"}
"""Facts that count the bytes of programs, too."""


def script(calls: tuple[Call, ...], facts: tuple[Fact, ...] = ()) -> str:
    """Return a shell script that repeats some calls and then checks some facts.

    A call's ``result`` names the shell variable of the ID that it gives; that of a ``load`` names one
    variable for each image of the archive, separated by spaces. A later argument that is such a name, or the
    image ID of a loaded :class:`~layermodel.formats.content.ImageSpec`, stands for that variable. A root file
    system for ``import_`` may be given as files, as an ``ImageSpec`` of one layer, or as an archive of regular
    files.

    Programs are left out of the images if no container is started and no size is asked, and an image of one layer
    is imported rather than loaded, if it is not the load that it is about.

    Raises:
        ValueError: for a method that Docker has no command for.
    """
    runs = any(call.method in _RUNS for call in calls)
    writer = _Writer(runs, runs or any(fact.what in _FIGURES for fact in facts), _imported(calls))
    for call in calls[:-1]:
        writer.add(call)
    for call in calls[-1:]:
        writer.last(call, any(fact.what == "reclaimed" for fact in facts))
    checks = [line for fact in facts if (line := asked(fact, writer.word)) is not None]
    body = "\n".join(writer.lines)
    parts = [_BEGINNING, _PACK if "pack " in body else "", _CHECK if checks else "",
             CURL if any("api " in line for line in (*writer.lines, *checks)) else "",
             "set -x\n", body, "\nset +x 2> /dev/null\n"]
    ending = "\n".join([*checks, "exit $bad\n"]) if checks else _SHOWN + (_UNTOLD if facts else "")
    return "".join([*parts, ending])


def _imported(calls: tuple[Call, ...]) -> set[str]:
    """The IDs of the images that may be imported where they are loaded: of one layer, once, without a parent."""
    loaded = [(number, _entries(call)) for number, call in enumerate(calls) if call.method == "load"]
    often = Counter(entry.image.image_id for _, entries in loaded for entry in entries)
    return {entries[0].image.image_id for number, entries in loaded
            if number < len(calls) - 1 and len(entries) == 1 and len(entries[0].image.layers) == 1
            and not entries[0].damaged and not any("@" in one for one in entries[0].references)
            and len(entries[0].references) <= 1 and often[entries[0].image.image_id] == 1}


def _entries(call: Call) -> list[ArchiveEntry]:
    entries = call.arguments[0]
    assert isinstance(entries, Iterable)
    return [entry for entry in entries if isinstance(entry, ArchiveEntry)]


class _Writer:
    """Collects the lines of a script; knows which variable holds which image's ID."""

    def __init__(self, runs: bool, whole: bool, imported: set[str]) -> None:
        self.lines: list[str] = []
        self._runs, self._whole, self._imported = runs, whole, imported
        self._folders = 0
        self._variables: dict[str, str] = {}
        self._special: dict[str, Callable[[Call], None]] = {
            "load": self._load,
            "import_": self._import,
            "tag": lambda call: self._run(f"tag {self._word(call, 0)} {self._word(call, 1)}"),
            "remove_by_tag": self._remove_image,
            "remove_by_id": self._remove_image,
            "create": self._create,
            "rename": lambda call: self._run(f"rename {self._word(call, 0)} {self._word(call, 1)}"),
            "remove": lambda call: self._run(f"rm {'-f ' if call.arguments[1] else ''}{self._word(call, 0)}"),
            "write": self._write,
            "commit": lambda call: self._bind(call, f"docker commit --pause=false {self._word(call, 0)}"),
            "commit_as": self._commit_as,
            "build_step": self._build,
        }

    def add(self, call: Call) -> None:
        """Add the lines of one call."""
        if call.method in _PRUNES:
            self._run(_PRUNES[call.method])
        elif call.method in _VERBS:
            self._run(f"{_VERBS[call.method]} {self._word(call, 0)}")
        elif call.method in self._special:
            self._special[call.method](call)
        else:
            raise ValueError(f"docker has no command for {call.method}")

    def last(self, call: Call, printed: bool) -> None:
        """Add the lines of the last call, whose answer is kept.

        Args:
            printed: what it prints is kept, too.
        """
        self.add(call)
        command = self.lines.pop()
        kept = f"printed=$({command})" if printed else command
        self.lines.append(f"answer=done; {kept} || answer=refused")

    def word(self, name: str) -> str | None:
        """What stands for an object in the shell, quoted; None if nothing in the script makes it."""
        if _NAME.fullmatch(name):
            return f'"${name}"'
        variable = self._variables.get(name)
        return None if variable is None else f'"${variable}"'

    def _run(self, command: str) -> None:
        self.lines.append(f"docker {command}")

    def _bind(self, call: Call, command: str) -> None:
        self.lines.append(f"{call.result or 'unused'}=$({command})")

    def _word(self, call: Call, position: int) -> str:
        """Return a string argument as a word of shell: a variable, or the string itself, quoted."""
        text = str(call.arguments[position])
        return self.word(text) or shlex.quote(text)

    def _remove_image(self, call: Call) -> None:
        self._run(f"rmi {'-f ' if call.arguments[1] else ''}{self._word(call, 0)}")

    def _create(self, call: Call) -> None:
        command = "" if self._runs else " none"  # an image need not say what is to run, then
        self._bind(call, f"docker create --network none --stop-signal SIGKILL --name {self._word(call, 1)} "
                         f"{self._word(call, 0)}{command}")

    def _write(self, call: Call) -> None:
        files = _files(call.arguments[1])
        self.lines.append(f"{self._packed(files)} | docker cp - {self._word(call, 0)}:/")

    def _import(self, call: Call) -> None:
        reference = "" if call.arguments[1] is None else " " + self._word(call, 1)
        self._imports(call.result or "unused", _files(call.arguments[0]), reference)

    def _imports(self, variable: str, files: Files, reference: str) -> None:
        command = json.dumps(["/busybox", "sleep", "1000000"] if "busybox" in files else ["/init"])
        change = f"--change {shlex.quote('CMD ' + command)} " if self._runs else ""
        self.lines.append(f"{variable}=$({self._packed(files)} | docker import {change}-{reference})")

    def _commit_as(self, call: Call) -> None:
        if "@" not in str(call.arguments[1]):
            self._bind(call, f"docker commit --pause=false {self._word(call, 0)} {self._word(call, 1)}")
            return
        # The command line does not ask the engine at all.
        self.lines.append(f"api /commit?container={self._word(call, 0)}'&'repo={self._word(call, 1)} -fX POST")

    def _build(self, call: Call) -> None:
        folder = self._fill(_files(call.arguments[1]), "/layer")
        self.lines.append(f"printf 'FROM %s\\nCOPY layer/ /\\n' {self._word(call, 0)} > {folder}/Dockerfile")
        self._bind(call, f"docker build -q --no-cache --force-rm --network none {folder}")

    def _load(self, call: Call) -> None:
        rows, names = _entries(call), (call.result or "").replace(",", " ").split()
        named = [names[n] if n < len(names) else f"image_loaded_{self._folders + n}" for n in range(len(rows))]
        self._variables |= {row.image.image_id: name for row, name in zip(rows, named, strict=True)}
        if rows[0].image.image_id in self._imported:
            reference = "".join(f" {shlex.quote(one)}" for one in rows[0].references)
            self._imports(named[0], rows[0].image.layers[0], reference)
            return
        archive = self._folder()
        for entry, variable in zip(rows, named, strict=True):
            self._image(archive, entry.image, variable)
            if entry.damaged:
                top = f"{variable}_{len(entry.image.layers) - 1}"
                self.lines.append(f"{self._packed(DAMAGE)} > {archive}/${top}.tar")
        self._manifest(archive, rows)
        self.lines.append(f"tar -C {archive} -cf - . | docker load -q")

    def _image(self, archive: str, image: ImageSpec, variable: str) -> None:
        """Write an image's layers and its config, and bind its ID: the config's digest."""
        digest = "sha256sum | cut -d ' ' -f 1"
        for number, files in enumerate(image.layers):
            packed, layer = self._packed(files), f"{variable}_{number}"
            self.lines += [f"{layer}=$({packed} | {digest})", f"{packed} > {archive}/${layer}.tar"]
        config = json.loads(image.config)
        config["config"]["Labels"].pop(LABEL, None)  # nobody is to remove what the script makes
        config["rootfs"]["diff_ids"] = ["sha256:%s" for _ in image.layers]
        values = " ".join(f"${variable}_{number}" for number in range(len(image.layers)))
        self.lines += [
            f"printf {shlex.quote(_template(config))} {values} > {archive}/config",
            f"{variable}=sha256:$({digest.replace('sha256sum', f'sha256sum < {archive}/config')})",
            f'mv {archive}/config {archive}/"${{{variable}#sha256:}}".json']

    def _manifest(self, archive: str, rows: list[ArchiveEntry]) -> None:
        manifest: list[dict[str, object]] = []
        values = []
        for entry in rows:
            variable = self._variables[entry.image.image_id]
            layers = [f"${variable}_{n}" for n in range(len(entry.image.layers))]
            # The order of the values is that of the keys, which json.dumps sorts.
            row: dict[str, object] = {"Config": "%s.json", "Layers": ["%s.tar" for _ in layers]}
            values += [f'"${{{variable}#sha256:}}"', *layers]
            if entry.parent is not None:
                row["Parent"] = "%s"
                values.append(self.word(entry.parent) or entry.parent)
            manifest.append({**row, "RepoTags": list(entry.references) or None})
        form = shlex.quote(_template(manifest))
        self.lines.append(f"printf {form} {' '.join(values)} > {archive}/manifest.json")

    def _folder(self) -> str:
        self._folders += 1
        self.lines.append(f"mkdir {self._folders}")
        return str(self._folders)

    def _fill(self, files: Files, below: str = "") -> str:
        """Write files into a new folder, and return it as a word of shell."""
        folder = self._folder()
        for path, data in sorted(files.items()):
            target = f"{folder}{below}/{shlex.quote(path)}"
            if "/" in path or below:
                self.lines.append(f'mkdir -p "$(dirname {target})"')
            self.lines.append(_written(path, data, target))
        return folder

    def _packed(self, files: Files) -> str:
        """A command that writes an archive of some files."""
        there = {path: data for path, data in files.items() if self._whole or not (_program(data) or path == OWN)}
        return f"pack {self._fill(there)}" if there else "tar -cf - -T /dev/null"


def _program(data: bytes) -> bool:
    return data.startswith(b"\x7fELF")


def _template(value: object) -> str:
    """Return JSON as a format of printf: ``%s`` alone is special, and backslashes are doubled."""
    return json.dumps(value, sort_keys=True).replace("\\", "\\\\")


_LONG = 64
"""Bytes of one letter beyond which a file is not written out."""


def _written(path: str, data: bytes, target: str) -> str:
    """Return the line that writes a file; a program too long to print is taken from the machine."""
    if _program(data) and len(data) > 4096:
        return f'cp "$(command -v {shlex.quote(path.rsplit("/", 1)[-1])})" {target}'
    if len(data) > _LONG and len(set(data)) == 1 and data[:1].isalnum():
        return f"head -c {len(data)} /dev/zero | tr '\\0' {data[:1].decode()} > {target}"
    if all(32 <= byte < 127 for byte in data):
        return f"printf '%s' {shlex.quote(data.decode())} > {target}"
    octal = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\0{b:03o}" for b in data)
    return f"printf '%b' '{octal}' > {target}"


def _files(value: object) -> Files:
    """Return the regular files of an argument: files themselves, an image of one layer, or an archive."""
    if isinstance(value, ImageSpec):
        return value.layers[0]
    if isinstance(value, bytes):
        with tarfile.open(fileobj=io.BytesIO(value)) as tar:
            streams = {info.name: tar.extractfile(info) for info in tar if info.isreg()}
            return {name: stream.read() for name, stream in streams.items() if stream is not None}
    assert isinstance(value, dict)
    return value
