"""What the commands share: options, progress, output, exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from layermodel.store import DIALECTS, TRAITS
from layermodel.store_rules import STORE
from layerproof import report
from layerproof.errors import WrongRequest
from layerproof.store_laws import STORE_LAWS

SIZES = {"Layer": 2, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
         "Content": 2}


def status(failed: bool) -> NoReturn:
    """End the command: 0 if all held, 1 if not."""
    sys.exit(1 if failed else 0)


def emit(format_: str, output: str | None, data: Callable[[], Any], text: Callable[[], str]) -> None:
    """Print a result, or write it to a file."""
    shown = json.dumps(data(), indent=1) if format_ == "json" else text()
    if output is None:
        click.echo(shown)
        return
    try:
        Path(output).write_text(shown + "\n")
    except OSError as error:
        raise WrongRequest(f"the output file {output} cannot be written: {error.strerror}") from None


class Progress:
    """A line on the terminal that says what is going on; nothing where there is no terminal."""

    def __init__(self) -> None:
        """See whether there is a terminal."""
        console = Console(stderr=True)
        self._status = console.status("starting") if console.is_terminal else None

    def __enter__(self) -> Callable[[str], None]:
        """Start; the function returned says what is going on."""
        if self._status is None:
            return lambda text: None
        self._status.start()
        return self._status.update

    def __exit__(self, *_: object) -> None:
        """Remove the line."""
        if self._status is not None:
            self._status.stop()


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has."""
    command = click.option("--output", metavar="FILE", help="Write the result there instead.")(command)
    return click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
                        help="How to print the result.")(command)


def law_ids(chosen: tuple[str, ...]) -> set[str] | None:
    """Check the laws that were chosen; None if all are meant."""
    known = [law.id for law in STORE_LAWS.laws]
    for identifier in chosen:
        if identifier not in known:
            raise WrongRequest(f"unknown law {identifier!r}; `layerproof laws` lists them "
                               f"({known[0]} … {known[-1]})")
    return set(chosen) or None


def rule_names(chosen: tuple[str, ...]) -> set[str] | None:
    """Check the rules that were chosen; None if all are meant."""
    for name in chosen:
        if name not in STORE.rule_by_name:
            raise WrongRequest(f"unknown rule {name!r}; known: {', '.join(STORE.rule_by_name)}")
    return set(chosen) or None


def dialect_traits(names: tuple[str, ...], traits: tuple[str, ...]) -> dict[str, dict[str, bool]]:
    """The traits of the dialects that were chosen, with those that were set by hand."""
    for name in names:
        if name not in DIALECTS:
            raise WrongRequest(f"unknown dialect {name!r}; known: {report.dialect_names()}")
    chosen = {n: dict(DIALECTS[n]) for n in names or tuple(DIALECTS)}
    for setting in traits:
        trait, _, value = setting.partition("=")
        if trait not in {t.name for t in TRAITS}:
            raise WrongRequest(f"unknown trait {trait!r}; known: {', '.join(t.name for t in TRAITS)}")
        if value not in ("true", "false"):
            raise WrongRequest(f"the trait {trait} takes true or false, not {value!r}")
        for values in chosen.values():
            values[trait] = value == "true"
    return chosen


def parse_sizes(text: str | None) -> dict[str, int]:
    """The sizes of the sorts, with those that were given instead of the usual ones."""
    sizes = dict(SIZES)
    for part in text.split(",") if text else []:
        name, _, number = part.partition("=")
        if name not in sizes:
            raise WrongRequest(f"unknown sort {name!r} in --size; known: {', '.join(sizes)}")
        if not number.isdigit() or not 1 <= int(number) <= 9:
            raise WrongRequest(f"the size of {name} is not a number from 1 to 9: {number!r}")
        sizes[name] = int(number)
    return sizes


def read(path: str) -> str:
    """The text of a file."""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongRequest(f"{path} cannot be read: {error}") from None
