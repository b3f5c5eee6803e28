"""How a stack of layers, however high, comes to show what it shows.

The union machine is given what is seen at the top of a chain of layers, and puts one more layer over it: a
container's upper. Here the machine's own words for that (:func:`~layermodel.union.words.seen`,
:func:`~layermodel.union.words.inode`) are shown to say the same as the definition of a whole stack, by induction
on its height, and putting layers over each other is shown to be associative: two may be squashed into one.

Source: kernel Documentation/filesystems/overlayfs.rst, multiple lower layers; measured: union, rows 38 and 39.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from z3 import And, BoolVal, Implies, Not, Or

from layermodel.language.rules import BOOL, State, Symbol, Term, exists, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.union.rules import UNION
from layermodel.union.words import DIRECTORY, INODE, PATH, above, hides, inode, seen
from layerproof.laws.lemmas import Case, Lemma


@dataclass(frozen=True)
class _Entries:
    """What one layer has at each path."""

    has: Callable[[Term], Term]
    at: Callable[[Term], Term]
    whiteout: Callable[[Term], Term]
    opaque: Callable[[Term], Term]


@dataclass(frozen=True)
class _Shown:
    """What shows at each path."""

    has: Callable[[Term], Term]
    at: Callable[[Term], Term]


_C = CONTAINER.constant("stack.container")
_NOTHING = _Shown(lambda p: BoolVal(False), lambda p: INODE.constant("stack.nothing"))


def _state(layer: _Entries, beneath: _Shown) -> State:
    """A state in which the container's upper is this layer and its image shows this; nothing is redirected."""
    root = UNION.state.root
    return UNION.state.updated({
        "has_upper": lambda c, p: layer.has(p), "upper": lambda c, p: layer.at(p),
        "whiteout": lambda c, p: layer.whiteout(p), "opaque": lambda c, p: layer.opaque(p),
        "redirected": lambda c, p: BoolVal(False), "anchor": lambda c, p: root,
        "has_source": lambda c, p: BoolVal(True), "source": lambda c, p: p,
        "has_lower": lambda l, p: beneath.has(p), "lower": lambda l, p: beneath.at(p)})


def _over(layer: _Entries, beneath: _Shown) -> _Shown:
    """What is seen of a layer over what shows beneath it: the machine's own words."""
    state = _state(layer, beneath)
    return _Shown(lambda p: seen(state, _C, p), lambda p: inode(state, _C, p))


def _cuts(layer: _Entries, p: Term) -> Term:
    """The layer hides what is beneath it at p, by what it has on the way to p."""
    state = _state(layer, _NOTHING)
    return exists(PATH, lambda q: And(above(state, q, p), hides(state, _C, q)))


# Stacks of any height: a layer for each element of Layer, from the bottom up.

_HAS, _WHITEOUT, _OPAQUE = (
    Symbol(f"stack.{name}", (LAYER, PATH), BOOL, "").decl for name in ("has", "whiteout", "opaque"))
_AT = Symbol("stack.at", (LAYER, PATH), INODE, "").decl
_BELOW = Symbol("stack.below", (LAYER, LAYER), BOOL, "").decl


def _entries(l: Term) -> _Entries:
    return _Entries(lambda p: _HAS(l, p), lambda p: _AT(l, p), lambda p: _WHITEOUT(l, p), lambda p: _OPAQUE(l, p))


def _decides(top: Term, k: Term, p: Term) -> Term:
    """Of the stack up to this top, layer k is the first from the top that has the name, and nothing hides it."""
    return And(_HAS(k, p), Or(k == top, _BELOW(k, top)), forall(LAYER, lambda j: Implies(
        And(_BELOW(k, j), Or(j == top, _BELOW(j, top))),
        And(Not(_HAS(j, p)), Not(_WHITEOUT(j, p)), Not(_cuts(_entries(j), p))))))


def _as_defined(top: Term, shown: _Shown) -> Term:
    """What shows is what the layers of the stack up to this top have, by the definition of the whole stack."""
    return forall(PATH, lambda p: And(
        shown.has(p) == exists(LAYER, lambda k: _decides(top, k, p)),
        forall(LAYER, lambda k: Implies(_decides(top, k, p), shown.at(p) == _AT(k, p)))))


def _induction() -> tuple[Lemma, Lemma]:
    top, below = LAYER.constant("stack.top"), LAYER.constant("stack.next")
    has, at = (Symbol(f"stack.{n}", (PATH,), s, "").decl for n, s in (("shown", BOOL), ("shows", INODE)))
    beneath = _Shown(lambda p: has(p), lambda p: at(p))
    order = (
        forall(LAYER, lambda a: Not(_BELOW(a, a))),
        forall([LAYER] * 3, lambda a, b, c: Implies(And(_BELOW(a, b), _BELOW(b, c)), _BELOW(a, c))))
    lowest = forall(LAYER, lambda a: Not(_BELOW(a, top)))
    following = forall(LAYER, lambda a: _BELOW(a, top) == Or(a == below, _BELOW(a, below)))
    return (
        _lemma("the lowest layer of a stack shows what it has", (lowest,),
                   _as_defined(top, _over(_entries(top), _NOTHING))),
        _lemma("of a stack of any height the first layer from the top that has a name decides",
                   (*order, following, _as_defined(below, beneath)),
                   _as_defined(top, _over(_entries(top), beneath))))


# Squashing.


def _layer(name: str) -> _Entries:
    has, whiteout, opaque = (Symbol(f"{name}.{n}", (PATH,), BOOL, "").decl for n in ("has", "whiteout", "opaque"))
    return _Entries(has, Symbol(f"{name}.at", (PATH,), INODE, "").decl, whiteout, opaque)


def _squashed(one: _Entries, other: _Entries) -> _Entries:
    """Two layers as one, the first above the second: what hides in the second goes on to hide."""
    shown = _over(one, _Shown(other.has, other.at))
    shows = lambda p: And(Not(one.has(p)), Not(one.whiteout(p)), Not(_cuts(one, p)))
    hidden = lambda p: Or(other.whiteout(p), And(
        other.has(p), UNION.state.kind(other.at(p)) != DIRECTORY))
    return _Entries(
        shown.has, shown.at,
        lambda p: Or(one.whiteout(p), And(other.whiteout(p), shows(p))),
        lambda p: Or(one.opaque(p), And(shows(p), other.opaque(p)), And(
            one.has(p), UNION.state.kind(one.at(p)) == DIRECTORY, Not(_cuts(one, p)),
            Or(other.opaque(p), hidden(p)))))


def _associative() -> Lemma:
    one, other = _layer("upper"), _layer("middle")
    has, at = (Symbol(f"image.{n}", (PATH,), s, "").decl for n, s in (("has", BOOL), ("at", INODE)))
    image, p = _Shown(has, at), PATH.constant("stack.path")
    apart, squashed = _over(one, _over(other, image)), _over(_squashed(one, other), image)
    return _lemma("two layers may be squashed into one, whatever is beneath", (), And(
        squashed.has(p) == apart.has(p), Implies(apart.has(p), squashed.at(p) == apart.at(p))))


def _lemma(name: str, assumed: tuple[Term, ...], claim: Term) -> Lemma:
    """A lemma that needs the axioms of the union machine on paths beside what it assumes."""
    paths = [a.formula for a in UNION.axioms if not a.lemma and a.for_proofs and "moved" not in a.name]
    return Lemma(name, (Case((*assumed, *UNION.enumerations, *paths), claim),))


def stack_lemmas() -> tuple[Lemma, ...]:
    """Return the lemmas."""
    return (*_induction(), _associative())
