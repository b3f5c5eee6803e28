"""``layerproof laws`` and ``layerproof rules``: what is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from layerproof.commands.common import common, emit, machine_option
from layerproof.commands.layout import prose

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
@common
def rules_command(subject: Subject, rules: tuple[str, ...], format_: str, output: str | None) -> None:
    """The rule book."""
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
