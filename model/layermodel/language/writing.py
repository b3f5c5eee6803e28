"""How a rule is written down: a function that says, clause by clause, what an operation does.

A rule is a function of a state and of parameters that are declared where they stand, beside their sorts::

    @rule(CHANGES, then="the reference names the image and no other", source="docker-tag(1)")
    def tag(s: State, image: Image, reference: Reference) -> Clauses:
        yield refuses("no-such-image", Not(s.image(image)), "the image is not present")
        yield updates({"names": lambda r, i: If(r == reference, i == image, s.names(r, i))})

``Image`` is a sort as a type, ``Annotated[Term, IMAGE]``; ``New[Image]`` is what the operation makes and
``Found[Image]`` what the other parameters and the state determine, ``Chosen[Inode]`` what they leave a choice of.
The rule has the function's name, with hyphens.

A phrase says what the condition beside it says, and speaks of the parameters by their names. It is made of
sentences joined by ", and" or commas; alternatives are joined by "; or", and within one of several conditions by
"either … or"; "if …: …" is an implication. Where the condition depends on a trait, the phrase has
:attr:`~layermodel.language.rules.Trait.on` or :attr:`~layermodel.language.rules.Trait.off` in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Annotated, Any, TypeVar, get_type_hints

import z3

from layermodel.language.rules import (
    BOOL,
    Definition,
    Effect,
    Parameter,
    Presupposition,
    Refusal,
    Rule,
    RuleKind,
    Sort,
    Term,
    Update,
    Witness,
)

_Any = TypeVar("_Any")
_NEW, _FOUND, _CHOSEN = "new", "found", "chosen"
New = Annotated[_Any, _NEW]
"""What the operation makes."""
Found = Annotated[_Any, _FOUND]
"""What the other parameters and the state determine."""
Chosen = Annotated[_Any, _CHOSEN]
"""What they leave a choice of, among what fits."""
Flag = Annotated[Term, BOOL]
"""What is said or not: force."""

LOOKS, MAKES, CHANGES, TAKES, SWEEPS = RuleKind


@dataclass(frozen=True)
class Change:
    """What is different after an operation that was done."""

    updates: Mapping[str, Update]
    definitions: tuple[Definition, ...] = ()
    reclaimed: Term | None = None


Clause = Presupposition | Refusal | Change
Clauses = Iterator[Clause]

_clauses: list[Clause] = []
"""The clauses that were made since the rule began that is being put together."""
_Clause = TypeVar("_Clause", Presupposition, Refusal, Change)


def _made(clause: _Clause) -> _Clause:
    _clauses.append(clause)
    return clause


def presupposes(holds: Term, says: str, *witnesses: Witness) -> Presupposition:
    """What the operation presupposes of its parameters, as a phrase, and how a store with such objects is had.

    Args:
        witnesses: only if one more object of the sort, of which nothing is so, would not do.
    """
    return _made(Presupposition(holds, says, witnesses))


def another(sort: Sort) -> Term:
    """Return an object that a store does not have, for a :class:`~layermodel.language.rules.Witness`."""
    return z3.FreshConst(sort.z3, f"another {sort.name}")


def refuses(name: str, when: Term, says: str) -> Refusal:
    """With which name and on which condition the operation is refused, and the condition as a phrase."""
    return _made(Refusal(name, when, says))


def updates(new: Mapping[str, Update], *definitions: Definition, reclaimed: Term | None = None) -> Change:
    """What symbols are afterwards, by relations that the step defines, and what it reports as reclaimed."""
    return _made(Change(new, definitions, reclaimed))


def together(*pieces: Mapping[str, Update]) -> dict[str, Update]:
    """Join updates of different symbols.

    Raises:
        ValueError: if two of them update one symbol, so that one of the two would be lost.
    """
    joined: dict[str, Update] = {}
    for piece in pieces:
        if both := sorted(joined.keys() & piece.keys()):
            raise ValueError(f"two pieces of one effect update {', '.join(both)}")
        joined.update(piece)
    return joined


def instead(most: Mapping[str, Update], other: Mapping[str, Update]) -> dict[str, Update]:
    """Take updates, but for some of their symbols others that are to stand in their place.

    Raises:
        ValueError: if one of those symbols is not among them: there is nothing to stand in the place of.
    """
    if missing := sorted(other.keys() - most.keys()):
        raise ValueError(f"there is no update of {', '.join(missing)} to stand in the place of")
    return {**most, **other}


def rule(kind: RuleKind, *, then: str, source: str) -> Callable[[Callable[..., Clauses]], Rule]:
    """Make a rule of a function: what it does when it is not refused, in words, and where it comes from."""
    def make(function: Callable[..., Clauses]) -> Rule:
        return Rule(
            name=function.__name__.strip("_").replace("_", "-"),
            parameters=_parameters(function),
            body=lambda state, *arguments: effect(function(state, *arguments)),
            kind=kind, then=then, source=source)
    return make


def effect(clauses: Clauses) -> Effect:
    """Put the clauses of a rule together.

    Raises:
        TypeError: if a clause was made and not yielded, which would say nothing without anybody's noticing.
    """
    _clauses.clear()
    said = list(clauses)
    lost = [one for one in _clauses if not any(one is other for other in said)]
    if lost:
        what = f"refuses({lost[0].name!r}, …)" if isinstance(lost[0], Refusal) else (
            "presupposes(…)" if isinstance(lost[0], Presupposition) else "updates(…)")
        raise TypeError(f"it makes {what} and does not yield it")
    changes = [c for c in said if isinstance(c, Change)]
    return Effect(
        updates=together(*(c.updates for c in changes)),
        refusals=tuple(c for c in said if isinstance(c, Refusal)),
        presupposed=tuple(c for c in said if isinstance(c, Presupposition)),
        definitions=tuple(d for c in changes for d in c.definitions),
        reclaimed=next((c.reclaimed for c in changes if c.reclaimed is not None), None),
    )


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a rule's function, but for the state, as they are declared."""
    hints = get_type_hints(function, include_extras=True)
    return tuple(_parameter(function.__name__, name, getattr(hints.get(name), "__metadata__", ()))
                 for name in list(signature(function).parameters)[1:])


def _parameter(function: str, name: str, declared: tuple[Any, ...]) -> Parameter:
    sorts = [one for one in declared if isinstance(one, Sort)]
    roles = [one for one in declared if one in (_NEW, _FOUND, _CHOSEN)]
    if len(sorts) != 1 or len(roles) > 1:
        raise TypeError(f"the parameter {name} of {function} has to have one sort, as in {name}: Annotated[Term, "
                        "SORT], and may be new, found or chosen, as in New[Annotated[Term, SORT]]")
    return Parameter(name, sorts[0], *roles)
