"""Terms as text in a normal form: the same rules, built again, are the same text.

A name that was made anew (``another Image!17``) is another one each time. Here such names are numbered in the
order in which they appear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import z3

_ANEW = re.compile(r"\|[^|]*!\d+\||[^\s()|]+!\d+(?=[\s()])")
_DECLARED = re.compile(r"^\(declare-fun (\|[^|]*\||\S+) .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Written:
    """A term in its normal form.

    Attributes:
        digest: of its text, with the declarations of all that it mentions.
        anew: the names in it that were made anew and are not bound in it, in the order of its text.
    """

    term: Any
    digest: str
    anew: tuple[str, ...]

    @cached_property
    def constants(self) -> list[Any]:
        """The constants among the names that were made anew."""
        names = [name.strip("|") for name in self.anew]
        found = _constants(self.term, names) if names else {}
        return [found[name] for name in names if name in found]


_MOST = 1 << 14
_known: dict[int, Written] = {}
"""Terms that were written, by their ids; each is kept as long as its id is, which could be another's else."""


def written(term: Any) -> Written:
    """Return the normal form of a Z3 term."""
    key = term.get_id()
    if key not in _known:
        if len(_known) >= _MOST:
            _known.clear()
        declared = _declarations(term)
        numbers: dict[str, int] = {}
        said = _ANEW.sub(lambda found: f"~{numbers.setdefault(found[0], len(numbers))}",
                         "".join([*(found[0] for found in declared), term.sexpr()]))
        names = {found[1] for found in declared}
        _known[key] = Written(term, sha256(said.encode()).hexdigest(),
                              tuple(name for name in numbers if name in names))
    return _known[key]


def _declarations(term: Any) -> list[re.Match[str]]:
    """The lines that declare what a term mentions, each with the name.

    How the rest of this text looks depends on what else there is in the process: it names what is used twice.
    """
    if not z3.is_bool(term):
        term = term == term
    text = z3.Z3_benchmark_to_smtlib_string(
        term.ctx.ref(), "", "", "", "", 0, (z3.Ast * 0)(), term.as_ast())
    return list(_DECLARED.finditer(text))


def digest(terms: Iterable[Any]) -> str:
    """Return a digest of terms in this order: the same if they are built again, and of no others."""
    numbers: dict[str, int] = {}
    whole = sha256()
    for one in map(written, terms):
        places = [numbers.setdefault(name, len(numbers)) for name in one.anew]
        whole.update(f"{one.digest} {places}\n".encode())
    return whole.hexdigest()


def renamed(terms: Sequence[Any]) -> list[Any]:
    """Return the terms with constants that were made anew numbered in the order in which they appear."""
    numbers: dict[Any, Any] = {}
    for one in map(written, terms):
        for constant in one.constants:
            numbers.setdefault(constant, z3.Const(
                f"{constant.decl().name().rpartition('!')[0]}!{len(numbers)}", constant.sort()))
    return [z3.substitute(term, *numbers.items()) if written(term).constants else term for term in terms]


def _constants(term: Any, names: Sequence[str]) -> dict[str, Any]:
    """The constants of these names in a term."""
    found: dict[str, Any] = {}
    seen, stack = set[int](), [term]
    while stack:
        term = stack.pop()
        if term.get_id() not in seen:
            seen.add(term.get_id())
            stack += [term.body()] if z3.is_quantifier(term) else term.children()
            if z3.is_const(term) and term.decl().name() in names:
                found[term.decl().name()] = term
    return found
