"""``layerproof check``: everything about the model."""

from __future__ import annotations

from typing import Any

import click

from layerproof import report
from layerproof.commands.common import Progress, common, emit, status


@click.command("check")
@common
def check_command(format_: str, output: str | None) -> None:
    """Everything about the model: the main job."""
    from layerproof.check import check

    with Progress() as tell:
        result = check(tell)
    emit(format_, output, result.to_json, lambda: _check_text(result))
    status(result.verdict != "held")


def _check_text(result: Any) -> str:
    lines = []
    for law in result.catalogue.laws:
        row = result.law(law)
        total = sum(row["prove"].values())
        lines.append((law.id, f"{row['prove']['proved']}/{total}", row["explore"], row["drive"],
                      row["directory"], str(row["mutants"]), law.statement))
    data = result.to_json()
    grid = report.rows("", ("law", "proved", "explored", "driven", "directory", "mutants", "statement"), lines)
    obligations, mutants = data["obligations"], data["mutants"]
    return "\n".join([
        grid, "",
        f"prove    {obligations['proved']} proved, {obligations['refuted']} refuted, "
        f"{obligations['undecided']} undecided: stores of any size, all traits free; "
        f"{data['witnesses']} witnesses that it is not vacuous",
        *(f"         VACUOUS: {text}" for text in data["vacuous"]),
        *(f"explore  {e['states']:,} states, {e['steps']:,} steps in {e['universes']} universes: "
          + " ".join(f"{n}={c}" for n, c in e["sizes"].items()) for e in data["explored"]),
        *(f"drive    {r['operations']:,} operations as {d}"
          + ("; never reached: " + ", ".join(r["never"]) if r["never"] else "; every rule and refusal reached")
          for d, r in data["driven"].items()),
        f"conform  {data['directory']['operations']:,} operations on the embedded engine `directory`, "
        f"{data['directory']['findings']} findings"
        + (f"; never reached: {', '.join(data['directory']['never'])}" if data["directory"]["never"] else ""),
        f"mutants  {mutants['killed']} killed, {len(mutants['survived'])} survived "
        + " ".join(mutants["survived"]),
        "",
        f"verdict: {data['verdict']} ({data['seconds']} s). "
        "Next: `layerproof conform docker` judges a real Docker; `layerproof rules` prints the rules.",
    ])
