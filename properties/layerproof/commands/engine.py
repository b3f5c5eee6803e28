"""``layerproof conform`` and ``layerproof replay``: an engine beside the model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import click

from layermodel.store.rules import STORE
from layerproof.commands import report
from layerproof.commands.common import Progress, common, emit, read, read_limit_option, seconds, status
from layerproof.commands.mounts import conform_mount, is_union_trace, replay_model, replay_mount
from layerproof.commands.traces import replayed
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.mount.engine import KINDS
from layerproof.errors import WrongRequest
from layerproof.machines.store.draw import table, to_json
from layerproof.machines.store.engine import Engine, Scripter
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.union.traces import UnionTrace
from layerproof.process.signals import held_back
from layerproof.readings.conform import OutOfTime, conform, replay
from layerproof.runs.trace import Trace

ENGINES = ("directory", "docker", *KINDS)


def opened(name: str, socket: str | None, dockerd: str, timeout: float) -> tuple[Engine, Scripter | None]:
    """Open an engine by its name; also return what writes scripts for it, if anything does."""
    if name == "directory":
        if socket is not None:
            raise WrongRequest("the engine directory has no socket; --socket is for docker")
        return DirectoryEngine(), None
    from layerproof.engines.docker.engine import DockerEngine
    from layerproof.engines.docker.script import script

    return DockerEngine(socket=socket, dockerd=dockerd, timeout=timeout), script


@contextlib.contextmanager
def judged(
    name: str, socket: str | None, dockerd: str, timeout: float,
) -> Iterator[tuple[Engine, Scripter | None]]:
    """Open an engine by its name and close it at the end, and say what it could not remove."""
    engine, script = opened(name, socket, dockerd, timeout)
    try:
        yield engine, script
    finally:
        with held_back():
            engine.close()
        if left := getattr(engine, "leaked", ()):
            click.echo(f"layerproof: left behind, as the engine would not remove it: {', '.join(left)}", err=True)


def is_mount(name: str, socket: str | None, options: str | None) -> bool:
    """Whether an engine is a union file system; also look whether the options are for it.

    Raises:
        WrongRequest: if they are not, or the engine is not known.
    """
    if name not in ENGINES:
        raise WrongRequest(f"unknown engine {name!r}; known: {', '.join(ENGINES)}")
    if name in KINDS and socket is not None:
        raise WrongRequest(f"the engine {name} has no socket; --socket is for docker")
    if name not in KINDS and options is not None:
        raise WrongRequest(f"the engine {name} takes no mount options; --options is for overlayfs")
    return name in KINDS


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options about the engine that is judged."""
    command = click.option("--budget", type=float, callback=seconds, metavar="SECONDS",
                           help="Stop after so long and report what was done.")(command)
    command = click.option("--timeout", default=60.0, show_default=True, callback=seconds,
                           help="Seconds for one answer.")(command)
    command = click.option("--dockerd", default="dockerd", show_default=True,
                           help="The daemon to start, for docker.")(command)
    command = click.option("--options", metavar="NAME=VALUE,…", help="Mount options, for overlayfs.")(command)
    return click.option("--socket", metavar="PATH", help="Use a running Docker; only what the run itself "
                        "makes is touched, and nothing is pruned.")(command)


@click.command("conform")
@click.argument("engine")
@click.option("--operations", default=2000, show_default=True, help="How many at least.")
@click.option("--seed", default=0, show_default=True)
@click.option("--strict", is_flag=True, help="Known deviations fail the run, too.")
@engine_options
@common
def conform_command(
    engine: str, operations: int, seed: int, strict: bool, socket: str | None, dockerd: str, options: str | None,
    timeout: float, budget: float | None, format_: str, output: str | None,
) -> None:
    """Judge an engine by random operations beside the model.

    ENGINE is directory or docker, or a union file system: overlayfs, fuse-overlayfs, or tmpfs as the control.
    """
    if operations < 1:
        raise WrongRequest("a run of no operations would check nothing")
    if is_mount(engine, socket, options):
        conform_mount(engine, options, operations=operations, seed=seed, budget=budget, timeout=timeout,
                      strict=strict, format_=format_, output=output)
    with judged(engine, socket, dockerd, timeout) as (opened_engine, script), Progress() as tell:
        result = conform(STORE, STORE_LAWS, opened_engine, operations=operations, entropy=seed, budget=budget,
                         progress=lambda n: tell(f"{engine}: {n:,} operations"))
    emit(format_, output, lambda: report.conformance_json(result, script, strict),
          lambda: report.conformance_text(result, STORE_LAWS, STORE, script, strict))
    status(report.verdict_of(result, strict) != "held")


@click.command("replay")
@click.argument("trace")
@click.option("--on", "engine", help="Replay on this engine, too; see conform.")
@engine_options
@read_limit_option
@common
def replay_command(
    trace: str, read_limit: int | None, engine: str | None, socket: str | None, dockerd: str,
    options: str | None, timeout: float, budget: float | None, format_: str, output: str | None,
) -> None:
    """Replay a trace file in the model, or beside an engine."""
    text = read(trace, read_limit)
    mount = engine is not None and is_mount(engine, socket, options)
    if is_union_trace(text):
        replay_mount(UnionTrace.from_json(text), engine, options, timeout, format_, output)
    followed = Trace.from_json(text)
    if followed.machine == "union" and engine is None:
        replay_model(followed, format_, output)
    if mount or followed.machine == "union":
        raise WrongRequest(f"a run of the {followed.machine} machine cannot be replayed on {engine}")
    views, broken = replayed(followed)
    findings, script, late = [], None, ""
    if engine is not None:
        with judged(engine, socket, dockerd, timeout) as (opened_engine, script):
            try:
                findings = replay(STORE, STORE_LAWS, followed, opened_engine, budget)
            except OutOfTime as error:
                late = str(error)
    verdict = "violated" if broken or findings else "incomplete" if late else "held"

    def shown() -> str:
        parts = [report.trace_text(STORE, followed), table(views[0], views[-1])]
        parts += [report.violation_text(STORE_LAWS, v) for v in broken]
        parts += [report.finding_text(f, STORE_LAWS, STORE, script) for f in findings]
        if late:
            parts.append(f"{late} of {len(followed.events)}: {verdict}")
        elif engine is not None and not findings:
            parts.append(f"{engine} did the same in all {len(followed.events)} operations")
        return "\n".join(parts)

    emit(format_, output, lambda: {
        "verdict": verdict, "states": [to_json(v) for v in views], "broken": [v.law for v in broken],
        "findings": [report.finding_json(f, script) for f in findings]}, shown)
    status(verdict != "held")
