"""``layerproof replay``: a trace in the model, and beside an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from layerproof.commands.common import (
    Progress,
    common,
    emit,
    machine_option,
    parsed,
    read,
    read_limit_option,
    status,
)
from layerproof.commands.engine import Opened, chosen, engine_options, opened
from layerproof.commands.layout import counted
from layerproof.errors import WrongRequest

if TYPE_CHECKING:
    from layerproof.readings.conform import Conformance
    from layerproof.subject import Subject


def language_of(data: Any, machine: Subject | None) -> Subject:
    """The machine that a trace is of: one that is known by name, or that was given.

    Raises:
        WrongRequest: if it is neither.
    """
    from layerproof.machines.registry import names
    from layerproof.machines.registry import subject as machine_named
    from layerproof.runs.trace import machine_of

    name = machine_of(data)
    if machine is not None:
        return machine
    if name not in names():
        raise WrongRequest(f"the trace is of an unknown machine {name!r}; known: {', '.join(names())}, or give "
                           "yours by --machine-file")
    return machine_named(name)


@click.command("replay")
@click.argument("trace")
@click.option("--on", "engine", help="Replay on this engine, too; see conform.")
@engine_options
@machine_option(usual=False)
@read_limit_option
@common
def replay_command(
    trace: str, engine: str | None, subject: Subject | None, timeout: float, budget: float | None,
    read_limit: int | None, format_: str, output: str | None, **given: Any,
) -> None:
    """Replay a trace file in the model, or beside an engine."""
    from layerproof.commands import report
    from layerproof.commands.data import replayed_json
    from layerproof.readings.conform import conform_to
    from layerproof.readings.judge import OutOfTime
    from layerproof.readings.replay import replay
    from layerproof.runs.trace import trace_of

    data = parsed(read(trace, read_limit), "the trace")
    judge = language_of(data, subject)
    run = trace_of(judge, data)
    if engine is not None:
        known, _, options = chosen(engine, judge, {**given, "timeout": timeout})
    with Progress() as tell:
        done = replay(judge, run, budget=budget,
                      progress=lambda n: tell(f"{n:,} of {len(run.events):,} operations") if n % 64 == 0 else None)
    judged: Conformance | None = None
    total = len(run.events)
    late = ""
    there: Opened | None = None
    if done.not_done:
        late = f"the time limit was reached after {counted(total - done.not_done, 'operation')} of {total:,}"
    if engine is not None and not late:
        with opened(known, options) as there:
            try:
                judged = conform_to(judge, run, there.engine, deviations=known.deviations, budget=budget)
            except OutOfTime as error:
                judged, late = cast("Conformance", error.so_far), f"{error} of {total}"
    verdict = done.verdict if judged is None or done.findings else report.verdict_of(judged)

    def shown() -> str:
        parts = [report.replayed_text(done, judge)]
        if judged is not None:
            parts += [report.finding_text(finding, judge) for finding in judged.findings]
        if late:
            parts.append(f"{late}: {verdict}")
        elif judged is not None and not judged.unknown:
            parts.append(_same(judged, f"{counted(total - judged.not_done, 'operation')} on {engine}", verdict))
        return "\n".join(parts)

    emit(format_, output, lambda: replayed_json(done, judge, verdict, judged), shown)
    if there is not None:
        there.end(verdict != "held")
    status(verdict != "held")


def _same(judged: Conformance, done: str, verdict: str) -> str:
    """What to say of an engine that did as the model does, or otherwise only in what is known of it."""
    if not judged.findings:
        return f"{done}: it did the same"
    left = counted(judged.not_done, "operation")
    return f"{done}: it did the same, but for what is known of it" + (
        f"; {left} after that {'was' if judged.not_done == 1 else 'were'} not done: {verdict}"
        if judged.not_done else "")
