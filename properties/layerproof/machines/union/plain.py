"""A union shows what a plain file system would show, but for departures that have names.

A plain file system is the same machine without an image: all that a container sees is in its upper, and
nothing hides anything. Take any state of a union and the plain one that shows the same. Whatever is done to both
has the same outcome, and afterwards both show the same again (names, kinds, inodes, attributes), unless one of
the :data:`DEPARTURES` comes in between. Over nothing none does. That the machine without an image is the file
system of POSIX is what the laws of the group *Plain file system* say.

No rule is written down a second time for it: an operation on the plain file system is the rule itself, from
another state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from z3 import And, BoolVal, Implies, Not, Or

from layermodel.language.rules import Machine, Rule, State, Step, Term, forall
from layermodel.objects import CONTAINER, LAYER
from layermodel.union.rules import UNION
from layermodel.union.words import ATTRIBUTES, PATH, attribute, breaks, inode, kind_at, seen
from layerproof.laws.law import Conclusions
from layerproof.laws.lemmas import Claimed
from layerproof.laws.obligations import AnyAfter, Obligation, Obligations, at
from layerproof.machines.union.laws import UNION_LAWS, agree, was


@dataclass(frozen=True)
class Departure:
    """In what a union is no plain file system.

    Attributes:
        refusal: with which it answers, or None if it does something else.
        when: of a step, when that is so; it is always allowed to answer with the refusal.
        source: of the union's documentation.
    """

    name: str
    says: str
    source: str
    refusal: str | None
    when: Callable[[Step], Term]


def _breaks_links(t: Step) -> Term:
    """What the step names is copied up, and has other names in the image, which go on naming the old inode."""
    s, c = t.before, t.argument("container")
    return Or([And(seen(s, c, p), breaks(s, c, inode(s, c, p))) for p in t.of_sort(PATH)])


DEPARTURES = (
    Departure("hard-links-broken", "Copy-up makes a new file of one that has several names in the image: the "
              "other names go on naming the old one.", "kernel Documentation/filesystems/overlayfs.rst, "
              "Non-standard behavior; measured: union, row 24", None, _breaks_links),
    Departure("directory-not-renamed", "A directory that the image has a part in is not renamed.",
              "kernel Documentation/filesystems/overlayfs.rst, renaming directories; measured: union, row 19",
              "EXDEV", lambda t: BoolVal(False)),
)
"""All departures of the union machine from a plain file system."""


def plain(s: State) -> State:
    """The state without an image in which every container sees what it sees here."""
    never = lambda *_: BoolVal(False)
    return s.updated({
        "has_upper": lambda c, p: seen(s, c, p), "upper": lambda c, p: inode(s, c, p),
        "whiteout": never, "opaque": never, "redirected": never, "redirect": lambda c, p: p,
        "anchor": lambda c, p: s.root, "has_source": lambda c, p: BoolVal(True), "source": lambda c, p: p,
        "has_lower": never, "copied": lambda c, i: Or(s.copied(c, i), s.in_image(i)),
        **{name: partial(_seen_attribute, s, name) for name in ATTRIBUTES}})


def _seen_attribute(s: State, name: str, c: Term, i: Term, *key: Term) -> Term:
    return attribute(s, name)(c, i, *key)


_C, _P = CONTAINER.constant("!container"), PATH.constant("!path")


def _same_view(a: State, b: State) -> Conclusions:
    """Container and path show the same in both states."""
    i = inode(a, _C, _P)
    return {
        "the same is seen": seen(a, _C, _P) == seen(b, _C, _P),
        "it is the same inode": Implies(seen(a, _C, _P), And(
            i == inode(b, _C, _P), kind_at(a, _C, _P) == kind_at(b, _C, _P))),
        **{f"its {name} is the same": Implies(seen(a, _C, _P), agree(
            keys, partial(attribute(a, name), _C, i), partial(attribute(b, name), _C, i)))
           for name, (keys, _) in ATTRIBUTES.items()}}


def plain_lemmas(machine: Machine = UNION) -> tuple[Claimed, ...]:
    """Return a lemma for each rule of the union machine, or of one that differs in its rules only.

    What one rule does to a union it does to a plain file system: all its outcomes but the departures.
    """
    base, says = Obligations(machine, UNION_LAWS), "shows what a plain file system shows"
    each = (Claimed(f"{r.name} {says}", partial(_obligations, base, r)) for r in machine.rules)
    return (*each, Claimed("over nothing a union is a plain file system", partial(_over_nothing, base)))


def _over_nothing(base: Obligations) -> Iterator[Obligation]:
    """Where the image has a root and nothing in it, there is no departure."""
    state = base.machine.state
    nothing = forall([LAYER, PATH], lambda l, p: Implies(state.has_lower(l, p), p == state.root))
    for departure in DEPARTURES:
        for rule in base.machine.rules:
            if departure.refusal is None or departure.refusal in rule.refused:
                step = rule.step(state)
                departs = departure.when(step) if departure.refusal is None else step.refused(departure.refusal)
                hypotheses = {n: f for n, f in base.hypotheses(step, None).items() if n != "outcome"}
                yield Obligation(rule.name, _SUBJECT, departure.refusal, hypotheses, nothing,
                                 {"it does not depart": Not(departs)}, (), (step,), step.after)


def _obligations(base: Obligations, rule: Rule) -> Iterator[Obligation]:
    """All that is to be proved of a rule, each conclusion by itself: Z3 is slower with those before it."""
    step = rule.step(base.machine.state)
    here = rule.apply(plain(step.before), *step.arguments)
    departing = {departure.refusal for departure in DEPARTURES}
    definitions = {f"definition plain {n}": formula for n, formula in enumerate(here.definitions)}
    for refusal in (None, *rule.refused):
        if refusal not in departing - {None}:
            outcome = {"it is done": here.done, **_same_view(step.after, here.after)} if refusal is None else {
                "it is refused": here.refused(refusal)}
            whole = Obligation(
                rule.name, _SUBJECT, refusal, base.hypotheses(step, refusal) | definitions,
                Not(Or([d.when(step) for d in DEPARTURES])), {"it is as presupposed": here.given, **outcome},
                (("container", CONTAINER, _C), ("path", PATH, _P)), (step, here), step.after)
            for name, formula in whole.conclusions.items():
                if rule.name == "rename-directory" and refusal is None and name in _BY_LAWS:
                    yield _by_laws(base, here, whole, name)
                else:
                    yield replace(whole, conclusions={name: formula})


_SUBJECT = UNION_LAWS.law("COW-1")
"""The law that says the most of what is seen after an operation."""

_BY_LAWS = ("the same is seen", "it is the same inode")
"""What the laws say enough of where a directory is renamed. What the rule does to the upper is too much for Z3."""


def _by_laws(base: Obligations, here: Step, whole: Obligation, name: str) -> Obligation:
    """The same of any state after the step of which the laws hold."""
    step = AnyAfter.of(whole.steps[0])
    places = {"COW-14": (was(step, _P), _P), "COW-19": (_P,), "LOWER-3": (_P,), "LOWER-4": (_P,), "COW-1": (_P,)}
    laws = {f"{law} {n}": at(UNION_LAWS.law(law), step, (_C, p))
            for law, paths in places.items() for n, p in enumerate(paths)}
    definitions = {n: f for n, f in whole.hypotheses.items() if n.startswith("definition plain")}
    return replace(
        whole, steps=(step,), extra=laws, conclusions={name: _same_view(step.after, here.after)[name]},
        hypotheses={**base.axioms, "given": step.given, "outcome": step.done, **base.universal, **definitions})
