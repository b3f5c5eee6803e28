"""What is always true of the union machine's paths and layers, how uppers begin, and hints for proofs."""

from __future__ import annotations

from typing import Any

import z3
from z3 import And, Implies, Or

from layermodel.language.rules import Axiom, Hint, State, Term, Update, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.union.words import ATTRIBUTES, DATA, DIRECTORY, INODE, PATH, SYMBOLS, above, lower_inode


def _tree_axioms(s: State) -> dict[str, Term]:
    fits, moved, under = s.fits, s.moved, s.under
    return {
        "a path is under itself": forall(PATH, lambda p: under(p, p)),
        "under is transitive": forall([PATH] * 3, lambda a, b, c: Implies(
            And(under(a, b), under(b, c)), under(a, c))),
        "under is antisymmetric": forall([PATH] * 2, lambda a, b: Implies(
            And(under(a, b), under(b, a)), a == b)),
        "the way to a path is a chain": forall([PATH] * 3, lambda a, b, c: Implies(
            And(under(a, c), under(b, c)), Or(under(a, b), under(b, a)))),
        "every path is under the root": forall(PATH, lambda p: under(s.root, p)),
        "a path's parent is next to it": forall([PATH] * 2, lambda q, p: Implies(
            p != s.root, above(s, q, p) == under(q, s.parent(p)))),
        "the root's parent is the root": s.parent(s.root) == s.root,
        "what is moved lies under the new name": forall([PATH] * 3, lambda a, b, x: Implies(
            fits(a, b, x), And(under(a, x), under(b, moved(a, b, x)), fits(b, a, moved(a, b, x)),
                               moved(b, a, moved(a, b, x)) == x))),
        "what is moved keeps its place": forall([PATH] * 4, lambda a, b, x, y: Implies(
            And(fits(a, b, x), under(a, y), under(y, x)),
            And(fits(a, b, y), under(moved(a, b, y), moved(a, b, x))))),
        "a name is moved to the new name": forall([PATH] * 2, lambda a, b: And(
            fits(a, b, a), moved(a, b, a) == b)),
    }


def _moving_axioms(s: State) -> dict[str, Term]:
    """What is moved to where it is, or twice; most proofs need none of it, and it slows them down."""
    fits, moved, under = s.fits, s.moved, s.under
    return {
        "what is moved to where it is stays there": forall([PATH] * 2, lambda a, x: Implies(
            under(a, x), And(fits(a, a, x), moved(a, a, x) == x))),
        "what is moved is moved with its directory": forall([PATH] * 4, lambda a, b, x, y: Implies(
            And(fits(a, b, x), under(a, y), under(y, x)),
            And(fits(y, moved(a, b, y), x), moved(y, moved(a, b, y), x) == moved(a, b, x)))),
        "what is moved twice is moved at once": forall([PATH] * 4, lambda a, b, d, x: Implies(
            And(fits(a, b, x), fits(b, d, moved(a, b, x))),
            And(fits(a, d, x), moved(b, d, moved(a, b, x)) == moved(a, d, x)))),
    }


def _layer_axioms(s: State) -> dict[str, Term]:
    has, built = s.has_built, s.built
    return {
        "what is built is a tree": forall([LAYER, PATH, PATH], lambda l, q, p: Implies(
            And(has(l, p), above(s, q, p)), And(has(l, q), s.built_kind(built(l, q)) == DIRECTORY))),
        "an image has a root": forall(LAYER, lambda l: And(
            has(l, s.root), s.built_kind(built(l, s.root)) == DIRECTORY)),
        "a layer's inodes are its own": forall([LAYER, PATH], lambda l, p: Implies(
            has(l, p), s.in_image(built(l, p)))),
        "only hard links share an inode": forall([LAYER, PATH, PATH], lambda l, p, q: Implies(
            And(has(l, p), has(l, q), built(l, p) == built(l, q), p != q), s.linked(built(l, p)))),
        "directories have no hard links": forall(INODE, lambda i: Implies(
            s.linked(i), And(s.in_image(i), s.built_kind(i) != DIRECTORY))),
        "every content begins with itself and with nothing": forall(DATA, lambda a: And(
            s.starts(a, a), s.starts(s.empty, a))),
    }


def _moving_lemmas(s: State) -> dict[str, Term]:
    """What follows from these, put as the proof of VIEW-15 needs it."""
    fits, moved, under = s.fits, s.moved, s.under
    return {
        "what is in a directory that was moved was moved with it": forall([PATH] * 4, lambda a, b, x, d: Implies(
            And(fits(a, b, x), under(b, d), under(d, moved(a, b, x))),
            And(fits(moved(b, a, d), d, x), moved(moved(b, a, d), d, x) == moved(a, b, x)))),
        "what is moved twice, first with a directory in which it is moved then, is moved at once": forall(
            [PATH] * 5, lambda a, b, x, d, e: Implies(
                And(fits(a, b, x), under(b, d), fits(d, e, moved(a, b, x))),
                And(fits(moved(b, a, d), e, x),
                    moved(moved(b, a, d), e, x) == moved(d, e, moved(a, b, x))))),
        "what is moved twice, then with a directory that it was moved to, is moved at once": forall(
            [PATH] * 5, lambda a, b, x, d, e: Implies(
                And(fits(a, b, x), under(d, b), fits(d, e, moved(a, b, x))),
                And(fits(a, moved(d, e, b), x),
                    moved(a, moved(d, e, b), x) == moved(d, e, moved(a, b, x))))),
    }


def _axioms() -> tuple[Axiom, ...]:
    names = {symbol.name: symbol for symbol in SYMBOLS}

    class Rigid:
        def __getattr__(self, name: str) -> Any:
            decl = names[name].decl
            return decl if decl.arity() else decl()

    state: Any = Rigid()
    return (*(Axiom(n, f, "POSIX.1-2017 4.13, pathname resolution") for n, f in _tree_axioms(state).items()),
            *(Axiom(n, f, "POSIX.1-2017 4.13, pathname resolution", for_proofs=False)
              for n, f in _moving_axioms(state).items()),
            *(Axiom(n, f, "follows from the others", for_proofs=False, lemma=True)
              for n, f in _moving_lemmas(state).items()),
            *(Axiom(n, f, "OCI image-spec layer.md") for n, f in _layer_axioms(state).items()))


AXIOMS = _axioms()
MOVING = ("what is moved to where it is stays there", *(a.name for a in AXIOMS if a.lemma))
"""What a proof about renamed directories uses beside the usual axioms."""


def _initial() -> dict[str, Update]:
    """Layers as they were built, and uppers with a root directory and nothing else."""
    read = {symbol.name: symbol.decl for symbol in SYMBOLS}
    root, base = read["root"](), read["base"]
    never = lambda *_: z3.BoolVal(False)
    initial: dict[str, Update] = {
        "has_lower": read["has_built"], "lower": read["built"], "kind": read["built_kind"],
        "has_upper": lambda c, p: p == root,
        "upper": lambda c, p: read["built"](base(c), root),
        "whiteout": never, "opaque": never, "redirected": never,
        "redirect": lambda c, p: p, "source": lambda c, p: p,
        "anchor": lambda c, p: root, "has_source": lambda c, p: z3.BoolVal(True),
        "copied": lambda c, i: i == read["built"](base(c), root),
    }
    for name in ATTRIBUTES:
        initial[f"lower_{name}"] = read[f"built_{name}"]
        initial[name] = lambda c, *rest, name=name: read[f"built_{name}"](*rest)
    return initial


INITIAL = _initial()
"""The union root is the upper's root, which here begins as the image's (measured: union, row 43)."""


def _looked_up(s: State, c: Term, p: Term) -> list[Term]:
    """What has to be known of a path and of the directory that it is a name in."""
    entries = ("has_upper", "upper", "whiteout", "opaque", "redirected", "anchor", "has_source", "source")
    return [term for x in (p, s.parent(p)) for term in (
        *(getattr(s, name)(c, x) for name in entries),
        lower_inode(s, c, x), s.has_lower(s.base(c), s.source(c, x)))]


HINTS = (
    Hint((CONTAINER, PATH), _looked_up),
    Hint((CONTAINER, INODE), lambda s, c, i: [s.copied(c, i)]),
    Hint((PATH, PATH), lambda s, p, q: [s.under(x, y) for x in (p, s.parent(p)) for y in (q, s.parent(q))]),
)
