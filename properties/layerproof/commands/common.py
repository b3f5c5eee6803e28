"""What the commands share: options, progress, output, exit status."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from layerproof.errors import LayerproofError, WrongRequest
from layerproof.machines.registry import USUAL, names, subject, subject_in
from layerproof.process.signals import Ending
from layerproof.runs.finding import Finding
from layerproof.runs.trace import trace_text
from layerproof.subject import Subject


def status(failed: bool) -> NoReturn:
    """End the command: 0 if all held, 1 if not."""
    sys.exit(1 if failed else 0)


def emit(format_: str, output: str | None, data: Callable[[], Any], text: Callable[[], str]) -> None:
    """Print a result, or write it to a file; print it all the same if that fails, so that it is not lost."""
    shown = json.dumps(data(), indent=1) if format_ == "json" else text()
    if output is None:
        click.echo(shown)
        return
    try:
        Path(output).write_text(shown + "\n", encoding="utf-8")
    except OSError as error:
        click.echo(shown)
        raise _not_writable(output, error) from None


def _not_writable(output: str, error: OSError) -> WrongRequest:
    return WrongRequest(f"the output file {output} cannot be written: {error.strerror}")


def check_output(output: str | None) -> None:
    """Refuse at once what could not be written at the end of a long run; what is there stays as it is."""
    if output is None:
        return
    try:
        path = Path(output).resolve()
        fresh = not path.exists()
        if fresh or path.is_file() or path.is_dir():  # to open and close a pipe would end its reader
            path.open("ab").close()
        if fresh:
            path.unlink()
    except OSError as error:
        raise _not_writable(output, error) from None


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """End the command in one sentence when a signal asks for it, with the exit status that shells give."""
    words = ""
    with Ending() as ending:
        try:
            yield
        except BaseException as error:
            # Hypothesis may wrap what the signal raised, or stumble over it.
            if ending.number is None:
                raise
            words = f"; {error}" if isinstance(error, LayerproofError) else ""
    if ending.number is not None:
        with contextlib.suppress(OSError):  # the terminal may be what is gone
            click.echo(f"layerproof: ended by {signal.Signals(ending.number).name}{words}", err=True)
        sys.exit(128 + ending.number)


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


def seconds(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Check a number of seconds that was given."""
    if value is not None and not 0 < value <= _DAY:
        raise WrongRequest(f"--{option.name} takes a number of seconds above 0, at most {_DAY}, not {value:g}")
    return value


_DAY = 86_400


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command has: options, an early look at the output file, an orderly end on signals."""

    @functools.wraps(command)
    def whole(*arguments: Any, output: str | None, **options: Any) -> None:
        with ending_on_signals():
            check_output(output)
            command(*arguments, output=output, **options)

    with_output = click.option("--output", metavar="FILE", help="Write the result there instead.")(whole)
    return click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
                        help="How to print the result.")(with_output)


def machine_option(usual: str | None = USUAL) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The machine that a command is about, as the argument ``subject``.

    Args:
        usual: the name of that which is meant where none is given; with None, ``subject`` is None then.
    """
    def with_machine(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def whole(*arguments: Any, machine: str | None, machine_file: str | None, **options: Any) -> Any:
            return command(*arguments, subject=_machine(machine, machine_file, usual), **options)

        named = click.option(
            "--machine", metavar="NAME", help=f"The machine: {' or '.join(names())}, or your own as module:ATTRIBUTE."
            + (f"  [default: {usual}]" if usual else ""))(whole)
        return click.option("--machine-file", metavar="PATH", help="A machine of your own: a Python file that calls it "
                            "SUBJECT.")(named)

    return with_machine


def _machine(name: str | None, file: str | None, usual: str | None) -> Subject | None:
    if name is not None and file is not None:
        raise WrongRequest("--machine and --machine-file name two machines; give one of them")
    if file is not None:
        return subject_in(file)
    chosen = name or usual
    return None if chosen is None else subject(chosen)


def record_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where runs that show something are kept."""
    return click.option("--record", metavar="FILE", help="Write the run that shows the first finding there, as a trace "
                        "that replay reads.")(command)


def recorded(path: str | None, machine: Subject, findings: Iterable[Finding]) -> None:
    """Write the trace of the first finding to a file, if one was asked for; say so where there is none.

    Raises:
        WrongRequest: if it cannot be written.
    """
    if path is None:
        return
    finding = next(iter(findings), None)
    if finding is None:
        click.echo(f"layerproof: nothing was found, so {path} was not written", err=True)
        return
    try:
        Path(path).write_text(trace_text(machine, finding.trace) + "\n", encoding="utf-8")
    except OSError as error:
        raise _not_writable(path, error) from None


def read(path: str, limit: int = 1 << 28) -> str:
    """The text of a file."""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongRequest(f"{path} cannot be read: {error}") from None


def parsed(text: str, what: str) -> Any:
    """What a text says as JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongRequest(f"{what} is not JSON: {error}") from None


def read_limit(command: Callable[..., Any]) -> Callable[..., Any]:
    """How much of a file is read."""
    return click.option("--read-limit", "limit", default=1 << 28, show_default=True)(command)
