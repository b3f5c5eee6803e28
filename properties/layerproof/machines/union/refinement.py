"""The union machine refines the ``write`` of the store machine.

To the store, what a container has changed is one content, and ``write`` puts another in its place. The union
machine looks into it. Read what an upper has as its content, by any function that says the same of uppers that
have the same: then every operation of the union machine is a ``write`` of the store in the container that it
names, or leaves the store as it is. The one exception is an upper that comes to have what it had at first: it
then counts as new, and no ``write`` leaves that.

Shown for a step of which only laws are known, so that it holds for every rule for which these are proved.
"""

from __future__ import annotations

from functools import partial

import z3
from z3 import And, Implies, Or

from layermodel.language.rules import Machine, State, Step, Term, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.rules import STORE
from layermodel.store.words import CONTENT
from layermodel.union.rules import UNION
from layermodel.union.words import ATTRIBUTES, INODE, PATH
from layerproof.laws.lemmas import Case, Lemma
from layerproof.laws.obligations import AnyAfter, closed
from layerproof.machines.union.laws import UNION_LAWS, agree

_BEFORE, _AFTER = (z3.Function(f"content.{when}", CONTAINER.z3, CONTENT.z3) for when in ("before", "after"))
"""The content of each container's upper."""


def _step() -> Step:
    """A step of the union machine in some container; the state after it may be any."""
    return AnyAfter.of(UNION.rule_by_name["remount"].step(UNION.state))


def _extensional(step: Step) -> Term:
    """Uppers that have the same are of the same content."""
    has_the_same = UNION_LAWS.law("LOWER-5").conclusions
    return forall(CONTAINER, lambda c: Implies(
        forall(PATH, lambda p: And(list(has_the_same(step, c, p).values()))), _AFTER(c) == _BEFORE(c)))


def _store(content: z3.FuncDeclRef) -> State:
    """The store in which the containers' uppers are of these contents."""
    store = STORE.state
    return store.updated({"upper": lambda c: content(c), "size_rw": lambda c: store.measure(content(c))})


def _same(machine: Machine, one: State, other: State) -> Term:
    return And(list(machine.same(one, other).values()))


def _done() -> Lemma:
    step, before, after = _step(), _store(_BEFORE), _store(_AFTER)
    container = step.argument("container")
    written = STORE.rule_by_name["write"].apply(before, container, _AFTER(container))
    create = STORE.rule_by_name["create"]
    named = (container if p.sort == CONTAINER else p.term for p in create.parameters)
    created = create.apply(before, *named).after
    as_created = before.updated({"upper": created.upper, "size_rw": created.size_rw})
    assumed = (
        closed(UNION_LAWS.law("LOWER-5"), step), _extensional(step),
        *(axiom.formula for axiom in STORE.axioms), *written.definitions)
    return Lemma(
        "what is done in a container writes its upper in the store, or leaves the store as it is, or leaves the "
        "upper as it was created", (Case(assumed, Or(
            _same(STORE, after, before),
            And(written.given, written.done, _same(STORE, after, written.after)),
            And(_AFTER(container) == before.nothing, _same(STORE, after, as_created))),
            possible=And(_AFTER(container) != _BEFORE(container), written.given, written.done)),))


def _refused() -> Lemma:
    step = _step()
    laws = closed(UNION_LAWS.law("COW-11"), step), closed(UNION_LAWS.law("VIEW-8"), step.before)
    return Lemma("what is refused leaves the store as it is", (Case(
        (*laws, _extensional(step)), _same(STORE, _store(_AFTER), _store(_BEFORE))),))


def _layers() -> Lemma:
    step = _step()
    laws = [closed(UNION_LAWS.law(law), state) for law in ("LOWER-1", "LOWER-2") for state in (
        step.before, step.after)]
    one, other = step.after, step.before
    layer, path, inode = LAYER.constant("layer"), PATH.constant("path"), INODE.constant("inode")
    attributes = [agree(keys, partial(getattr(one, f"lower_{name}"), inode),
                        partial(getattr(other, f"lower_{name}"), inode)) for name, (keys, _) in ATTRIBUTES.items()]
    claim = And(
        one.has_lower(layer, path) == other.has_lower(layer, path),
        Implies(other.has_lower(layer, path), one.lower(layer, path) == other.lower(layer, path)),
        Implies(other.in_image(inode), And(one.kind(inode) == other.kind(inode), *attributes)))
    return Lemma("an operation leaves the layers of the image as they are, as a write does", (
        Case(tuple(laws), claim),))


def refinement_lemmas() -> tuple[Lemma, ...]:
    """Return the lemmas; :mod:`layerproof.machines.union.laws` has the laws that they rest on."""
    return _done(), _refused(), _layers()
