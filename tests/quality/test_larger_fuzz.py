"""What is said to be had in a larger store is: all small stores are made larger, one by one."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from layermodel.language.ground import GroundMachine
from layermodel.language.rules import Effect, Parameter, Presupposition
from layermodel.language.sound import mentioned
from layerproof.laws.law import Kind
from layerproof.laws.obligations import closed
from layerproof.readings.prove.larger import lacks_room
from layerproof.readings.prove.prove import Prover
from layerproof.subject import Subject
from lending import BOOK, CATALOGUE, LENDING, rule
from quality.test_sound_fuzz import Chance

NEW_BOOK, OTHER = Parameter("book", BOOK, "new"), Parameter("other", BOOK)
FEW, MANY = 400, 4_000
SAID = ("owned", "lent", "to", "wear")


class Stores:
    """All stores of two or of three books and one reader that keep the axioms and the state laws."""

    def __init__(self, books):
        self.ground = GroundMachine(LENDING, {"Book": books, "Reader": 1})
        self.layout, self.books = self.ground.layout, range(books)
        laws = [self.formula(closed(law, LENDING.state)) for law in CATALOGUE.of(Kind.STATE)]
        axioms = self.ground.axioms()
        sizes = [2, 2, 1, 2]  # values of what is said of a book
        kept = itertools.product(*(itertools.product(*[range(n)] * books) for n in sizes), itertools.product(*[(False, True)] * books))
        self.all = {}
        for owned, lent, to, wear, stays in kept:
            state, rigid = [None] * (4 * books), tuple(stays)
            for name, values in zip(SAID, (map(bool, owned), map(bool, lent), to, wear), strict=True):
                for book, value in enumerate(values):
                    state[self.layout.index(name, book)] = value
            for strict in (False, True):
                if axioms(rigid) and all(law(tuple(state), rigid, (strict,), ()) for law in laws):
                    said = tuple(zip(owned, lent, to, wear, stays, strict=True))
                    self.all[said, strict] = tuple(state), rigid

    def formula(self, term, *parameters):
        compiled = self.ground.formula(term, [p.term.decl().name() for p in parameters])
        return lambda state, rigid, traits, arguments: compiled(state, state, rigid, traits, arguments)


@pytest.fixture(scope="module")
def stores():
    return Stores(2), Stores(3)


def always(stores, given):
    """Whether each store can have one book more, so that some book is as presupposed, whatever the other is."""
    small, large = stores
    holds = large.formula(given, NEW_BOOK, OTHER)
    fits = {(said[:2], strict, other) for (said, strict), (state, rigid) in large.all.items() for other in small.books
            if any(holds(state, rigid, (strict,), (book, other)) for book in large.books)}
    return all((said, strict, other) in fits for said, strict in small.all for other in small.books)


def run(stores, seeds):
    count = Counter()
    for seed in seeds:
        more = rule(lambda s, *a, seed=seed: Effect(updates={}, presupposed=(Presupposition(
            Chance(seed).formula(s, list(a), [], depth=3), "…"),)), NEW_BOOK, OTHER, name="more")
        machine = replace(LENDING, rules=(*LENDING.rules, more))
        prover = Prover(Subject(machine, CATALOGUE))
        step = prover.obligations.step(more)
        if "?book" not in mentioned(step.effect.given[0]):  # what is presupposed of named arguments alone is said
            continue
        shown = lacks_room(prover.obligations, step, prover.proves, {("Book",)}) is None
        so = always(stores, step.effect.given[0])
        assert so or not shown, seed
        count["shown" if shown else "not shown" if so else "hidden"] += 1
    return count


def test_what_is_shown_is_so_of_small_stores(stores):
    assert len(stores[0].all) > 50
    assert len(stores[1].all) > 500
    count = run(stores, range(FEW))
    assert min(count["shown"], count["hidden"]) > 15, count


@pytest.mark.campaign
def test_what_is_shown_is_so_of_small_stores_in_many_cases(stores):
    count = run(stores, range(MANY))
    assert min(count["shown"], count["hidden"]) > 200, count
