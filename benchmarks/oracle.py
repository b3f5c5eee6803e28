"""How long a call of the file system in memory takes, beside the same call on a plain folder.

Microseconds of processor time per call (the best of some rounds), after all rules in use were compiled: how a call
grows with the paths of its window and with the layers beneath, how long it takes to merge layers, and how long it
takes to compile a rule for windows of a size.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from figures import Table, rounded, tabled

from layermodel.language.ground import GroundMachine
from layermodel.union.memory import Directory, File, UnionFileSystem
from layermodel.union.merging import merged
from layermodel.union.rules import UNION
from layermodel.union.windows import Window
from layermodel.union.words import DIALECTS

ROUNDS = 5
PATHS = (8, 16, 32, 64)
LAYERS = (1, 2, 4, 6)
TRAITS = tuple(DIALECTS["overlayfs"][trait.name] for trait in UNION.traits)


class Folder:
    """A folder by the calls of the object; paths are from its root."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(os, name)
        count = 2 if name in ("rename", "link") else 1
        root = self._root
        return lambda *a, **k: call(
            *(f"{root}/{one}" if n < count and isinstance(one, str) else one for n, one in enumerate(a)), **k)


def write(fs: Any) -> None:
    fd = fs.open("d/file", os.O_WRONLY | os.O_TRUNC)
    fs.write(fd, b"content")
    fs.close(fd)


def make_and_unlink(fs: Any) -> None:
    fs.close(fs.open("d/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    fs.unlink("d/new")


def rename(fs: Any) -> None:
    fs.rename("d/file", "d/other")
    fs.rename("d/other", "d/file")


def rename_directory(fs: Any) -> None:
    fs.rename("tree", "moved")
    fs.rename("moved", "tree")


def make_and_remove(fs: Any) -> None:
    fs.mkdir("d/directory", 0o755)
    fs.rmdir("d/directory")


CALLS: dict[str, tuple[Callable[[Any], object], int]] = {
    "lstat": (lambda fs: fs.lstat("d/file"), 1),
    "chmod": (lambda fs: fs.chmod("d/file", 0o600), 1),
    "open, write, close": (write, 3),
    "create, close, unlink": (make_and_unlink, 3),
    "mkdir, rmdir": (make_and_remove, 2),
    "rename a file": (rename, 2),
    "rename a directory": (rename_directory, 2),
    "listdir": (lambda fs: fs.listdir("tree"), 1),
}
"""What is measured, and how many calls it is."""


def measured(action: Callable[[], object], calls: int = 1, *, least: float = 0.02) -> float:
    """Microseconds of processor time per call: the best of some rounds, each of at least so many seconds."""
    action()
    count, best = 1, float("inf")
    done = 0
    while done < ROUNDS:
        start = time.process_time()
        for _ in range(count):
            action()
        used = time.process_time() - start
        if used < least:
            count *= 2
            continue
        best, done = min(best, used / (count * calls)), done + 1
    return best * 1e6


def prepared(fs: Any, entries: int) -> Any:
    """Give it a directory with a file, and a tree of so many entries that only the upper has."""
    fs.mkdir("tree", 0o755)
    for n in range(entries):
        fs.close(fs.open(f"tree/{n}", os.O_CREAT | os.O_WRONLY, 0o644))
    return fs


def layers(count: int) -> list[dict[str, Any]]:
    """Layers over each other, each with the directory, the file, and files of its own."""
    return [{"d": Directory(), "d/file": File(b"%d" % n), **{f"d/{n}-{m}": File() for m in range(10)}}
            for n in range(count)]


def by_columns(
    title: str, what: str, columns: Sequence[str], rows: Mapping[str, Sequence[float]], note: str = "",
) -> Table:
    """A table of rows of figures."""
    return tabled(title, [{what: name, **dict(zip(columns, map(rounded, values), strict=True))}
                          for name, values in rows.items()], note)


def in_a_folder() -> dict[str, float]:
    """Microseconds per call on a plain folder."""
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(root)
        folder.mkdir("d", 0o755)
        folder.close(folder.open("d/file", os.O_CREAT | os.O_WRONLY, 0o644))
        prepared(folder, _entries(PATHS[-1]))
        return {name: measured(lambda call=call: call(folder), calls) for name, (call, calls) in CALLS.items()}


def _entries(paths: int) -> int:
    """A directory that is renamed needs itself twice in the window, and its way."""
    return (paths - 3) // 2


def by_paths() -> Table:
    """Calls on one layer, whose window has more and more paths."""
    rows: dict[str, list[float]] = {name: [] for name in CALLS}
    for paths in PATHS:
        fs = prepared(UnionFileSystem(layers(1)), _entries(paths))
        for name, (call, calls) in CALLS.items():
            rows[name].append(measured(lambda call=call, fs=fs: call(fs), calls))
    for name, plain in in_a_folder().items():
        # The folder has as many entries as the tree of the most paths.
        rows[name] += [plain, rows[name][-1] / plain]
    return by_columns("by paths", "call", [*(f"{n} paths, µs" for n in PATHS), "folder, µs", "times the folder"],
                      rows, "Paths are those in the window of renaming a directory.")


def by_layers() -> Table:
    """Calls on more and more layers, and what it takes to merge them."""
    rows: dict[str, list[float]] = {name: [] for name in (*CALLS, "mount")}
    for count in LAYERS:
        stack = layers(count)
        fs = prepared(UnionFileSystem(stack), 2)
        for name, (call, calls) in CALLS.items():
            rows[name].append(measured(lambda call=call, fs=fs: call(fs), calls))
        rows["mount"].append(measured(lambda stack=stack: UnionFileSystem(stack)))
    for values in rows.values():
        values.append(values[-1] / values[0])
    return by_columns("by layers", "call", [*(f"{n} below, µs" for n in LAYERS), "most times fewest"], rows,
                      "Columns are layers of 12 paths each.")


RULES: dict[str, dict[str, Any]] = {
    "stat": {"path": "f0"}, "chmod": {"path": "f0", "mode": 0o600}, "mkdir": {"path": "new", "mode": 0o755},
    "unlink": {"path": "f0"}, "rmdir": {"path": "d"}, "rename": {"path": "f0", "target": "new"}}
"""Rules that are run alone, each done and not refused, and what they are given."""


def bare_rules() -> Iterator[Table]:
    """The rule alone, run on a tree of so many paths as a whole, and what it takes to lay that out."""
    rows: dict[str, list[float]] = {name: [] for name in (*RULES, "laying out")}
    compiling: dict[str, list[float]] = {name: [] for name in RULES}
    for paths in PATHS:
        tree = merged([{"d": Directory(), **{f"f{n}": File() for n in range(paths - 3)}}])
        root = Window(tree, [""])
        root.write_back(root.begin(), 0, paths)
        names = [*tree.lower.at, "new"]
        rows["laying out"].append(measured(lambda tree=tree, names=names: Window(tree, names)))
        for name, named in RULES.items():
            window = Window(tree, names)
            fresh = GroundMachine(UNION, window.compiled.ground.layout.sizes)
            start = time.process_time()
            fresh.rule(name)
            compiling[name].append((time.process_time() - start) * 1e3)
            arguments = window.arguments(name, TRAITS, named)
            assert arguments is not None
            assert window.run(name, TRAITS, arguments)[0] is None
            rows[name].append(measured(
                lambda window=window, name=name, arguments=arguments: window.run(name, TRAITS, arguments)))
    yield by_columns("the rule alone", "rule", [f"{n} paths, µs" for n in PATHS], rows)
    yield by_columns("compiling a rule, once for each size", "rule", [f"{n} paths, ms" for n in PATHS], compiling)


def tables() -> Iterator[Table]:
    """Four tables."""
    yield by_paths()
    yield by_layers()
    yield from bare_rules()
