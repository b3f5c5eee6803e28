"""``layerproof prove``: every law of every rule, unbounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from layerproof.commands.common import (
    Progress,
    cache_option,
    common,
    emit,
    graph_options,
    machine_option,
    status,
    who_options,
)

if TYPE_CHECKING:
    from layerproof.subject import Subject


@click.command("prove")
@machine_option()
@click.option("--law", "laws", multiple=True, help="Only this law; may be repeated.")
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@click.option("--mutant", help="Prove this deliberately wrong machine instead: see it fail.")
@who_options(2)
@cache_option("Prove all anew, whatever the cache folder has, and keep nothing there.")
@graph_options("Print the first counterexample as a graph for Graphviz and nothing else.",
               "The same for Mermaid.")
@common
def prove_command(
    subject: Subject, laws: tuple[str, ...], rules: tuple[str, ...], mutant: str | None, jobs: int,
    cluster: str | None, no_cache: bool, drawing: str | None, format_: str, output: str | None,
) -> None:
    """Prove every law of every rule, for any number of objects, in any dialect."""
    from layerproof.commands import report
    from layerproof.readings.prove.prove import prove
    from layerproof.subject import mutated

    identifiers, names, judged = subject.law_ids(laws), subject.rule_names(rules), subject
    if mutant is not None:
        judged, names = mutated(subject, mutant), names or set(subject.mutant(mutant).rules)
    done = 0
    with Progress() as tell:
        def told(more: int) -> None:
            nonlocal done
            done += more
            tell(f"{done} obligations")

        whole = identifiers is None and names is None
        proof = prove(judged, rules=names, laws=identifiers, jobs=jobs, cluster=cluster, progress=told,
                      cached=not no_cache, beside=(*subject.lemmas(), *(subject.longer() if whole else ())))
    if drawing is not None:
        graph = report.drawn(proof, judged, drawing)
        click.echo(report.summary_text(proof, judged), err=True)
        if graph:
            emit("text", output, lambda: None, lambda: graph.rstrip())
    else:
        emit(format_, output, lambda: report.proof_json(proof, judged), lambda: report.proof_text(proof, judged))
    status(not proof.holds)
