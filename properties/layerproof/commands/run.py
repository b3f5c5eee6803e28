"""``layerproof explore`` and ``layerproof drive``: runs of the model."""

from __future__ import annotations

from typing import Any

import click

from layerproof.commands import report
from layerproof.commands.common import Progress, common, emit, machine_option, status
from layerproof.machines.registry import Subject
from layerproof.readings.explore import Exploration


@click.command("explore")
@machine_option
@click.option("--size", "sizes", metavar="Layer=2,Image=2,…", help="How many objects of each sort.")
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@click.option("--trait", "traits", multiple=True, metavar="NAME=true|false", help="Set a trait.")
@click.option("--universes", type=click.IntRange(1), help="At most so many choices of rigid values.")
@click.option("--no-algebra", is_flag=True, help="Leave out the laws about two runs.")
@common
def explore_command(
    subject: Subject, sizes: str | None, dialects: tuple[str, ...], traits: tuple[str, ...],
    universes: int | None, no_algebra: bool, format_: str, output: str | None,
) -> None:
    """Visit every store that can be reached with few objects."""
    chosen, parsed = subject.traits(dialects, traits), subject.sized(sizes)
    with Progress() as tell:
        def told(e: Exploration) -> None:
            if e.states % 64 == 0:
                tell(f"universe {e.universes}, {e.states:,} states, {e.steps:,} steps")

        explorer = subject.explorer(parsed, algebra=not no_algebra, progress=told)
        result = explorer.run(chosen, limit=universes)
    emit(format_, output, lambda: report.exploration_json(result),
          lambda: report.exploration_text(result, subject))
    status(bool(result.findings or result.stuck))


@click.command("drive")
@machine_option
@click.option("--operations", default=5000, show_default=True, help="How many at least.")
@click.option("--seed", default=0, show_default=True)
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@common
def drive_command(
    subject: Subject, operations: int, seed: int, dialects: tuple[str, ...], format_: str, output: str | None,
) -> None:
    """Let Hypothesis drive the model and check every law after every step."""
    results = {}
    with Progress() as tell:
        for name, values in subject.traits(dialects).items():
            results[name] = subject.drive(
                subject.machine, subject.catalogue, traits=values, dialect=name, operations=operations,
                entropy=seed, progress=lambda n, name=name: tell(f"{name}: {n:,} operations"))

    def data() -> Any:
        return {name: {
            "operations": r.statistics.steps, "done": dict(r.statistics.done), "never": r.never,
            "refused": {f"{a} {b}": n for (a, b), n in r.statistics.refused.items()},
            "findings": [{"law": f.violation.law, "trace": report.trace_json(f.trace)} for f in r.findings],
        } for name, r in results.items()}

    def text() -> str:
        parts = []
        for name, r in results.items():
            parts.append(f"{name}: {r.statistics.steps:,} operations in {r.statistics.examples} runs")
            parts.append(report.statistics_text(r.statistics.done, r.statistics.refused))
            parts += [f"never reached: {t}" for t in r.never]
            for f in r.findings:
                parts += [report.violation_text(subject.catalogue, f.violation),
                          report.trace_text(subject.machine, f.trace)]
        return "\n".join(parts)

    emit(format_, output, data, text)
    status(any(r.findings or r.never for r in results.values()))
