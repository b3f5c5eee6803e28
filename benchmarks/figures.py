"""What benchmarks measure: tables of figures, on which machine, and what could not be measured.

A benchmark is a module of this folder with a function ``tables``, which yields a :class:`Table` when it is
measured, and perhaps a function ``plot``, which draws them into a file.
"""

from __future__ import annotations

import ast
import datetime
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

PACKAGES = "layerproof", "z3-solver", "llvmlite", "hypothesis"
"""Packages whose versions are told."""


class Missing(Exception):
    """A benchmark, or a part of it, cannot be run here; says what it needs, as in ``needs spin and gcc``."""


@dataclass(frozen=True)
class Table:
    """Figures of one kind.

    Attributes:
        columns: what they say, with their units where there are any.
        rows: a cell for each column; None where there is nothing to say.
        note: what has to be known to read them.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What became of a benchmark.

    Attributes:
        tables: those that were measured before it ended, however it ended.
        seconds: of wall time that it took.
        missing: what it needs and is not there; empty if it has all.
        failed: what went wrong, in one sentence; empty if nothing did.
    """

    name: str
    description: str
    tables: tuple[Table, ...] = ()
    seconds: float = 0.0
    missing: str = ""
    failed: str = ""


def tabled(title: str, rows: Iterable[Mapping[str, Any]], note: str = "") -> Table:
    """A table of rows that name their cells; what one does not name is empty in it."""
    listed = list(rows)
    columns = tuple(dict.fromkeys(column for row in listed for column in row))
    return Table(title, columns, tuple(tuple(row.get(column) for column in columns) for row in listed), note)


def need(programs: Sequence[str] = (), packages: Sequence[str] = ()) -> None:
    """See that what a benchmark needs is installed.

    Raises:
        Missing: with all that is not.
    """
    lacking = [program for program in programs if shutil.which(program) is None]
    lacking += [package for package in packages if importlib.util.find_spec(package) is None]
    if lacking:
        raise Missing("needs " + " and ".join(filter(None, (", ".join(lacking[:-1]), lacking[-1]))))


def sizes_said(sizes: Mapping[str, int]) -> str:
    """Sizes of sorts in words."""
    return ", ".join(f"{sort}={count}" for sort, count in sizes.items()) or "usual"


def rounded(number: float) -> float:
    """A figure with the three digits that mean something, or more of a large one."""
    return float(f"{number:.3g}") if abs(number) < 1000 else float(round(number))


def tell(text: str) -> None:
    """Tell the person who waits how it goes."""
    print(text, file=sys.stderr, flush=True)


# How they are run.


def description(name: str) -> str:
    """The first sentence of what a module says of itself; it is not imported, which takes seconds."""
    text = ast.get_docstring(ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".") + "."


def measured(name: str, picture: str | None = None) -> Result:
    """Run a benchmark, to be done in a process of its own; what it raises is part of the result.

    Args:
        picture: a file into which its tables are drawn, if it is one that draws any.
    """
    begun, tables = time.perf_counter(), list[Table]()
    result = Result(name, description(name))
    try:
        module = importlib.import_module(name)
        for table in module.tables():
            tell(f"  {table.title}")
            tables.append(table)
        if picture is not None and hasattr(module, "plot"):
            module.plot(tables, picture)
    except Missing as missing:
        result = replace(result, missing=str(missing))
    except Exception as error:
        result = replace(result, failed=_sentence(error))
    return replace(result, tables=tuple(tables), seconds=round(time.perf_counter() - begun, 1))


def _sentence(error: Exception) -> str:
    """What was raised and where, on one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}{said and ': '}{said} ({Path(place.filename).name}, line {place.lineno})"


# How they are told.


def about() -> dict[str, str]:
    """The date, the machine, the system and the versions, each in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} processors, {memory:.0f} GiB of memory",
        "operating system": f"{_distribution()}{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES}}


def _processor() -> str:
    """Its model, or at least its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"] + ", "
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _markdown_table(table: Table) -> list[str]:
    lines = [table.columns, ["---"] * len(table.columns), *(map(_cell, row) for row in table.rows)]
    return [f"### {table.title}", "", *(f"| {' | '.join(line)} |" for line in lines), "",
            *([table.note, ""] if table.note else [])]


def markdown(result: Result) -> str:
    """One benchmark in Markdown."""
    lines = [f"## {result.name}", "", result.description, ""]
    for table in result.tables:
        lines += _markdown_table(table)
    if result.missing:
        # What was measured before the lack was met stays.
        lines += [f"*{'the rest ' if result.tables else ''}not run: {result.missing}*", ""]
    if result.failed:
        lines += [f"*failed: {result.failed}*", ""]
    return "\n".join(lines)


def markdown_page(known: Mapping[str, str], results: Iterable[Result]) -> str:
    """All of it in Markdown; ``known`` is what :func:`about` says."""
    head = ["# Benchmarks", "", *(f"- {what}: {said}" for what, said in known.items()), ""]
    return "\n".join([*head, *map(markdown, results)])


def data(known: Mapping[str, str], results: Iterable[Result]) -> dict[str, Any]:
    """The same as JSON has it."""
    return {"about": dict(known), "benchmarks": [asdict(result) for result in results]}
