"""``layerproof laws`` and ``layerproof rules``: what is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from layerproof.commands.common import common, emit, joined, machine_option
from layerproof.commands.layout import prose
from layerproof.errors import WrongRequest

if TYPE_CHECKING:
    from layerproof.subject import Subject


@click.command("laws")
@machine_option()
@click.option("--law", "laws", multiple=True, help="Only this law; may be repeated.")
@common
def laws_command(subject: Subject, laws: tuple[str, ...], format_: str, output: str | None) -> None:
    """The catalogue of laws."""
    from layerproof.engines.registry import deviations

    chosen, known = subject.law_ids(laws), deviations(subject.name)
    listed = [law for law in subject.catalogue.laws if chosen is None or law.id in chosen]

    def text() -> str:
        parts, group = [], ""
        for law in listed:
            if law.group != group:
                group = law.group
                parts.append(f"\n{group}\n{'-' * len(group)}")
            parts.append(prose(f"{law.id}  {law.statement}", len(law.id) + 2))
            parts.append(prose(f"      {law.kind.value} law; sources: {'; '.join(law.sources)}", 8))
            for d in (d for d in known if law.id in d.laws):
                where = ", ".join((f"{d.engine} {d.versions}", *d.rules))
                parts.append(prose(f"      known deviation {d.key} ({where}): {d.says}", 8))
        return "\n".join(parts).lstrip("\n")

    emit(format_, output, lambda: [
        {"id": law.id, "group": law.group, "kind": law.kind.value, "statement": law.statement,
         "sources": list(law.sources), "rules": list(law.rules),
         "deviations": [{"key": d.key, "engine": d.engine, "versions": d.versions, "rules": list(d.rules),
                         "says": d.says, "source": d.source} for d in known if law.id in d.laws]}
        for law in listed], text)


@click.command("rules")
@machine_option()
@click.option("--rule", "rules", multiple=True, help="Only this rule; may be repeated.")
@click.option("--promela", "model", flag_value="promela",
              help="Print rules and laws as a Promela model for Spin instead.")
@click.option("--tla", "model", flag_value="tla", help="Print them as a TLA+ module for TLC instead.")
@click.option("--size", "sizes", metavar="SORT=N,…", multiple=True, callback=joined,
              help="How many objects of each sort there are in the model.")
@click.option("--dialect", help="The dialect of the model; the machine's first, if not given.")
@click.option("--mutant", help="Print the model of this deliberately wrong machine: see Spin find it.")
@common
def rules_command(
    subject: Subject, rules: tuple[str, ...], model: str | None, sizes: str | None, dialect: str | None,
    mutant: str | None, format_: str, output: str | None,
) -> None:
    """The rule book; or all rules and laws, for another model checker."""
    if model is not None:
        _model(model, subject, rules, sizes, dialect, mutant, format_, output)
        return
    if sizes is not None or dialect is not None or mutant is not None:
        raise WrongRequest("--size, --dialect and --mutant are of a model; ask for one with --promela or --tla")
    from layerproof.laws.book import rule_entries

    names = subject.rule_names(rules)
    listed = [r for r in subject.machine.rules if names is None or r.name in names]
    emit(format_, output, lambda: [
        {"name": r.name, "parameters": [{"name": p.name, "sort": p.sort.name, "role": p.role}
                                        for p in r.parameters],
         "kind": r.kind.value, "presupposes": list(r.presupposed), "refused": dict(r.refused), "then": r.then,
         "source": r.source} for r in listed],
        lambda: "\n\n".join("\n".join(prose(*entry) for entry in rule_entries(rule, subject.catalogue))
                            for rule in listed))


def _model(
    kind: str, subject: Subject, rules: tuple[str, ...], sizes: str | None, dialect: str | None,
    mutant: str | None, format_: str, output: str | None,
) -> None:
    """Print a model for another checker."""
    from layerproof.readings.promela import promela
    from layerproof.readings.tla import tla

    if rules:
        raise WrongRequest("a model has all rules: leave out --rule")
    if format_ != "text":
        raise WrongRequest("a model is text: leave out --format")
    chosen = subject.sized(sizes)
    if mutant is not None:
        wrong = subject.mutant(mutant)
        if sizes is None:
            chosen = subject.sizes(wrong.sizes or subject.finite.mutated)
        subject = subject.of(wrong.machine(subject.machine))
    write = {"promela": promela, "tla": tla}[kind]
    model = write(subject, next(iter(subject.dialects), "") if dialect is None else dialect, chosen)
    emit("text", output, lambda: None, lambda: model.rstrip())
