"""What ``conform --exhaust`` prints: what was executed, what was not, and what differed."""

from __future__ import annotations

from layerproof.commands.layout import counted, prose, rows
from layerproof.commands.report import finding_text
from layerproof.readings.exhaust import Certificate, Covered
from layerproof.subject import Subject


def verdict_of(c: Certificate, strict: bool = False) -> str:
    """``certified``, ``violated`` or ``incomplete``; known deviations violate only if the judgement is strict."""
    return "violated" if strict and c.causes else c.verdict


def certificate_text(c: Certificate, subject: Subject, strict: bool = False, verbose: bool = False) -> str:
    """The certificate, below what differed; ``verbose``: with what was asked and answered."""
    spoken = f" as {c.dialect}" if subject.machine.traits else ""
    with_options = f" with {','.join(c.options)}" if c.options else ""
    parts = [f"{finding_text(cause.finding, subject, verbose)}\n(it differed so {counted(cause.count, 'time')})\n"
             for cause in c.causes.values()]
    parts += [
        rows("", HEADINGS, [row(part, subject) for part in c.parts]), "",
        prose(f"{c.engine}{with_options} ({c.version}){spoken}: {done_text(c)}; after each the answer and the "
              "whole observable state were compared"),
        prose(pairs_text(c))]
    if c.not_applicable:
        parts.append(prose(f"not applicable (the engine cannot express them): {' '.join(c.not_applicable)}", 4))
    if c.never:
        parts.append(prose(f"nowhere with these sizes: {'; '.join(c.never)}", 4))
    if c.ended:
        parts.append(prose(f"not all was executed, as {c.ended}", 4))
    left = {"step": sum(part.steps - part.executed for part in c.parts),
            "pair": sum(every.count for every in c.every)}
    parts += [prose(f"{counted(many, what)} could not be executed: what differs stands in the way", 4)
              for what, many in left.items() if many and not c.ended]
    parts.append(verdict_of(c, strict))
    return "\n".join(parts)


def done_text(c: Certificate) -> str:
    """How much was done."""
    return f"{counted(c.operations, 'operation')}, {counted(c.resets, 'time')} begun anew"


def pairs_text(c: Certificate) -> str:
    """How many of the ways in which one step can follow another were had."""
    had, apart = len(c.pairs & c.pairs_had), len(c.pairs & c.pairs_apart - c.pairs_had)
    return (f"of {len(c.pairs):,} ways in which one step can follow another on one object {had:,} were had"
            + (f", and of {apart:,} one step differed" if apart else "") + _every_text(c))


def every(c: Certificate) -> dict[str, int]:
    """Of every two steps on one object how many there are, were executed, and were given up as a step differs."""
    of, left, apart = (sum(getattr(one, name) for one in c.every) for name in ("all", "count", "apart"))
    return {"pairs": of, "executed": of - left - apart, "apart": apart}


def _every_text(c: Certificate) -> str:
    if not c.every:
        return ""
    of = every(c)
    return (f"; of all {of['pairs']:,} pairs of such steps {of['executed']:,} were executed"
            + (f", and of {of['apart']:,} one step differed" if of["apart"] else ""))


HEADINGS = ("sizes", "universes", "states", "steps", "executed", "differed")
"""Of the table of what was executed."""


def row(part: Covered, subject: Subject) -> tuple[str, ...]:
    """What was executed with one choice of sizes, as a row of the table."""
    sizes = " ".join(f"{sort.name}={part.sizes[sort.name]}" for sort in subject.machine.sorts if not sort.values)
    return (sizes, f"{part.universes:,} of {part.of:,}", f"{part.states:,}", f"{part.steps:,}",
            f"{part.executed:,}", f"{part.differed:,}")
