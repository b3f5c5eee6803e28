"""How a shell script asks a Docker Engine whether something is as it is to be."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from pathlib import PurePosixPath

from layermodel.formats.content import Files
from layerproof.machines.store.engine import Fact

CURL = r"""api() { # ask the engine's API what the command line does not say (needs curl)
  host=${DOCKER_HOST:-unix:///var/run/docker.sock} path=$1
  shift
  case $host in
    unix://*) curl -s "$@" --unix-socket "${host#unix://}" "http://d$path" ;;
    *) curl -s "$@" "http://${host#tcp://}$path" ;;
  esac
}
"""
"""A function that some of the questions need: those with ``api`` in them."""

_IMAGE = {"parent": "{{.Parent}}", "size": "{{.Size}}",
          "references": '{{range .RepoTags}}{{println .}}{{end}}{{range .RepoDigests}}{{println .}}{{end}}'}
_CONTAINER = {"name": "{{slice .Name 1}}", "image": "{{.Image}}", "status": "{{.State.Status}}",
              "size_rw": "{{.SizeRw}}", "size_root_fs": "{{.SizeRootFs}}"}
_SIZED = ("size_rw", "size_root_fs")
_ID = r"""grep -o '"Id":"[^"]*"' | cut -d '"' -f 4 | sort | xargs"""
_OF_STORE = {
    "answers": "$(docker version > /dev/null 2>&1 && echo yes || echo no)",
    "refusal": "$answer",
    "usage": r"""$(api /system/df | grep -o '"LayersSize":[0-9]*' | cut -d : -f 2)""",
    "images": f"$(api '/images/json?all=1' | {_ID})",
    "containers": f"$(api '/containers/json?all=1' | {_ID})",
    "reclaimed": r"""$(echo "$printed" | sed -n 's/^Total reclaimed space: //p')""",
}
_WORDS = {"answers": "whether it answers", "refusal": "the last command", "usage": "the size of all layers",
          "images": "the list of images", "containers": "the list of containers",
          "reclaimed": "the space that is reported as reclaimed"}


def asked(fact: Fact, word: Callable[[str], str | None]) -> str | None:
    """A line of shell that checks a fact; None if that cannot be asked.

    Args:
        word: what stands for an object in the shell, quoted; None if nothing does.
    """
    if not fact.of:
        expected = _of_store(fact, word) if fact.what in _OF_STORE else None
        return None if expected is None else _line(_WORDS[fact.what], expected, f'"{_OF_STORE[fact.what]}"')
    there, kind = word(fact.of), "image" if fact.what in (*_IMAGE, "shared") else _kind(fact.of)
    if there is None:
        return None
    if fact.what == "files":
        return _files(fact, there)
    expected = _expected(fact, word)
    question = _question(fact.what, kind, there)
    if expected is None or question is None:
        return None
    said = "whether it is there" if fact.what == "there" else fact.what.replace("_", " ")
    return _line(f"{kind} {_bare(there)}: {said}", expected, question)


def _kind(of: str) -> str:
    return "container" if of.startswith("container_") else "image"


def _bare(word: str) -> str:
    """What an object is called in what is said."""
    return word.strip('"').lstrip("$").replace("_", "-")


def _line(what: str, expected: str, observed: str) -> str:
    return f"check {shlex.quote(what)} {expected} {observed}"


def _of_store(fact: Fact, word: Callable[[str], str | None]) -> str | None:
    if fact.what == "refusal":
        return "refused" if fact.expected else "done"
    if fact.what in ("images", "containers"):
        assert isinstance(fact.expected, frozenset)
        words = [word(one) for one in sorted(fact.expected)]
        if None in words:
            return None
        return f'"$(printf \'%s\\n\' {" ".join(map(str, words))} | sort | xargs)"'
    if fact.what == "answers":
        return "yes" if fact.expected else "no"
    assert isinstance(fact.expected, int)
    return human(fact.expected) if fact.what == "reclaimed" else str(fact.expected)


def _expected(fact: Fact, word: Callable[[str], str | None]) -> str | None:
    if fact.what in ("parent", "image") and fact.expected:
        return word(str(fact.expected))
    if fact.what == "there":
        return "yes" if fact.expected else "no"
    if isinstance(fact.expected, frozenset):
        return shlex.quote(" ".join(sorted(fact.expected)))
    return shlex.quote(str(fact.expected))


def _question(what: str, kind: str, there: str) -> str | None:
    if what == "there":
        return f'"$(docker {kind} inspect {there} > /dev/null 2>&1 && echo yes || echo no)"'
    if what == "shared":
        return (r'''"$(api /system/df | grep -o '"Id":"[^"]*"\|"SharedSize":[-0-9]*' | grep -A 1 '''
                f'''{there} | sed -n 's/"SharedSize"://p')"''')
    form = (_IMAGE if kind == "image" else _CONTAINER).get(what)
    if form is None:
        return None
    listed = " | sort | xargs" if what == "references" else ""
    return f'"$(docker {kind} inspect {"-s " if what in _SIZED else ""}-f {shlex.quote(form)} {there}{listed})"'


def _files(fact: Fact, there: str) -> str:
    """What a container holds: which files are its own, and the digest of what is in them."""
    assert isinstance(fact.expected, dict)
    files: Files = fact.expected
    above = {str(part) for path in files for part in PurePosixPath(path).parents} - {"."}
    paths = {f"/{path}" for path in {*files, *above}}
    listed = _line(f"container {_bare(there)}: the files that are its own", shlex.quote(" ".join(sorted(paths))),
                   f'"$(docker diff {there} | cut -c 3- | sort | xargs)"')
    return "\n".join([listed, *(_line(
        f"container {_bare(there)}: the digest of {path}", hashlib.sha256(data).hexdigest(),
        f'"$(docker cp {there}:/{shlex.quote(path)} - | tar -xO | sha256sum | cut -d \' \' -f 1)"')
        for path, data in sorted(files.items()))])


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def human(size: int) -> str:
    """A size as Docker prints it: four digits at most, in powers of a thousand."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.4g}{_UNITS[unit]}"
