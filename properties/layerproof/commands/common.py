"""What the commands share: options, progress, output, exit status."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from layerproof.errors import LayerproofError, WrongRequest
from layerproof.process.files import parsed as parsed
from layerproof.process.files import read as read
from layerproof.process.signals import Ending

if TYPE_CHECKING:
    from rich.status import Status

    from layerproof.runs.finding import Finding
    from layerproof.subject import Subject


def status(failed: bool) -> NoReturn:
    """End the command: 0 if all held, 1 if not."""
    sys.exit(1 if failed else 0)


# Output.


def emit(format_: str, output: str | None, data: Callable[[], Any], text: Callable[[], str]) -> None:
    """Print a result, or write it to a file; print it all the same if that fails, so that it is not lost.

    Raises:
        WrongRequest: if it cannot be printed or written.
    """
    shown = json.dumps(data(), indent=1) if format_ == "json" else text()
    if output is None:
        # Not click.echo: where the encoding is ASCII, it would choose another for itself.
        _print(shown)
        return
    try:
        _write(Path(output), shown + "\n")
    except OSError as error:
        _print(shown)
        raise not_writable("output", output, error) from None


def _print(text: str) -> None:
    """Print, with escapes for what the encoding has not: an engine may say whatever it likes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _write(path: Path, text: str) -> None:
    """Write a file of UTF-8: beside the old one first, if that can be, so that a full disk spoils nothing."""
    data, target = text.encode("utf-8", "backslashreplace"), path.resolve()
    mode = target.stat().st_mode if target.exists() else stat.S_IFREG | 0o666 & ~_umask()
    if stat.S_ISREG(mode):
        with contextlib.suppress(PermissionError):  # the folder's, whose file may still be ours to write
            descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                os.chmod(beside, stat.S_IMODE(mode))
                os.replace(beside, target)
            except BaseException:
                os.unlink(beside)
                raise
            return
    target.write_bytes(data)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def not_writable(what: str, name: str, error: OSError) -> WrongRequest:
    """What to say of a file that cannot be written."""
    return WrongRequest(f"the {what} file {name} cannot be written: {error.strerror}")


def check_written(option: str, name: str | None) -> None:
    """Refuse at once what could not be written at the end of a long run; what is there stays as it is.

    Args:
        option: that names the file, as "output".
    """
    if name is None:
        return
    if not name:
        raise WrongRequest(f"--{option} takes the name of a file, and is empty")
    try:
        path = Path(name).resolve()
        fresh = not path.exists()
        if fresh or path.is_file() or path.is_dir():  # to open and close a pipe would end its reader
            path.open("ab").close()
        if fresh:
            path.unlink()
    except OSError as error:
        raise not_writable(option, name, error) from None


# The end.


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


# Progress.


class Progress:
    """A line on the terminal that says what is going on; nothing where there is no terminal."""

    def __init__(self) -> None:
        """See whether there is a terminal."""
        self._status: Status | None = None
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console

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


# Options.


def seconds(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Check a number of seconds that was given."""
    if value is not None and not 0 < value <= _DAY:
        raise WrongRequest(f"--{option.name} takes a number of seconds above 0, at most {_DAY}, not {value:g}")
    return value


_DAY = 86_400


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command has: options, an early look at the output file, an orderly end on signals."""
    return common_with()(command)


def common_with(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same, with formats of the result beside text and JSON."""
    def with_common(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def whole(*arguments: Any, output: str | None, **options: Any) -> None:
            with ending_on_signals():
                check_written("output", output)
                command(*arguments, output=output, **options)

        with_output = click.option("--output", metavar="FILE", help="Write the result there instead.")(whole)
        return click.option("--format", "format_", type=click.Choice(["text", "json", *formats]), default="text",
                            help="How to print the result.")(with_output)

    return with_common


def machine_option(usual: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The machine that a command is about, as the argument ``subject``.

    Args:
        usual: where none is given, the usual one is meant; without that, ``subject`` is None then.
    """
    def with_machine(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def whole(*arguments: Any, machine: str | None, machine_file: str | None, **options: Any) -> Any:
            return command(*arguments, subject=_machine(machine, machine_file, usual), **options)

        named = click.option(
            "--machine", metavar="NAME", help="The machine: store or union, or your own as module:ATTRIBUTE."
            + ("  [default: store]" if usual else ""))(whole)
        return click.option("--machine-file", metavar="PATH", help="A machine of your own: a Python file that "
                            "calls it SUBJECT.")(named)

    return with_machine


def who_options(jobs: int | None, says: str = "Processes that share the work.") -> Callable[
        [Callable[..., Any]], Callable[..., Any]]:
    """Who does the pieces of the work, as the arguments ``jobs`` and ``cluster``.

    Args:
        jobs: if nothing is given; None is given on then.
        says: of the option ``--jobs``.
    """
    def with_who(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def whole(*arguments: Any, jobs_given: int | None, cluster: str | None, **options: Any) -> Any:
            if jobs_given is not None and cluster is not None:
                raise WrongRequest("--jobs and --cluster both say who does the work; give one of them")
            return command(*arguments, jobs=jobs if jobs_given is None else jobs_given, cluster=cluster, **options)

        with_cluster = click.option("--cluster", metavar="ADDRESS", help="Have the workers of a Dask cluster do "
                                    "it, whose scheduler listens at host:port, instead of this machine.")(whole)
        return click.option("--jobs", "jobs_given", type=click.IntRange(1, 64 if jobs else None),
                            help=f"{says} [default: {jobs}]" if jobs else says)(with_cluster)

    return with_who


def cache_option(says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What was computed before is not used, as the argument ``no_cache``."""
    return click.option("--no-cache", is_flag=True, help=says)


def _machine(name: str | None, file: str | None, usual: bool) -> Subject | None:
    from layerproof.machines.registry import USUAL, subject, subject_in

    if name is not None and file is not None:
        raise WrongRequest("--machine and --machine-file name two machines; give one of them")
    if file is not None:
        return subject_in(file)
    if name is None and not usual:
        return None
    return subject(USUAL if name is None else name)


def graph_options(dot: str, mermaid: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """That a graph is printed instead of the result: for what, as the argument ``drawing``, or None.

    Args:
        dot, mermaid: what the two say of themselves.
    """
    def with_graphs(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def whole(*arguments: Any, dot: bool, mermaid: bool, format_: str, **options: Any) -> Any:
            if dot and mermaid:
                raise WrongRequest("--dot and --mermaid each print a graph; choose one of the two")
            drawing = "dot" if dot else "mermaid" if mermaid else None
            if drawing is not None and format_ == "json":
                raise WrongRequest(f"--{drawing} prints a graph, which --format json cannot; choose one of the "
                                   "two")
            return command(*arguments, drawing=drawing, format_=format_, **options)

        with_mermaid = click.option("--mermaid", is_flag=True, help=mermaid)(whole)
        return click.option("--dot", is_flag=True, help=dot)(with_mermaid)

    return with_graphs


def joined(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> str | None:
    """One list of those that were given, of an option that may be repeated; None if it was not given."""
    return ",".join(values) if values else None


def record_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where runs that show something are kept; that this can be written is seen to before the run."""

    @functools.wraps(command)
    def whole(*arguments: Any, record: str | None, output: str | None, **options: Any) -> None:
        check_written("record", record)
        if record is not None and output is not None and _same(record, output):
            raise WrongRequest(f"--record and --output name the same file {output}, of which one would be lost")
        command(*arguments, record=record, output=output, **options)

    return click.option("--record", metavar="FILE", help="Write the run that shows the first finding there, as a "
                        "trace that replay reads.")(whole)


def _same(one: str, other: str) -> bool:
    """Whether two names are of one file, in which what is written last would stay alone."""
    path = Path(other).resolve()
    return Path(one).resolve() == path and (path.is_file() or not path.exists())


@contextlib.contextmanager
def recorded(path: str | None, machine: Subject, findings: Iterable[Finding]) -> Iterator[None]:
    """Have the result printed first, and then write the trace of the first finding, whatever became of that.

    Raises:
        WrongRequest: if the trace cannot be written.
    """
    try:
        yield
    finally:
        if path is not None:
            record_trace(path, machine, findings)


def record_trace(path: str, machine: Subject, findings: Iterable[Finding]) -> None:
    """Write the trace of the first finding to a file; say so where there is none.

    Raises:
        WrongRequest: if it cannot be written.
    """
    from layerproof.runs.trace import trace_text

    finding = next(iter(findings), None)
    if finding is None:
        click.echo(f"layerproof: nothing was found, so {path} was not written", err=True)
        return
    try:
        _write(Path(path), trace_text(machine, finding.trace) + "\n")
    except OSError as error:
        raise not_writable("record", path, error) from None


def read_limit_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """How much is read of a file that a user names; a command has it as ``read_limit``, None if not given."""
    return click.option("--read-limit", metavar="SIZE", callback=_size,
                        help="Read no more of a file than this, as 64MiB. [default: 256MiB, and 64GiB of the "
                        "layers in an archive]")(command)


def _size(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """A number of bytes, perhaps with a unit."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    number, unit = (int(found["number"]), found["unit"].upper()) if found else (0, "")
    if number == 0 or unit not in _UNITS:
        raise WrongRequest(f"--read-limit takes a number of bytes above 0, as 1000000 or 64MiB, not {value!r}")
    return number * _UNITS[unit]


_SIZE = re.compile(r"(?P<number>[0-9]{1,18})\s*(?P<unit>[A-Za-z]*)")
_UNITS: dict[str, int] = {"": 1, "B": 1} | {
    f"{prefix}{end}": base ** power for power, prefix in enumerate("KMGT", 1)
    for end, base in (("IB", 1024), ("B", 1000), ("", 1024))}
"""Units of bytes: KiB and K are 1,024, kB is 1,000 (IEC 80000-13; a bare letter as in GNU coreutils)."""
