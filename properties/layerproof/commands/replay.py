"""``layerproof replay``: a trace in the model, and beside an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from layerproof.runs.finding import Finding
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
    from layerproof.readings.conform import OutOfTime, replay_on
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
    finding: Finding | None = None
    total = len(run.events)
    late = ""
    there: Opened | None = None
    if done.not_done:
        late = f"the time limit was reached after {counted(total - done.not_done, 'operation')} of {total:,}"
    if engine is not None and not late:
        with opened(known, options) as there:
            try:
                finding = replay_on(judge, run, there.engine, deviations=known.deviations, budget=budget)
            except OutOfTime as error:
                late = f"{error} of {total}"
    verdict = "violated" if done.findings or finding is not None else "incomplete" if late else "held"

    def shown() -> str:
        parts = [report.replayed_text(done, judge)]
        if finding is not None:
            parts.append(report.finding_text(finding, judge))
        if late:
            parts.append(f"{late}: {verdict}")
        elif engine is not None and finding is None:
            parts.append(f"{counted(total, 'operation')} on {engine}: it did the same")
        return "\n".join(parts)

    emit(format_, output, lambda: report.replayed_json(done, judge, verdict, finding), shown)
    if there is not None:
        there.end(verdict != "held")
    status(verdict != "held")
