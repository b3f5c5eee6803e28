"""``layerproof check``: everything about the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from layerproof.commands.common import Progress, cache_option, common, emit, machine_option, status, who_options
from layerproof.commands.layout import counted, late, prose, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from layerproof.checks import Check, Checks, Stage
    from layerproof.subject import Subject


@click.command("check")
@machine_option(usual=False)
@cache_option("Do all anew, whatever the cache folder has, and keep nothing there.")
@who_options(2)
@common
def check_command(
    subject: Subject | None, no_cache: bool, jobs: int, cluster: str | None, format_: str, output: str | None,
) -> None:
    """Everything about the model: the main job."""
    from layerproof.checks import check
    from layerproof.machines.registry import names
    from layerproof.machines.registry import subject as machine_named

    chosen = [machine_named(name) for name in names()] if subject is None else [subject]
    with Progress() as tell:
        result = check(chosen, lambda stages: tell(_progress(stages)), cached=not no_cache, jobs=jobs,
                       cluster=cluster)
    emit(format_, output, result.to_json, lambda: _text(result))
    status(result.verdict != "held")


def _progress(stages: Sequence[Stage]) -> str:
    """How far it is: a line for each machine, and in it each reading that is not done."""
    lines = []
    for name in dict.fromkeys(s.machine for s in stages):
        mine = [s for s in stages if s.machine == name]
        left = [f"{s.reading} {s.done:,} of {s.total:,} {s.what}" for s in mine if s.done < s.total]
        lines.append(f"{name}: {', '.join(left) or 'done'}")
    return "\n".join(lines)


def _text(result: Checks) -> str:
    parts = ["\n".join([_laws(one), "", *_readings(one), ""]) for one in result.machines]
    before = sorted({one.known for one in result.machines if one.known})
    known = "" if not before else (f" Nothing has changed since {' and '.join(before)}, when it was computed: "
                                   "`--no-cache` computes it anew.")
    verdict = f"verdict: {result.verdict} ({result.seconds:.1f} s)."
    return "\n".join([*parts, prose(f"{verdict}{known} {_next(result)}")])


def _next(result: Checks) -> str:
    """What can be done after that, with these machines."""
    from layerproof.machines.registry import names

    own = [one.subject for one in result.machines if one.subject.name not in names()]
    if not own:
        return ("Next: `layerproof conform docker` and `layerproof conform overlayfs` judge what is on this "
                "machine; `layerproof rules` prints the rules.")
    option = own[0].option
    return (f"Next: `layerproof conform{option} PATH.py:NAME` judges an engine of yours; "
            f"`layerproof rules{option}` prints the rules.")


def _laws(one: Check) -> str:
    """What each reading showed of each law."""
    lines, judged = [], one.judged
    for law in one.subject.catalogue.laws:
        row = one.law(law)
        total = sum(row["prove"].values())
        engine = [] if judged is None else [row["engine"]]
        lines.append((law.id, f"{row['prove']['proved']}/{total}", row["explore"], row["drive"], *engine,
                      str(row["mutants"]), law.statement))
    headed = [] if judged is None else [judged.engine]
    return rows("", ("law", "proved", "explored", "driven", *headed, "mutants", "statement"), lines)


def _readings(one: Check) -> list[str]:
    """A line for each reading: how much was done, and what is missing."""
    data = one.to_json()
    obligations, mutants, lemmas = data["obligations"], data["mutants"], data["lemmas"]
    judged = data["engine"]
    free = ", all traits free" if one.subject.machine.traits else ""
    spoken: Callable[[str], str] = lambda dialects: f" as {dialects}" if one.subject.machine.traits else ""
    reached = "every rule and refusal was reached"
    if data["driven"]["not reached"]:
        reached += f" (explored, not driven: {', '.join(data['driven']['not reached'])})"
    if data["never"]:
        reached = f"NEVER REACHED: {', '.join(data['never'])}"
    lines = [
        f"prove    {obligations['proved']:,} proved, {obligations['refuted']:,} refuted, "
        f"{obligations['undecided']:,} undecided{late(obligations['timed out'])}: "
        f"{one.subject.shown.any_size}{free}; "
        + (f"{counted(sum(lemmas.values()), 'lemma')}; " if lemmas else "") +
        f"{counted(data['witnesses'], 'witness')} that it is not vacuous",
        *(f"         NOT PROVED: the lemma {name!r}" for name, proved in lemmas.items() if not proved),
        *(f"         VACUOUS: {text}" for text in data["vacuous"]),
        *(f"explore  {counted(e['states'], 'state')}, {counted(e['steps'], 'step')} in "
          f"{counted(e['universes'], 'universe')}{spoken(', '.join(e['dialects']))}: "
          + " ".join(f"{n}={c}" for n, c in e["sizes"].items())
          + ("" if e["algebra"] else "; without the laws about two runs")
          + ("; NOT ALL OF IT: more states can be reached than are visited" if e["cut"] else "")
          for e in data["explored"]),
        "drive    " + ", ".join(
            f"{counted(n, 'operation')}{spoken(d)}" for d, n in data["driven"]["operations"].items()),
        *([] if judged is None else [
            f"conform  {counted(judged['operations'], 'operation')} on the embedded engine `{judged['name']}`, "
            f"{counted(judged['findings'], 'finding')}"
            + (f"; never reached: {', '.join(judged['never'])}" if judged["never"] else "")]),
        f"         {reached}",
        f"mutants  {mutants['killed']:,} killed, {len(mutants['survived']):,} survived "
        + " ".join(mutants["survived"]),
    ]
    return [prose(line, 9) for line in lines]
