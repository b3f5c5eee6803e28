"""``layerproof explore`` and ``layerproof drive``: runs of the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from layerproof.commands.common import (
    Progress,
    common,
    emit,
    joined,
    machine_option,
    record_option,
    recorded,
    status,
)

if TYPE_CHECKING:
    from layerproof.readings.explore import Exploration
    from layerproof.subject import Subject


def _told(tell: Callable[[str], None], dialect: str, operations: int) -> None:
    tell(f"{dialect}: {operations:,} operations")


@click.command("explore")
@machine_option()
@click.option("--size", "sizes", metavar="SORT=N,…", multiple=True, callback=joined,
              help="How many objects of each sort.")
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@click.option("--trait", "traits", multiple=True, metavar="NAME=true|false", help="Set a trait.")
@click.option("--universes", type=click.IntRange(1), help="At most so many choices of rigid values.")
@click.option("--states", "most", default=1_000_000, type=click.IntRange(1), show_default=True,
              help="Visit at most so many; a search that needs more is incomplete, with exit status 1.")
@click.option("--no-algebra", is_flag=True, help="Leave out the laws about two runs.")
@record_option
@common
def explore_command(
    subject: Subject, sizes: str | None, dialects: tuple[str, ...], traits: tuple[str, ...],
    universes: int | None, most: int, no_algebra: bool, record: str | None, format_: str, output: str | None,
) -> None:
    """Visit every state that can be reached with few objects."""
    from layerproof.commands import report
    from layerproof.readings.explore import Explorer

    chosen, parsed = subject.traits(dialects, traits), subject.sized(sizes)
    with Progress() as tell:
        def told(e: Exploration) -> None:
            if e.states % 64 == 0:
                tell(f"universe {e.universes}, {e.states:,} states, {e.steps:,} steps")

        explorer = Explorer(subject, parsed, algebra=not no_algebra, progress=told, most=most)
        result = explorer.run(chosen, limit=universes)
    with recorded(record, subject, result.findings.values()):
        emit(format_, output, lambda: report.exploration_json(result, subject),
             lambda: report.exploration_text(result, subject))
    status(result.verdict != "held")


@click.command("drive")
@machine_option()
@click.option("--operations", default=5000, show_default=True,
              help="How many at least, in rounds of about 450; up to eight times as many are done to reach every "
              "rule and refusal.")
@click.option("--seed", default=0, show_default=True)
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@click.option("--mutant", help="Drive this deliberately wrong machine instead: see it fail.")
@record_option
@common
def drive_command(
    subject: Subject, operations: int, seed: int, dialects: tuple[str, ...], mutant: str | None,
    record: str | None, format_: str, output: str | None,
) -> None:
    """Let Hypothesis drive the model and check every law after every step."""
    from layerproof.commands import report
    from layerproof.readings.drive import drive

    results, often = {}, tuple[str, ...]()
    driven = subject
    if mutant is not None:
        wrong = subject.mutant(mutant)
        driven, often = subject.of(wrong.machine(subject.machine)), wrong.rules
    with Progress() as tell:
        for name in subject.traits(dialects):
            results[name] = drive(driven, dialect=name, operations=operations, seed=seed, often=often,
                                  progress=partial(_told, tell, name))
    with recorded(record, driven, [f for r in results.values() for f in r.findings]):
        emit(format_, output, lambda: report.driven_json(results, driven),
             lambda: report.driven_text(results, driven))
    status(any(r.findings or r.never for r in results.values()))
