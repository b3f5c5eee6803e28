"""A finding told step by step, as data: what was done, what was to come of it, what came, and how these differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layerproof.commands.judged import KNOWN, Judged
from layerproof.commands.layout import counted
from layerproof.commands.outcomes import state_of
from layerproof.commands.report import at_text, event_text, head_text, picture, unstable_text
from layerproof.runs.finding import Difference, Finding
from layerproof.runs.trouble import DIFFERS
from layerproof.subject import Subject

AROUND = ("before", "expected", "observed")
"""What the states are called around the last operation."""


@dataclass(frozen=True)
class Account:
    """A finding as it is told.

    Attributes:
        number: it has in the report, from 1.
        state: that it brings about (see :data:`~layerproof.commands.judged.STATES`), and whether it is known, or
            unstable.
        head: what the engine does, in a few words.
        laws: that are broken: the identifier, the statement, and what is false, for which objects, as far as that
            is known.
        notes: that it is unstable, that it is known, how often it showed.
        before: what the run starts from; empty if there is nothing to say.
        operations: the last of them shows it.
        expected, observed: what was answered to the last one.
        detail: the engine's own words.
        log: the end of the engine's log.
        graphs: the states of :data:`AROUND` as SVG elements; none if the machine has none.
        sights: the same as text.
        compared: the states expected and observed as one text, in which what differs is marked; empty if nothing
            does.
        alike: the state observed is the one expected, and only the answer differs.
        script: a shell script that shows it, or None.
    """

    number: int
    state: str
    head: str
    laws: Sequence[tuple[str, str, str]]
    notes: Sequence[str]
    before: str
    operations: Sequence[str]
    expected: str
    observed: str
    detail: str
    differences: Sequence[Difference]
    log: str
    graphs: Sequence[str]
    sights: Sequence[str]
    compared: str
    alike: bool
    script: str | None


def accounts(judged: Judged, subject: Subject) -> list[Account]:
    """All that was found, in order."""
    shown = judged.shown or [0] * len(judged.findings)
    return [_account(number, finding, times, subject)
            for number, (finding, times) in enumerate(zip(judged.findings, shown, strict=True), 1)]


def _account(number: int, finding: Finding, times: int, subject: Subject) -> Account:
    scene = finding.trace.scene
    graphs, sights, compared = _seen(finding, subject)
    return Account(
        number, _state(finding), head_text(finding), _laws(finding, subject), _notes(finding, times),
        subject.shown.before(scene), [event_text(subject, event, scene) for event in finding.trace.events],
        finding.expected or "done", finding.observed or "done", finding.detail,
        finding.differences if finding.kind == DIFFERS else (), finding.log.rstrip(), graphs, sights, compared,
        finding.states is not None and finding.states.expected == finding.states.observed, finding.script())


def _state(finding: Finding) -> str:
    known = f", {KNOWN} {finding.known.key}" if finding.known else ""
    return f"{state_of(finding)}{known}{', unstable' if finding.unstable else ''}"


def _laws(finding: Finding, subject: Subject) -> list[tuple[str, str, str]]:
    false = {v.law: "; ".join(v.false) + at_text(subject, v.variables, finding.trace.scene)
             for v in finding.violations}
    return [(law, subject.catalogue.law(law).statement, false.get(law, "")) for law in finding.breaks]


def _notes(finding: Finding, times: int) -> list[str]:
    notes = [f"Unstable: {unstable_text(finding)}."] if finding.unstable else []
    if (known := finding.known) is not None:
        notes.append(f"Known deviation {known.key}: {known.says} ({known.source})")
    return [*notes, *([f"It differed so {counted(times, 'time')}."] if times else [])]


def _seen(finding: Finding, subject: Subject) -> tuple[Sequence[str], Sequence[str], str]:
    """The states around the last operation: as graphs, as texts, and compared; nothing where nobody knows them."""
    states, scene, shown, machine = finding.states, finding.trace.scene, subject.shown, subject.machine
    if states is None:
        return (), (), ""
    around = (states.before, states.expected, states.observed)
    sights = () if shown.sights is None else shown.sights(machine, scene, states.rigid, around)
    if not shown.compared(scene):
        return (), sights, ""
    graphs = () if shown.graphs is None else shown.graphs(machine, scene.sizes, states.rigid, around)
    compared = "" if states.expected == states.observed else picture(
        subject, scene.sizes, states.rigid, around[1:], titles=AROUND[1:])
    return graphs, sights, compared
