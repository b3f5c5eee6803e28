"""What ``conform --exhaust`` prints: what was executed, what was not, and what differed."""

from __future__ import annotations

from typing import Any

from layerproof.commands.layout import counted, prose, rows
from layerproof.commands.report import finding_json, finding_text
from layerproof.readings.exhaust import Certificate, Covered
from layerproof.subject import Subject


def verdict_of(c: Certificate, strict: bool = False) -> str:
    """``certified``, ``violated`` or ``incomplete``; known deviations violate only if the judgement is strict."""
    return "violated" if strict and c.causes else c.verdict


def certificate_json(c: Certificate, subject: Subject, strict: bool = False) -> dict[str, Any]:
    """The certificate as data."""
    return {
        "verdict": verdict_of(c, strict), "strict": strict, "engine": c.engine, "version": c.version,
        "options": list(c.options), "dialect": c.dialect, "ended": c.ended,
        "parts": [{"sizes": part.sizes, "universes": part.universes, "ofUniverses": part.of, "states": part.states,
                   "steps": part.steps, "executed": part.executed, "differed": part.differed} for part in c.parts],
        "pairs": len(c.pairs), "pairsHad": len(c.pairs & c.pairs_had),
        "pairsApart": len(c.pairs & c.pairs_apart - c.pairs_had), "operations": c.operations,
        "resets": c.resets, "never": c.never, "not_applicable": c.not_applicable,
        "findings": [{"shown": cause.count, **finding_json(cause.finding, subject)}
                     for cause in c.causes.values()],
    }


def certificate_text(c: Certificate, subject: Subject, strict: bool = False) -> str:
    """The certificate, below what differed."""
    spoken = f" as {c.dialect}" if subject.machine.traits else ""
    with_options = f" with {','.join(c.options)}" if c.options else ""
    had, apart = len(c.pairs & c.pairs_had), len(c.pairs & c.pairs_apart - c.pairs_had)
    parts = [f"{finding_text(cause.finding, subject)}\n(it differed so {counted(cause.count, 'time')})\n"
             for cause in c.causes.values()]
    parts += [
        rows("", ("sizes", "universes", "states", "steps", "executed", "differed"),
             [_row(part, subject) for part in c.parts]), "",
        prose(f"{c.engine}{with_options} ({c.version}){spoken}: {counted(c.operations, 'operation')}, "
              f"{counted(c.resets, 'time')} begun anew; after each the answer and the whole observable state were "
              "compared"),
        prose(f"of {len(c.pairs):,} ways in which one step can follow another on one object {had:,} were had"
              + (f", and of {apart:,} one step differed" if apart else ""))]
    if c.not_applicable:
        parts.append(prose(f"not applicable (the engine cannot express them): {' '.join(c.not_applicable)}", 4))
    if c.never:
        parts.append(prose(f"nowhere with these sizes: {'; '.join(c.never)}", 4))
    if c.ended:
        parts.append(prose(f"not all was executed, as {c.ended}", 4))
    left = sum(part.steps - part.executed for part in c.parts)
    if left and not c.ended:
        parts.append(prose(f"{counted(left, 'step')} could not be executed: what differs stands in the way", 4))
    parts.append(verdict_of(c, strict))
    return "\n".join(parts)


def _row(part: Covered, subject: Subject) -> tuple[str, ...]:
    sizes = " ".join(f"{sort.name}={part.sizes[sort.name]}" for sort in subject.machine.sorts if not sort.values)
    return (sizes, f"{part.universes:,} of {part.of:,}", f"{part.states:,}", f"{part.steps:,}",
            f"{part.executed:,}", f"{part.differed:,}")
