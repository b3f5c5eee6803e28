"""``layerproof mutants``: the kill matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from layerproof.commands.common import Progress, common, emit, machine_option, status, who_options
from layerproof.commands.layout import rows

if TYPE_CHECKING:
    from layerproof.mutants.matrix import KillMatrix
    from layerproof.subject import Subject


@click.command("mutants")
@machine_option()
@click.option("--reading", "readings", multiple=True, default=("prove",), show_default=True,
              help="Kill by this: prove, explore, drive or conform; may be repeated.")
@click.option("--mutant", "names", multiple=True, help="Only this mutant; may be repeated.")
@who_options(2)
@common
def mutants_command(
    subject: Subject, readings: tuple[str, ...], names: tuple[str, ...], jobs: int, cluster: str | None,
    format_: str, output: str | None,
) -> None:
    """The kill matrix: deliberately wrong machines, and what catches each.

    Proofs take a second or two a mutant, the other readings some seconds.
    """
    from layerproof.mutants.matrix import kill_matrix

    wanted = [subject.mutant(name).name for name in names]
    chosen = [mutant for mutant in subject.mutants() if not wanted or mutant.name in wanted]
    with Progress() as tell:
        matrix = kill_matrix(subject, chosen, readings, jobs=jobs, cluster=cluster, progress=tell)
    emit(format_, output, matrix.to_json, lambda: _matrix_text(matrix))
    status(not matrix.holds)


def _matrix_text(matrix: KillMatrix) -> str:
    """The matrix as a table, then a line for each reading, then what is wrong with the result."""
    grid = rows("", ("mutant", *matrix.readings, "what is wrong with it"), [
        (m.name, *(str(matrix.cells[m.name, r]) for r in matrix.readings), m.says) for m in matrix.mutants])
    return "\n".join([grid, "", *(_summary(matrix, r) for r in matrix.readings), "", _verdict(matrix)])


def _summary(matrix: KillMatrix, reading: str) -> str:
    survivors = matrix.survivors(reading)
    guided = sum(matrix.cells[m.name, reading].guided for m in matrix.mutants)
    return (f"{reading:8} {len(matrix.mutants) - len(survivors)} killed"
            + (f" ({guided} by the explorer's run)" if guided else "")
            + f", {len(survivors)} survived{': ' if survivors else ''}{' '.join(survivors)}"
            + f"; {matrix.seconds(reading):.1f} s of work")


def _verdict(matrix: KillMatrix) -> str:
    survivors = matrix.survivors(*matrix.readings)
    lines = [f"{name} cannot be seen by {reading}: {why}" for reading in matrix.readings
             for name, why in matrix.unseen(reading).items()]
    lines += [f"{len(matrix.mutants) - len(survivors)} killed, {len(survivors)} survived"]
    lines += [f"SURVIVED every reading: {name}" for name in survivors]
    lines += [f"{reading} kills none of these mutants" for reading in matrix.idle]
    return "\n".join(lines)
