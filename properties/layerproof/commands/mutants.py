"""``layerproof mutants``: the kill matrix."""

from __future__ import annotations

from typing import Any

import click

from layerproof import report
from layerproof.commands.common import Progress, common, emit, status


@click.command("mutants")
@click.option("--explore", "exploring", is_flag=True, help="Kill by exploration as well (minutes).")
@common
def mutants_command(exploring: bool, format_: str, output: str | None) -> None:
    """The kill matrix: deliberately wrong machines, and what catches each."""
    from layerproof.mutants import kill_by_exploration, kill_by_proof
    from layerproof.store_mutants import MUTANTS

    matrix = []
    with Progress() as tell:
        for mutant in MUTANTS:
            tell(mutant.name)
            proof = kill_by_proof(mutant)
            run = kill_by_exploration(mutant) if exploring else None
            matrix.append({
                "name": mutant.name, "rules": list(mutant.rules), "says": mutant.says, "bug": mutant.bug,
                "prove": None if proof is None else {"law": proof.law, "length": proof.length},
                "explore": None if run is None else {"law": run.law, "length": run.length}})

    def cell(kill: Any) -> str:
        return "-" if kill is None else f"{kill['law']} in {kill['length']}"

    def text() -> str:
        heading = ("mutant", "prove", *(["explore"] if exploring else []), "what is wrong with it")
        grid = report.rows("", heading, [
            (str(m["name"]), cell(m["prove"]), *([cell(m["explore"])] if exploring else []), str(m["says"]))
            for m in matrix])
        return f"{grid}\n\n{len(matrix) - survived} killed, {survived} survived"

    survived = sum(m["prove"] is None and m["explore"] is None for m in matrix)
    emit(format_, output, lambda: {"mutants": matrix, "survived": survived}, text)
    status(survived > 0)
