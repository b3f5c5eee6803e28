"""The rule book: a rule in words, for one who knows the operations and not the terms."""

from __future__ import annotations

from collections.abc import Iterable

from layermodel.language.rules import Rule
from layerproof.laws.law import Catalogue

Entry = tuple[str, int]
"""A paragraph, and by how many columns its lines after the first are indented; who prints it breaks the lines."""

_LABEL = len("presupposes")
_ROLES = {"new": "a new {}", "found": "the {} that the state and what is named determine",
          "chosen": "any {} that is as presupposed"}


def rule_entries(rule: Rule, catalogue: Catalogue) -> list[Entry]:
    """Return what the rule book says of a rule: all its parameters and conditions, and the laws that it keeps."""
    width = max((len(name) for name in rule.refused), default=0)
    laws = [law.id for law in catalogue.laws if law.kind.value != "algebraic" and law.about(rule)]
    return [
        (f"{rule.name} ({', '.join(p.name for p in rule.parameters if p.role == 'named')})", 4),
        *_entries("does", [rule.kind.value]),
        *_entries("with", [_ROLES[p.role].format(p.name) for p in rule.parameters if p.role != "named"]),
        *_entries("presupposes", rule.presupposed),
        *_entries("refused", [f"{name:<{width}}  {says}" for name, says in rule.refused.items()], width + 2),
        *_entries("then", [rule.then]), *_entries("keeps", [" ".join(laws)]), *_entries("source", [rule.source]),
    ]


def _entries(label: str, says: Iterable[str], indent: int = 0) -> list[Entry]:
    return [(f"  {'' if n else label:<{_LABEL}}  {one}", 4 + _LABEL + indent) for n, one in enumerate(says)]
