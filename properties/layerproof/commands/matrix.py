"""``layerproof matrix``: how engines behave, beside each other."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from layerproof.commands.common import Progress, common_with, emit, machine_option, seconds, status
from layerproof.commands.engine import chosen, opened
from layerproof.errors import WrongRequest

if TYPE_CHECKING:
    from layerproof.readings.matrix import Column, Matrix
    from layerproof.subject import Subject

_OPTIONS = ("dockerd", "socket", "daemon_config", "storage_driver")
"""What may be said of one engine of several."""


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    """An engine and its options: ``docker,dockerd=/usr/local/bin/dockerd``.

    Raises:
        WrongRequest: if an option is none, or is said twice.
    """
    name, *settings = text.split(",")
    options: dict[str, Any] = {}
    for setting in settings:
        option, _, value = setting.partition("=")
        key = option.replace("-", "_")
        if key not in _OPTIONS or not value:
            known = ", ".join(one.replace("_", "-") for one in _OPTIONS)
            raise WrongRequest(f"{setting!r} in {text!r} is no option of an engine with its value; known: {known}")
        if key in options:
            raise WrongRequest(f"{text!r} says {option} twice")
        options[key] = value
    return name, options


def _named(columns: list[Column]) -> list[Column]:
    """The columns, each by a name of its own: the engine's, else that with its version, else as it was named."""
    def telling(column: Column) -> list[str]:
        engine = column.engine
        return [engine.name, f"{engine.name} {engine.version}", column.name]

    every = [telling(column) for column in columns]
    return [replace(column, name=next(
        (name for n, name in enumerate(names) if sum(other[n] == name for other in every) == 1), names[-1]))
        for column, names in zip(columns, every, strict=True)]


@click.command("matrix")
@click.argument("engines", nargs=-1, required=True)
@click.option("--differing", is_flag=True, help="Show only situations in which engines differ.")
@click.option("--budget", type=float, callback=seconds, metavar="SECONDS",
              help="Stop after so long and report what was done.")
@click.option("--timeout", default=60.0, show_default=True, callback=seconds,
              help="Seconds for one answer of another program.")
@machine_option(usual=False)
@common_with("text", "json", "markdown", "html")
def matrix_command(
    engines: tuple[str, ...], differing: bool, budget: float | None, timeout: float, subject: Subject | None,
    format_: str, output: str | None,
) -> None:
    """Have every situation on some engines, and print what came of it on each.

    Each of ENGINES is named as for `conform`, and may have options of its own after commas, as
    docker,dockerd=PATH. The situations are derived from the rules: which operation, and of each object that it
    names, how many names it has, what containers use it, what was made from it. Each cell was observed in this
    run. Exit status 1 if something departs from the engine's rules that is not known to, or not all was done.
    """
    from layerproof.commands import table
    from layerproof.readings.matrix import Column, Matrix, matrix

    def said(result: Matrix) -> None:
        written = {"markdown": table.matrix_markdown, "html": table.matrix_page}.get(format_, table.matrix_text)
        emit(format_, output, lambda: table.matrix_json(result, differing), lambda: written(result, differing))

    asked = [(text, chosen(name, subject, {**options, "timeout": timeout}))
             for text in engines for name, options in [_parsed(text)]]
    if len({judge.name for _, (_, judge, _) in asked}) > 1:
        raise WrongRequest("the engines of one table are to be of one machine")
    with contextlib.ExitStack() as stack:
        columns = []
        for text, (known, judge, options) in asked:
            there = stack.enter_context(opened(known, options))
            dialect, traits = _held_to(judge, there.engine)
            columns.append(Column(text, judge, there.engine, dialect, traits, known.deviations))
        tell = stack.enter_context(Progress())
        try:
            result = matrix(_named(columns), budget=budget, progress=tell)
        except BaseException as error:
            if isinstance(so_far := getattr(error, "so_far", None), Matrix):
                said(so_far)
            raise
    said(result)
    status(bool(result.departs or result.ended))


def _held_to(judge: Subject, engine: Any) -> tuple[str, dict[str, bool]]:
    """The dialect of an engine and its traits: as it says, or as it is found to behave if it does not say."""
    from layerproof.readings.profile import profile

    spoken = getattr(engine, "dialect", None)
    if spoken is None:
        found = profile(judge, engine)
        return found.nearest, found.best
    return spoken, dict(judge.dialect(spoken))
