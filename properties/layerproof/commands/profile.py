"""``layerproof profile``: which dialect an engine speaks, found by driving it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from layerproof.commands.common import Progress, common, emit, machine_option
from layerproof.commands.engine import check_fits, chosen, engine_options, opened
from layerproof.words import counted

if TYPE_CHECKING:
    from layerproof.readings.profile import Experiment, Profile
    from layerproof.subject import Subject


def profile_text(result: Profile, subject: Subject) -> str:
    """What was found out about an engine, as text."""
    from layerproof.commands.report import finding_text

    lines = [head_text(result), ""]
    for trait in subject.machine.traits:
        holds = {True: "yes ", False: "no  ", None: "?   "}[result.value(trait.name)]
        lines += [f"{holds} {trait.name}", f"     {trait.doc}", f"     {_told(result, trait.name)}"]
    lines += ["", _sum(result)]
    if result.ended:
        lines.append(f"It ended early: {result.ended}.")
    for number, finding in enumerate(result.unexplained, 1):
        lines += ["", f"No valuation explains this ({number}):", "", finding_text(finding, subject)]
    return "\n".join(lines)


def head_text(result: Profile) -> str:
    """The first line: what the engine speaks, and whether it says so itself."""
    engine = f"{result.engine} {result.version}"
    if result.dialects:
        found = f"{engine} speaks {' or '.join(result.dialects)}"
    else:
        other = [f"{trait}={str(value).lower()}" for trait, value in result.best.items()
                 if value != result.known[result.nearest][trait]]
        found = f"{engine} speaks none of the dialects; nearest is {result.nearest}, with {', '.join(other)}"
    if result.contradicts:
        return f"{found}; it says that it speaks {result.spoken}, and it does not"
    return found


def _told(result: Profile, trait: str) -> str:
    """What told a trait."""
    one = next((one for one in result.experiments if trait in one.told), None)
    if one is not None:
        return f"told by: {_run(one)}"
    if result.ended:
        return "not told yet"
    return "told by no run of few objects" + (" of the operations that it has" if result.not_applicable else "")


def _run(one: Experiment) -> str:
    """The operations of a run, in a line."""
    return ", ".join(f"{e.rule} refused {e.refusal}" if e.refusal else e.rule for e in one.trace.events)


def _sum(result: Profile) -> str:
    done = f"{counted(result.operations, 'operation')} in {counted(len(result.experiments), 'run')}"
    left = "one explains" if len(result.left) == 1 else f"{len(result.left):,} explain"
    all_of = f"{counted(2 ** len(result.traits), 'valuation')} of {counted(len(result.traits), 'trait')}"
    return (f"{done}: of {all_of} {left} "
            + ("what can be explained of what was seen" if result.unexplained else "all that was seen"))


def profile_json(result: Profile, subject: Subject) -> dict[str, Any]:
    """The same as JSON."""
    from layerproof.commands.data import finding_json
    from layerproof.runs.trace import trace_json

    return {
        "machine": subject.name, "engine": result.engine, "version": result.version, "says": result.spoken,
        "verdict": result.verdict, "dialects": list(result.dialects),
        "traits": {trait: result.value(trait) for trait in result.traits},
        "valuations": [dict(zip(result.traits, values, strict=True)) for values in result.left],
        "experiments": [{"trace": trace_json(subject, one.trace), "before": one.before, "after": one.after,
                         "told": list(one.told)} for one in result.experiments],
        "unexplained": [finding_json(finding, subject) for finding in result.unexplained],
        "operations": result.operations, "ended": result.ended or None,
        "notApplicable": list(result.not_applicable)}


@click.command("profile")
@click.argument("engine")
@click.option("--operations", type=click.IntRange(1), default=60, show_default=True,
              help="How many are done on the engine at most.")
@engine_options
@machine_option(usual=False)
@common
def profile_command(
    engine: str, subject: Subject | None, operations: int, timeout: float, budget: float | None, format_: str,
    output: str | None, **given: Any,
) -> None:
    """Find out which dialect an engine speaks, from what it does alone.

    ENGINE is named as for `conform`. It is driven through the shortest runs that tell the traits of its machine
    apart. Exit status 1 if something is done that no valuation of the traits explains, if the engine says that it
    speaks a dialect that it does not speak, or if the run ended early.
    """
    from layerproof.readings.profile import Profile, profile

    known, judge, options = chosen(engine, subject, {**given, "timeout": timeout})

    def said(result: Profile) -> None:
        emit(format_, output, lambda: profile_json(result, judge), lambda: profile_text(result, judge))

    with opened(known, options) as there, Progress() as tell:
        for warning in getattr(there.engine, "warnings", ()):
            click.echo(f"layerproof: {warning}", err=True)
        if subject is None:
            check_fits(judge, there.engine)
        try:
            result = profile(judge, there.engine, operations=operations, budget=budget,
                             deviations=known.deviations, progress=lambda text: tell(f"{engine}: {text}"))
        except BaseException as error:
            if isinstance(so_far := getattr(error, "so_far", None), Profile):
                said(so_far)
            raise
    said(result)
    there.end(bool(result.unexplained or result.contradicts or result.ended))
