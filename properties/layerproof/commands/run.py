"""``layerproof explore`` and ``layerproof drive``: runs of the model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layerproof.commands.common import (
    Progress,
    cache_option,
    common,
    emit,
    joined,
    machine_option,
    record_option,
    recorded,
    seconds,
    status,
    who_options,
)
from layerproof.errors import LayerproofError, WrongRequest
from layerproof.process.files import check_named

if TYPE_CHECKING:
    from layerproof.readings.exploration import Exploration
    from layerproof.subject import Subject


def _going_on(e: Exploration, passed: float) -> str:
    """A line about a search that goes on."""
    rate = f"{e.steps / max(passed, 0.001):,.0f} a second"
    room = f", {e.memory / 2**20:,.0f} MB" if e.memory else ""
    return f"universe {e.universes}: {e.states:,} states, {e.waiting:,} waiting, {e.steps:,} steps, {rate}{room}"


@click.command("explore")
@machine_option()
@click.option("--size", "sizes", metavar="SORT=N,…", multiple=True, callback=joined,
              help="How many objects of each sort.")
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@click.option("--trait", "traits", multiple=True, metavar="NAME=true|false", help="Set a trait.")
@click.option("--universes", type=click.IntRange(1), help="At most so many choices of rigid values.")
@click.option("--states", "most", type=click.IntRange(1),
              help="Visit at most so many; a search that needs more is incomplete, with exit status 1. As many as "
              "the memory holds, if this is not given.")
@click.option("--memory", type=click.FloatRange(0, min_open=True), metavar="GIGABYTES", default=2.0,
              show_default=True, help="That the states may take; a search that needs more is incomplete, too.")
@click.option("--budget", type=float, callback=seconds, metavar="SECONDS",
              help="End the search after so long; it is incomplete then.")
@who_options(None, "Threads that search; as many as there are processors.")
@click.option("--symmetry", is_flag=True,
              help="Of states that differ only in which object is which, visit one.")
@cache_option("Take no machine code from the cache folder, and keep none there.")
@click.option("--interpreted", is_flag=True, help="Make no machine code, even where llvmlite is installed.")
@click.option("--resume", metavar="FILE",
              help="Go on from this file, if it is there; and leave there what is not done when the search ends "
              "before its end, by a budget, a limit or a signal.")
@click.option("--no-algebra", is_flag=True, help="Leave out the laws about two runs.")
@record_option
@common
def explore_command(
    subject: Subject, sizes: str | None, dialects: tuple[str, ...], traits: tuple[str, ...],
    universes: int | None, most: int | None, memory: float, budget: float | None, jobs: int | None,
    cluster: str | None, symmetry: bool, no_cache: bool, interpreted: bool, resume: str | None,
    no_algebra: bool, record: str | None, format_: str, output: str | None,
) -> None:
    """Visit every state that can be reached with few objects."""
    from layerproof.commands import report
    from layerproof.readings.exploration import Exploration, Stop
    from layerproof.readings.explore import Explorer

    if symmetry and interpreted:
        raise WrongRequest("--symmetry is for machine code only, and --interpreted makes none")
    if resume is not None and interpreted:
        raise WrongRequest("--resume is for machine code only, and --interpreted makes none")
    if cluster is not None and (most is not None or resume is not None):
        raise WrongRequest("--states and --resume are for one machine: the workers of a cluster do not know what "
                           "the others have visited")
    if resume is not None:
        check_named(resume)
    chosen, parsed = subject.traits(dialects, traits), subject.sized(sizes)
    begun = time.monotonic()

    def said(result: Exploration) -> None:
        with recorded(record, subject, result.findings.values()):
            emit(format_, output, lambda: report.exploration_json(result, subject),
                 lambda: report.exploration_text(result, subject))

    with Progress() as tell:
        def told(e: Exploration) -> None:
            passed = time.monotonic() - begun
            if e.compiled or e.states % 64 == 0:
                tell(_going_on(e, passed))
            if budget is not None and passed > budget:
                raise Stop

        explorer = Explorer(
            subject, parsed, algebra=not no_algebra, progress=told, most=most, memory=int(memory * 2**30),
            jobs=jobs, symmetry=symmetry, cached=not no_cache, compiled=False if interpreted else None,
            resume=None if resume is None else Path(resume), cluster=cluster)
        try:
            result = explorer.run(chosen, limit=universes)
        except LayerproofError as error:
            if isinstance(error.so_far, Exploration):
                said(error.so_far)
            raise
    said(result)
    if resume is not None and result.verdict == "incomplete":
        click.echo(f"What is not done is in {resume}: the same command goes on from there.", err=True)
    status(result.verdict != "held")


@click.command("drive")
@machine_option()
@click.option("--operations", default=5000, show_default=True,
              help="How many at least, in rounds of at most 450; up to eight times as many are done to reach "
              "every rule and refusal.")
@click.option("--seed", default=0, show_default=True)
@click.option("--seeds", default=1, type=click.IntRange(1), show_default=True,
              help="Drive with so many seeds, from the first on, and add up what they come to.")
@click.option("--dialect", "dialects", multiple=True, help="Only this dialect; may be repeated.")
@click.option("--mutant", help="Drive this deliberately wrong machine instead: see it fail.")
@who_options(1)
@record_option
@common
def drive_command(
    subject: Subject, operations: int, seed: int, seeds: int, dialects: tuple[str, ...], mutant: str | None,
    jobs: int, cluster: str | None, record: str | None, format_: str, output: str | None,
) -> None:
    """Let Hypothesis drive the model and check every law after every step."""
    from layerproof.commands import report
    from layerproof.readings.drive import campaign
    from layerproof.subject import mutated

    driven = subject if mutant is None else mutated(subject, mutant)
    often = () if mutant is None else subject.mutant(mutant).rules
    with Progress() as tell:
        results = campaign(driven, subject.traits(dialects), operations=operations, seed=seed, seeds=seeds,
                           often=often, progress=tell, jobs=jobs, cluster=cluster)
    with recorded(record, driven, [f for r in results.values() for f in r.findings]):
        emit(format_, output, lambda: report.driven_json(results, driven),
             lambda: report.driven_text(results, driven))
    status(any(r.findings or r.never for r in results.values()))
