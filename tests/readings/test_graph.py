"""The graph has every state and step, and the shortest ways."""

import itertools
from random import Random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine
from layerproof.laws.law import Catalogue
from layerproof.machines.store.subject import STORE_SUBJECT
from layerproof.readings.exploration import Steps, Wish
from layerproof.readings.explore import explore
from layerproof.readings.graph import Graph
from layerproof.subject import anything
from toy.lock import SUBJECT

ONE = {s.name: 1 for s in STORE_SUBJECT.machine.sorts if not s.values}


def graph_of(subject, sizes, dialect, doable=anything):
    lawless = subject.of(subject.machine, Catalogue(()))
    full = subject.sizes(sizes)
    ground = GroundMachine(subject.machine, full)
    wish = Wish(lawless, full, False, False, lambda _: None, None, None, None, False)
    rigid = subject.finite.universes(ground)[0]
    traits = subject.dialect(dialect)
    return Graph.of(Steps(wish, ground, rigid, dialect, traits), ground.initial(rigid, ground.traits(traits)), doable)


LOCK = graph_of(SUBJECT, {}, "strict")
STORE = graph_of(STORE_SUBJECT, ONE, "docker")


@pytest.mark.parametrize(("graph", "subject", "sizes", "dialect"), [
    (LOCK, SUBJECT, {}, "strict"), (STORE, STORE_SUBJECT, ONE, "docker")])
def test_it_has_what_the_explorer_visits(graph, subject, sizes, dialect):
    seen = explore(subject, sizes, dialects=[dialect], limit=1, algebra=False)
    assert (seen.states, seen.steps) == (len(graph.states), graph.size)
    assert {*seen.fired, *seen.refused} == {rule if refusal is None else (rule, refusal)
                                            for rule, refusal in graph.outcomes}


def test_what_cannot_be_done_is_not_in_it():
    without = graph_of(STORE_SUBJECT, ONE, "docker", lambda rule, arguments: not rule.name.startswith("import"))
    assert {"import", "import-unnamed"} == {r for r, _ in STORE.outcomes} - {r for r, _ in without.outcomes}


def test_what_can_follow_what_is_what_does():
    for graph in (LOCK, STORE):
        pairs = {pair for number, edges in enumerate(graph.steps) for first in edges
                 for second in graph.steps[first.to] for pair in graph.pairs(number, first, second)}
        following = graph.following()
        assert pairs == following.keys()
        for pair, (number, place, then) in following.items():
            first = graph.steps[number][place]
            assert pair in graph.pairs(number, first, graph.steps[first.to][then])


def test_only_what_is_about_one_object_is_a_pair():
    for number, edges in itertools.islice(enumerate(STORE.steps), 40):
        for first, second in itertools.product(edges, repeat=2):
            pairs = list(STORE.pairs(number, first, second))
            mine = {one for _, one in STORE.concerned(number, first)}
            others = {one for _, one in STORE.objects(second)}
            # What names no object, as a prune, is about all of them.
            assert bool(pairs) == bool(mine & others or not mine or not others), number


def test_a_step_is_about_what_its_objects_are_tied_to():
    """A rename that is refused is about the name that the container has, though it does not say it."""
    graph = graph_of(STORE_SUBJECT, ONE | {"Container": 2, "Name": 2}, "docker",
                     lambda rule, arguments: rule.name in ("load-unnamed", "create", "rename"))
    following = graph.following()
    number, place, then = following["rename", "name-taken", "container: called", "name", "rename", "name-taken"]
    renamed = graph.steps[number][place]
    other = graph.steps[renamed.to][then]
    state, layout = graph.states[number], graph.ties.layout
    assert state[layout.index("called", renamed.arguments[0], other.arguments[1])]
    assert renamed.arguments[1] != other.arguments[1]
    assert not any(role == "image: image_of" for _, _, role, *_ in following)


PLAIN = nx.DiGraph((number, edge.to) for number, edges in enumerate(STORE.steps) for edge in edges)


@given(st.integers(0, len(STORE.states) - 1), st.integers(0, len(STORE.states) - 1))
def test_a_way_is_a_shortest_one(start, goal):
    way = STORE.way(start, lambda number: number == goal)
    if not nx.has_path(PLAIN, start, goal):
        assert way is None
        return
    assert nx.shortest_path_length(PLAIN, start, goal) == len(way)
    at = start
    for number, place in way:
        assert at == number
        at = STORE.steps[number][place].to
    assert goal == at


@given(st.integers(0, len(STORE.states) - 1), st.integers(0, 1 << 32))
def test_what_is_barred_is_not_taken(goal, seed):
    random = Random(seed)
    barred = {(number, place) for number, edges in enumerate(STORE.steps) for place in range(len(edges))
              if random.random() < 0.5}
    way = STORE.way(0, lambda number: number == goal, barred)
    assert way is None or barred.isdisjoint(way)
