"""``layerproof prove``: every law of every rule, unbounded."""

from __future__ import annotations

import click

from layerproof.commands import report
from layerproof.commands.common import Progress, common, emit, machine_option, status
from layerproof.machines.registry import Subject
from layerproof.readings.prove.prove import prove


@click.command("prove")
@machine_option
@click.option("--law", "laws", multiple=True, help="Only this law; may be repeated.")
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@click.option("--mutant", help="Prove this deliberately wrong machine instead: see it fail.")
@click.option("--jobs", default=2, type=click.IntRange(1, 64), show_default=True)
@click.option("--dot", "drawing", flag_value="dot", help="Draw graphs for Graphviz.")
@click.option("--mermaid", "drawing", flag_value="mermaid", help="Draw graphs for Mermaid.")
@common
def prove_command(
    subject: Subject, laws: tuple[str, ...], rules: tuple[str, ...], mutant: str | None, jobs: int,
    drawing: str | None, format_: str, output: str | None,
) -> None:
    """Prove every law of every rule, for stores of any size, in any dialect."""
    identifiers, names, machine = subject.law_ids(laws), subject.rule_names(rules), subject.machine
    if mutant is not None:
        wrong = subject.mutant(mutant)
        machine, names = wrong.machine(machine), names or set(wrong.rules)
    done = 0
    with Progress() as tell:
        def told(more: int) -> None:
            nonlocal done
            done += more
            tell(f"{done} obligations")

        whole = identifiers is None and names is None
        proof = prove(machine, subject.catalogue, rules=names, laws=identifiers, jobs=jobs, progress=told,
                      beside=(*subject.lemmas(), *(subject.longer() if whole else ())))
    emit(format_, output, lambda: report.proof_json(proof, subject),
          lambda: report.proof_text(proof, subject, drawing or "text"))
    status(not proof.holds)

