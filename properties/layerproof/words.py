"""Nouns in sentences: with their number, with their article."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 finding", "2 findings", "1,000 universes"."""
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def a(noun: str) -> str:
    """Return a noun with its article: "a layer", "an image"."""
    first = noun.lower()
    vowel = first.startswith(("a", "e", "i", "o", "u")) and not first.startswith(("uni", "use", "one"))
    return f"{'an' if vowel or first.startswith('hour') else 'a'} {noun}"
