"""``layerproof conform``: an engine beside the model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import click

from layerproof.commands.common import (
    Progress,
    check_written,
    common_with,
    emit,
    joined,
    machine_option,
    record_option,
    recorded,
    seconds,
    status,
)
from layerproof.commands.judging import FORMATS, AtRandom, Exhausting, Judging, Kept, formatted
from layerproof.errors import EngineUnreachable, LayerproofError, WrongRequest
from layerproof.process.signals import held_back
from layerproof.words import counted

if TYPE_CHECKING:
    from layerproof.engines.registry import Entry
    from layerproof.subject import Subject

_OPTIONS = {
    "socket": "the engine {} has no socket; --socket is for docker",
    "dockerd": "the engine {} has no daemon; --dockerd is for docker",
    "daemon_config": "the engine {} has no daemon; --daemon-config is for docker",
    "daemon_arg": "the engine {} has no daemon; --daemon-arg is for docker",
    "storage_driver": "the engine {} is given no storage driver; --storage-driver is for podman",
    "options": "the engine {} takes no mount options; --options is for overlayfs",
    "mount_command": "the engine {} is known by name; --mount-command is for a union of your own",
    **{name: f"--{name.replace('_', '-')} goes with --mount-command, and {{}} is known by name"
       for name in ("unmount_command", "lacks", "ignored", "whiteouts")},
}
"""What is said where an option is given that an engine does not take."""


def chosen(engine: str, machine: Subject | None, given: dict[str, Any]) -> tuple[Entry, Subject, dict[str, Any]]:
    """The engine of a name, the machine that it is judged by, and the options that it is opened with.

    Args:
        machine: that was named; None if none was.
        given: options that were given, by name; those that are None were not.

    Raises:
        WrongRequest: if the engine is not known, is not one of the machine, or takes no such option.
    """
    from layerproof.engines.registry import entry
    from layerproof.machines.registry import USUAL, subject

    known = entry(engine, USUAL if machine is None else machine.name, given.get("mount_command") is not None)
    judge = subject(known.machine) if machine is None else machine
    if known.dialects:
        judge = replace(judge, dialects={**judge.dialects, **known.dialects})
    if judge.name != known.machine:
        raise WrongRequest(f"the engine {engine} is one of the machine {known.machine}, not of {judge.name}")
    options = {name: value for name, value in given.items() if value is not None}
    for name in options:
        if name not in known.takes and name in _OPTIONS:
            raise WrongRequest(_OPTIONS[name].format(engine))
    return known, judge, {name: value for name, value in options.items() if name in known.takes}


@dataclass
class Opened:
    """An engine that a command has opened.

    Attributes:
        unclosed: what is wrong with it, where it could not be closed.
    """

    engine: Any
    unclosed: LayerproofError | None = None

    def close(self) -> None:
        """Close it if it can be closed, and say what it could not remove."""
        from layerproof.own import told

        try:
            with told(f"the engine {getattr(self.engine, 'name', type(self.engine).__name__)} cannot be closed"):
                if callable(close := getattr(self.engine, "close", None)):
                    with held_back():
                        close()
                left = ", ".join(map(str, getattr(self.engine, "leaked", ())))
        except LayerproofError as error:
            self.unclosed = error
        else:
            if left:
                click.echo(f"layerproof: left behind, as the engine would not remove it: {left}", err=True)

    def end(self, failed: bool) -> NoReturn:
        """End the command: as always, unless the engine could not be closed, which is said after what was found.

        Raises:
            LayerproofError: if it could not be closed, and nothing else failed.
        """
        if self.unclosed is not None and not failed:
            raise self.unclosed
        self.say_unclosed()
        status(failed)

    def say_unclosed(self) -> None:
        """Say that it could not be closed, beside what ends the command."""
        if self.unclosed is not None:
            click.echo(f"layerproof: {self.unclosed}", err=True)


@contextlib.contextmanager
def opened(known: Entry, options: dict[str, Any]) -> Iterator[Opened]:
    """Open an engine and close it at the end; that it cannot be closed must not hide what was found."""
    there = Opened(known.open(**options))
    try:
        yield there
    except BaseException as error:
        there.close()
        if isinstance(there.unclosed, EngineUnreachable):
            raise there.unclosed from error  # it is gone, and this says what that leaves, too
        there.say_unclosed()
        raise
    there.close()


def check_fits(meant: Subject, engine: Any) -> None:
    """See that an engine has what the machine asks that is meant where none was named.

    Raises:
        WrongRequest: if it has not; that another machine was to be named is likely then.
    """
    from layerproof.own import is_theirs

    try:
        if meant.judged is not None:
            meant.judged().needs(engine)
    except WrongRequest as error:
        raise WrongRequest(f"{error}; no machine was named, so {meant.name} was meant (--machine or "
                           "--machine-file names another)") from error
    except BaseException as error:
        if not is_theirs(error):  # else it is said when the engine is judged
            raise


def _found_out(
    judge: Subject, engine: Any, known: Entry, budget: float | None, tell: Callable[[str], None],
) -> tuple[str, dict[str, bool]]:
    """The dialect of an engine that does not say which it speaks, by name, or the nearest; and its traits."""
    from layerproof.commands.profile import head_text
    from layerproof.readings.profile import profile

    tell("finding out which dialect it speaks")
    found = profile(judge, engine, budget=budget, deviations=known.deviations, progress=tell)
    click.echo(f"layerproof: {head_text(found)} (found by {counted(found.operations, 'operation')}; `layerproof "
               "profile` says how)", err=True)
    return found.nearest, found.best


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options about the engine that is judged."""
    command = click.option("--budget", type=float, callback=seconds, metavar="SECONDS",
                           help="Stop after so long and report what was done.")(command)
    command = click.option("--timeout", default=60.0, show_default=True, callback=seconds,
                           help="Seconds for one answer of another program. An engine of your own in Python is "
                           "waited for, however long it takes.")(command)
    command = click.option("--daemon-arg", metavar="ARGUMENT", multiple=True,
                           callback=lambda _, __, given: given or None,
                           help="For the daemon that is started, for docker; may be repeated.")(command)
    command = click.option("--daemon-config", metavar="FILE",
                           help="The daemon.json of the daemon that is started, for docker.")(command)
    command = click.option("--storage-driver", metavar="NAME", help="The storage driver of what is started, for "
                           "podman: overlay or vfs.")(command)
    command = click.option("--dockerd", metavar="PATH", help="The daemon to start, for docker.")(command)
    command = click.option("--whiteouts", metavar="KIND", help="How its layers hide what is beneath: device, "
                           "wh-file, hidden-file or none.")(command)
    command = click.option("--ignored", metavar="NAME,…", multiple=True, callback=joined,
                           help="Names that it shows of its own.")(command)
    command = click.option("--lacks", metavar="WHAT,…", multiple=True, callback=joined, help="What it lacks: "
                           "owners, xattr, modes, times, inodes, hardlinks, fifo, symlinks, opaque, whiteouts, or "
                           "an operation.")(command)
    command = click.option("--unmount-command", metavar="COMMAND", help="How that is unmounted, if not by "
                           "umount {merged}.")(command)
    command = click.option("--mount-command", metavar="COMMAND", help="Judge a union of your own, of any name, "
                           "that this command mounts; with {lower}, {upper}, {work} and {merged} in it.")(command)
    command = click.option("--options", metavar="NAME=VALUE,…", multiple=True, callback=joined,
                           help="Mount options, for overlayfs.")(command)
    return click.option("--socket", metavar="PATH", help="Use a running Docker; only what the run itself "
                        "makes is touched, and nothing is pruned.")(command)


def cleaned(engine: str, given: dict[str, Any]) -> NoReturn:
    """Remove what killed runs left in an engine, say what that was, and end the command.

    Raises:
        WrongRequest: if runs leave nothing in such an engine.
    """
    known, _, options = chosen(engine, None, given)
    if known.cleanup is None:
        raise WrongRequest(f"runs leave nothing in the engine {engine}; --cleanup is for docker with --socket")
    done = known.cleanup(**{name: value for name, value in options.items() if name in ("socket", "timeout")})
    for what, those in (("removed", done.removed), ("left alone", done.kept), ("not removed", done.refused)):
        for thing in those:
            click.echo(f"{what}: {thing}")
    click.echo(f"{counted(len(done.removed), 'thing')} of killed runs removed")
    status(bool(done.refused))


def _check_exhaust(exhaust: bool, given: dict[str, Any], others: dict[str, Any]) -> None:
    """See that no option was given that says nothing of such a run.

    Raises:
        WrongRequest: if one was.
    """
    for option, value in (others if exhaust else given).items():
        if value:
            raise WrongRequest(f"{option} is for random operations, and --exhaust executes every one" if exhaust
                               else f"{option} goes with --exhaust")


@click.command("conform")
@click.argument("engine")
@click.option("--operations", type=int, help="How many at least, in rounds of at most 450; up to twice as many "
              "at random, and then the shortest runs, to reach every rule and refusal. "
              "[default: 2000; 5000 for unions]")
@click.option("--seed", default=0, show_default=True)
@click.option("--dialect", help="Hold it to this dialect, whatever it says itself.")
@click.option("--trait", "traits", multiple=True, metavar="NAME=true|false", help="Set a trait of the dialect.")
@click.option("--strict", is_flag=True, help="Known deviations fail the run, too.")
@click.option("--exhaust", is_flag=True, help="Execute every step that few objects have, instead of random ones, "
              "and print a certificate of what was executed.")
@click.option("--size", "sizes", metavar="SORT=N,…", multiple=True, callback=joined,
              help="With --exhaust: how many objects of each sort; if not given, some that the machine names, so"
              " that every rule and refusal is had.")
@click.option("--everywhere", is_flag=True, help="With --exhaust: in all choices of layers and images, also in "
              "such as bring no rule and no refusal that was not had.")
@click.option("--every-pair", is_flag=True, help="With --exhaust: also execute every two steps on one object one "
              "after the other, and not only each kind of two; takes more than ten times as long.")
@click.option("--resume", metavar="FILE", help="With --exhaust: go on from this file, if it is there, and leave "
              "there what was executed.")
@click.option("--findings", metavar="FILE", help="Write each finding there as soon as it is made, before a "
              "shorter run is looked for: a line of JSON each.")
@click.option("--verbose", is_flag=True, help="Show of each finding what was really asked of the engine, and "
              "what it answered.")
@click.option("--cleanup", is_flag=True, help="Judge nothing: list and remove what killed runs left in the engine "
              "at --socket.")
@engine_options
@machine_option(usual=False)
@record_option
@common_with(*FORMATS)
def conform_command(
    engine: str, subject: Subject | None, operations: int | None, seed: int, dialect: str | None,
    traits: tuple[str, ...], strict: bool, exhaust: bool, sizes: str | None, everywhere: bool, every_pair: bool,
    resume: str | None, findings: str | None, verbose: bool, cleanup: bool, timeout: float, budget: float | None,
    record: str | None, format_: str, output: str | None, **given: Any,
) -> None:
    """Judge an engine by random operations beside the model.

    ENGINE is directory, docker or podman, a union file system (memory, overlayfs, fuse-overlayfs, or tmpfs as the
    control), or one of your own: PATH.py:NAME or module:NAME, a class or a function of no arguments.
    """
    if cleanup:
        cleaned(engine, {**given, "timeout": timeout})
    if operations is not None and operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    _check_exhaust(exhaust, {"--size": sizes, "--everywhere": everywhere, "--every-pair": every_pair,
                             "--resume": resume}, {"--operations": operations, "--seed": seed or None})
    check_written("findings", findings)
    known, judge, options = chosen(engine, subject, {**given, "timeout": timeout})
    kept = Kept(record, findings, judge)
    way: Judging = AtRandom(judge, operations, seed, kept, verbose)
    if exhaust:
        way = Exhausting(judge, sizes, everywhere, every_pair, resume, kept, verbose)

    def said(result: Any) -> None:
        with recorded(record, judge, way.findings(result)):
            emit(format_, output, lambda: way.data(result, strict),
                 lambda: way.text(result, strict) if format_ == "text" else formatted(
                     format_, way.judged(result, strict), judge, strict))

    if dialect is not None:
        judge.dialect(dialect)
    if "dialect" in known.takes and dialect is not None:
        options |= {"dialect": dialect}
    with opened(known, options) as there, Progress() as tell:
        for warning in getattr(there.engine, "warnings", ()):
            click.echo(f"layerproof: {warning}", err=True)
        if subject is None:
            check_fits(judge, there.engine)
        valuation: dict[str, bool] | None = None
        if dialect is None and getattr(there.engine, "dialect", "") is None and len(judge.dialects) > 1:
            dialect, found = _found_out(judge, there.engine, known, budget, tell)
            valuation = {**found, **judge.settled(traits)}
        elif traits:
            # Without traits of the user's own, an engine that is none is told what it lacks before what it speaks.
            spoken = dialect or getattr(there.engine, "dialect", None) or next(iter(judge.dialects), "")
            valuation = judge.traits((spoken,), traits)[spoken]
        try:
            result = way.run(there.engine, lambda text: tell(f"{engine}: {text}"), budget=budget, dialect=dialect,
                             traits=valuation, deviations=known.deviations, found=kept)
        except BaseException as error:  # a signal, too, ends with what was found before it came
            if (so_far := getattr(error, "so_far", None)) is not None:
                said(so_far)
            raise
    said(result)
    there.end(not way.held(result, strict))
