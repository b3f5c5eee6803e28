"""``layerproof prove``: every law of every rule, unbounded."""

from __future__ import annotations

from typing import Any

import click

from layermodel.store_rules import STORE
from layerproof import report
from layerproof.commands.common import Progress, common, emit, law_ids, rule_names, status
from layerproof.errors import WrongRequest
from layerproof.prove import prove
from layerproof.store_laws import STORE_LAWS


@click.command("prove")
@click.option("--law", "laws", multiple=True, help="Only this law; may be repeated.")
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@click.option("--mutant", help="Prove this deliberately wrong machine instead: see it fail.")
@click.option("--jobs", default=2, type=click.IntRange(1, 64), show_default=True)
@click.option("--dot", "drawing", flag_value="dot", help="Draw graphs for Graphviz.")
@click.option("--mermaid", "drawing", flag_value="mermaid", help="Draw graphs for Mermaid.")
@common
def prove_command(
    laws: tuple[str, ...], rules: tuple[str, ...], mutant: str | None, jobs: int, drawing: str | None,
    format_: str, output: str | None,
) -> None:
    """Prove every law of every rule, for stores of any size, in any dialect."""
    identifiers, names = law_ids(laws), rule_names(rules)
    machine, names = (STORE, names) if mutant is None else _mutated(mutant, names)
    done = 0
    with Progress() as tell:
        def told(more: int) -> None:
            nonlocal done
            done += more
            tell(f"{done} obligations")

        proof = prove(machine, STORE_LAWS, rules=names, laws=identifiers, jobs=jobs, progress=told)
    emit(format_, output, lambda: report.proof_json(proof, STORE_LAWS, machine),
          lambda: report.proof_text(proof, STORE_LAWS, machine, drawing or "text"))
    status(not proof.holds)


def _mutated(name: str, rules: set[str] | None) -> tuple[Any, set[str]]:
    from layerproof.store_mutants import MUTANTS

    found = {m.name: m for m in MUTANTS}.get(name)
    if found is None:
        raise WrongRequest(f"unknown mutant {name!r}; `layerproof mutants` lists them")
    return found.machine(), rules or set(found.rules)
