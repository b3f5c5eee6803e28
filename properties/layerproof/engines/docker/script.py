"""A sequence of calls as a stand-alone shell script of ``docker`` commands, to be pasted into a bug report.

The script needs a POSIX shell, GNU tar, sha256sum and docker, and no network; it makes its images itself.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import tarfile
from collections.abc import Callable, Iterable

from layermodel.formats.content import ArchiveEntry, Files, ImageSpec
from layerproof.machines.store.engine import Call

_PREAMBLE = r"""#!/bin/sh
# Needs a POSIX shell, GNU tar, sha256sum and docker; DOCKER_HOST says which engine.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DOCKER_BUILDKIT=0

run() { # do a command and go on, whatever it answers
  echo "+ $*"
  "$@" || echo "exit status $?"
}
bind() { # do a command that prints an ID, and keep the ID in a variable
  variable=$1; shift
  echo "+ $variable=\$($*)"
  value=$("$@") || echo "exit status $?"
  echo "$value"
  eval "$variable=\$value"
}
pack() { # archive the files named in a folder, the same bytes for the same files
  folder=$1; shift
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0755 -C "$folder" -cf - "$@"
}
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
"""

_CLOSING = """run docker images -a --no-trunc
run docker ps -as --no-trunc
for object in $(docker images -aq --no-trunc | sort -u) $(docker ps -aq --no-trunc); do
  run docker inspect "$object"
done
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


def script(calls: tuple[Call, ...]) -> str:
    """Return a shell script that repeats some calls and then shows what the engine holds.

    A call's ``result`` names the shell variable of the ID that it gives; that of a ``load`` names one
    variable for each image of the archive, separated by spaces. A later argument that is such a name, or the
    image ID of a loaded :class:`~layermodel.formats.content.ImageSpec`, stands for that variable. A root file
    system for ``import_`` may be given as files, as an ``ImageSpec`` of one layer, or as an archive of regular
    files.

    Raises:
        ValueError: for a method that Docker has no command for.
    """
    writer = _Writer()
    for call in calls:
        writer.add(call)
    return "\n".join([_PREAMBLE, *writer.lines, "", _CLOSING])


class _Writer:
    """Collects the lines of a script; knows which variable holds which image's ID."""

    def __init__(self) -> None:
        self.lines: list[str] = []
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
            "commit": lambda call: self._bind(call, f"commit --pause=false {self._word(call, 0)}"),
            "build_step": self._build,
        }

    def add(self, call: Call) -> None:
        """Add the lines of one call."""
        self.lines.append(f"\n# {call.method}")
        if call.method in _PRUNES:
            self._run(_PRUNES[call.method])
        elif call.method in _VERBS:
            self._run(f"{_VERBS[call.method]} {self._word(call, 0)}")
        elif call.method in self._special:
            self._special[call.method](call)
        else:
            raise ValueError(f"docker has no command for {call.method}")

    def _run(self, command: str) -> None:
        self.lines.append(f"run docker {command}")

    def _bind(self, call: Call, command: str) -> None:
        self.lines.append(f"bind {call.result or 'unused'} docker {command}")

    def _word(self, call: Call, position: int) -> str:
        """Return a string argument as a word of shell: a variable, or the string itself, quoted."""
        text = str(call.arguments[position])
        variable = self._variables.get(text)
        return f'"${variable}"' if variable else f'"${text}"' if _NAME.fullmatch(text) else shlex.quote(text)

    def _remove_image(self, call: Call) -> None:
        self._run(f"rmi {'-f ' if call.arguments[1] else ''}{self._word(call, 0)}")

    def _create(self, call: Call) -> None:
        options = "--network none --stop-signal SIGKILL"
        self._bind(call, f"create {options} --name {self._word(call, 1)} {self._word(call, 0)}")

    def _write(self, call: Call) -> None:
        files = _files(call.arguments[1])
        folder = self._fill(files)
        words = f"docker cp - {self._word(call, 0)}:/"
        self.lines += [
            f"echo {shlex.quote('+ ' + words)}",
            f'{self._pack(folder, files)} | {words} || echo "exit status $?"',
        ]

    def _import(self, call: Call) -> None:
        files = _files(call.arguments[0])
        folder = self._fill(files)
        command = json.dumps(["/busybox", "sleep", "1000000"] if "busybox" in files else ["/init"])
        reference = "" if call.arguments[1] is None else " " + self._word(call, 1)
        self.lines.append(f"{self._pack(folder, files)} > {folder}.tar")
        self._bind(call, f"import --change {shlex.quote('CMD ' + command)} {folder}.tar{reference}")

    def _build(self, call: Call) -> None:
        folder = self._fill(_files(call.arguments[1]), "/layer")
        self.lines.append(f"printf 'FROM %s\\nCOPY layer/ /\\n' {self._word(call, 0)} > {folder}/Dockerfile")
        self._bind(call, f"build -q --no-cache --force-rm --network none {folder}")

    def _load(self, call: Call) -> None:
        entries = call.arguments[0]
        assert isinstance(entries, Iterable)
        rows = [entry for entry in entries if isinstance(entry, ArchiveEntry)]
        names = (call.result or "").replace(",", " ").split()
        archive = self._folder()
        for number, entry in enumerate(rows):
            variable = names[number] if number < len(names) else f"image_loaded_{self._folders}"
            self._image(archive, entry.image, variable)
            self._variables[entry.image.image_id] = variable
        self._manifest(archive, rows)
        self.lines += [f"tar -C {archive} -cf {archive}.tar .", f"run docker load -i {archive}.tar"]

    def _image(self, archive: str, image: ImageSpec, variable: str) -> None:
        """Write an image's layers and its config, and bind its ID: the config's digest."""
        diffs: list[str] = []
        for files in image.layers:
            folder = self._fill(files)
            self.lines += [
                f"{self._pack(folder, files)} > {folder}.tar",
                f"{variable}_layer_{len(diffs)}=$(digest {folder}.tar)",
                f'cp {folder}.tar {archive}/"${variable}_layer_{len(diffs)}".tar',
            ]
            diffs.append(f"${{{variable}_layer_{len(diffs)}}}")
        config = json.loads(image.config)
        config["rootfs"]["diff_ids"] = ["sha256:%s" for _ in diffs]
        values = " ".join(f'"{diff}"' for diff in diffs)
        self.lines += [
            f"printf {shlex.quote(_template(config))} {values} > {archive}/config",
            f"{variable}=sha256:$(digest {archive}/config)",
            f'mv {archive}/config {archive}/"${{{variable}#sha256:}}".json',
            f'echo "+ {variable}=${variable}"',
        ]

    def _manifest(self, archive: str, rows: list[ArchiveEntry]) -> None:
        manifest: list[dict[str, object]] = []
        values = []
        for entry in rows:
            variable = self._variables[entry.image.image_id]
            layers = [f'"${variable}_layer_{n}"' for n in range(len(entry.image.layers))]
            # The order of the values is that of the keys, which json.dumps sorts.
            row: dict[str, object] = {"Config": "%s.json", "Layers": ["%s.tar" for _ in layers]}
            values += [f'"${{{variable}#sha256:}}"', *layers]
            if entry.parent is not None:
                row["Parent"] = "%s"
                parent = self._variables.get(entry.parent, entry.parent)
                values.append(f'"${parent}"' if parent.isidentifier() else parent)
            manifest.append({**row, "RepoTags": list(entry.references) or None})
        form = shlex.quote(_template(manifest))
        self.lines.append(f"printf {form} {' '.join(values)} > {archive}/manifest.json")

    def _folder(self) -> str:
        self._folders += 1
        folder = f'"$work"/{self._folders}'
        self.lines.append(f"mkdir {folder}")
        return folder

    def _fill(self, files: Files, below: str = "") -> str:
        """Write files into a new folder, and return it as a word of shell."""
        folder = self._folder()
        for path, data in sorted(files.items()):
            target = f"{folder}{below}/{shlex.quote(path)}"
            if "/" in path or below:
                self.lines.append(f'mkdir -p "$(dirname {target})"')
            self.lines.append(_written(path, data, target))
        return folder

    @staticmethod
    def _pack(folder: str, files: Files) -> str:
        if not files:
            return "tar -cf - -T /dev/null"
        return " ".join(["pack", folder, *(shlex.quote(path) for path in sorted(files))])


def _template(value: object) -> str:
    """Return JSON as a format of printf: ``%s`` alone is special, and backslashes are doubled."""
    return json.dumps(value, sort_keys=True).replace("\\", "\\\\")


def _written(path: str, data: bytes, target: str) -> str:
    """Return the line that writes a file; a program too long to print is taken from the machine."""
    if data.startswith(b"\x7fELF") and len(data) > 4096:
        return f'cp "$(command -v {shlex.quote(path.rsplit("/", 1)[-1])})" {target}'
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
