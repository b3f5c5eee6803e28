"""The rule book: a rule as text, for one who knows the operations and not the terms.

Nothing here knows how wide a line may be; who prints the text breaks its lines.
"""

from __future__ import annotations

from layermodel.language.rules import Rule
from layerproof.laws.law import Catalogue

_WIDTH = len("presupposes")


def rule_text(rule: Rule, catalogue: Catalogue) -> str:
    """Return what the rule book says of a rule: all its parameters and conditions, and the laws that it keeps."""
    lines = [f"{rule.name} ({', '.join(p.name for p in rule.parameters if p.role == 'named')})",
             _entry("does", rule.kind.value)]
    lines += [_entry("with", _ROLES[p.role].format(p.name)) for p in rule.parameters if p.role != "named"]
    lines += [_entry("presupposes" if n == 0 else "", says) for n, says in enumerate(rule.presupposed)]
    width = max((len(name) for name in rule.refused), default=0)
    lines += [_entry("refused" if n == 0 else "", f"{name:<{width}}  {says}")
              for n, (name, says) in enumerate(rule.refused.items())]
    laws = [law.id for law in catalogue.laws if law.kind.value != "algebraic" and law.about(rule)]
    return "\n".join([*lines, _entry("then", rule.then), _entry("keeps", " ".join(laws)),
                      _entry("source", rule.source)])


_ROLES = {"new": "a new {}", "found": "the {} that the state and what is named determine"}


def _entry(what: str, says: str) -> str:
    return f"  {what:<{_WIDTH}}  {says}"
