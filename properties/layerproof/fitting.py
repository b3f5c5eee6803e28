"""Whether the parts of a machine fit it.

What a part says in names and numbers is seen when the Subject is made. What it has in functions of the user's own
is called through :class:`Guarded`: it sees to it that what they raise is said in one sentence, and what they give
is looked at before anything is done with it. Functions that come with this package are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from layermodel.language.ground import GroundMachine
from layermodel.language.rules import BOOL, INT, Machine, Rule, Sort
from layermodel.language.run import Run
from layermodel.language.terms import RIGID, Layout
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.own import is_ours, told
from layerproof.runs.trace import Trace

Fit = Callable[["Part", Any], Any]
"""Looks at what a part is, and returns it, with the functions in it guarded."""
Look = Callable[..., Any]
"""Looks at what a function gave, for a part and with what the function was given; and returns it."""


@dataclass(frozen=True)
class Part:
    """A part of a machine.

    Attributes:
        subject: the machine, a :class:`~layerproof.subject.Subject`.
        name: of the part, in the user's words.
        kinds: the parts that are made of others, by name.
        given: it is not the part itself that is looked at, but what it gives.
    """

    subject: Any
    name: str
    kinds: Mapping[str, type]
    given: bool = False

    def of(self, name: str) -> Part:
        """One of the parts that it is made of."""
        return replace(self, name=name, given=False)

    @property
    def gives(self) -> Part:
        """The same part, of which it is looked at what it gives."""
        return replace(self, given=True)

    def require(self, so: bool, sentence: str) -> None:
        """Refuse what is not so; the sentence goes on from the name of the part.

        Raises:
            WrongRequest: if it is not.
        """
        if not so:
            raise WrongRequest(f"{self} {sentence}")

    def __str__(self) -> str:
        """The part in words."""
        part = f"{self.name} of the machine {self.subject.name}"
        return f"what {part} gives" if self.given else part


class Guarded:
    """A function of the user's own: what it raises is said in one sentence, and what it gives is looked at."""

    def __init__(self, part: Part, function: Callable[..., Any], look: Look) -> None:
        """Guard a function; one that is guarded is guarded afresh, as the machine may be another."""
        self._function: Callable[..., Any] = function._function if isinstance(function, Guarded) else function
        self._part, self._look = part, look

    def __call__(self, *given: Any) -> Any:
        """Call it.

        Raises:
            WrongRequest: if it raises, or gives what the part cannot have.
        """
        with told(f"{self._part} fails", self._function):
            made = self._function(*given)
        return self._look(self._part, made, *given)


def check_whole(subject: Any) -> None:
    """See that there is a machine, with laws and dialects, to which parts can fit.

    Raises:
        WrongRequest: if one is something else.
    """
    for name, kind in (("machine", Machine), ("catalogue", Catalogue), ("dialects", Mapping)):
        if not isinstance(value := getattr(subject, name), kind):
            raise WrongRequest(f"Subject.{name} is to be a {kind.__name__}, not {value!r}")
    for dialect, traits in subject.dialects.items():
        if not isinstance(traits, Mapping):
            raise WrongRequest(f"the dialect {dialect} of the machine {subject.name} is to be a mapping from "
                               f"traits to True or False, not {traits!r}")


def fitted(subject: Any, kinds: Mapping[str, type]) -> dict[str, Any]:
    """The parts of a machine by name, with the functions in them guarded.

    Raises:
        WrongRequest: if one does not fit it.
    """
    whole = Part(subject, "Subject", kinds)
    return {name: fit(whole.of(f"Subject.{name}"), getattr(subject, name))
            for name, fit in _PARTS["Subject"].items()}


def _made_of(kind: str) -> Fit:
    """Something that is made of other parts."""
    def fit(part: Part, value: Any) -> Any:
        part.require(isinstance(value, part.kinds[kind]), f"is to be of the type {kind}, not {value!r}")
        seen = {name: one(part.of(f"{kind}.{name}"), getattr(value, name)) for name, one in _PARTS[kind].items()}
        changed = {name: one for name, one in seen.items() if one is not getattr(value, name)}
        return replace(value, **changed) if changed else value

    return fit


# Names and numbers.


def _is(kind: type, words: str) -> Fit:
    def fit(part: Part, value: Any) -> Any:
        part.require(isinstance(value, kind), f"is to be {words}, not {value!r}")
        return value

    return fit


def _number(least: int) -> Fit:
    def fit(part: Part, value: Any) -> Any:
        part.require(isinstance(value, int) and not isinstance(value, bool) and value >= least,
                     f"is to be a whole number from {least}, not {value!r}")
        return value

    return fit


def _perhaps(fit: Fit) -> Fit:
    return lambda part, value: None if value is None else fit(part, value)


def _every(fit: Fit) -> Fit:
    """A tuple or list of what fits."""
    def each(part: Part, value: Any) -> Any:
        part.require(isinstance(value, (tuple, list)), f"is to be a tuple, not {value!r}")
        seen = [fit(part, one) for one in value]
        return value if all(a is b for a, b in zip(seen, value, strict=True)) else tuple(seen)

    return each


def _sorts(part: Part) -> list[str]:
    return [sort.name for sort in part.subject.machine.sorts if not sort.values]


def _rules(part: Part) -> list[str]:
    return [rule.name for rule in part.subject.machine.rules]


def _laws(part: Part) -> list[str]:
    return [law.id for law in part.subject.catalogue.laws]


def _ties(part: Part) -> list[str]:
    return [symbol.name for symbol in part.subject.machine.mutable
            if not symbol.result.values and (symbol.result == BOOL) == (len(symbol.arguments) == 2)
            and len(symbol.arguments) in (1, 2) and symbol.result != INT]


def _check_known(part: Part, what: str, names: Iterable[Any], known: Sequence[str]) -> None:
    for name in names:
        part.require(name in known, f"names the {what} {name!r}, which it does not have; known: "
                     f"{', '.join(known) or 'none'}")


def _names(what: str, known: Callable[[Part], Sequence[str]]) -> Fit:
    def fit(part: Part, value: Any) -> Any:
        part.require(isinstance(value, Collection) and not isinstance(value, str),
                     f"is to be a set of names, not {value!r}")
        _check_known(part, what, value, known(part))
        return frozenset(value) if isinstance(value, (set, tuple, list)) else value

    return fit


def _dialects(part: Part, value: Any) -> Any:
    part.require(isinstance(value, (tuple, list)) and len(value) > 0,
                 f"is to be a tuple of the names of dialects, not {value!r}")
    _check_known(part, "dialect", value, list(part.subject.dialects))
    return value


def _numbers(what: str, known: Callable[[Part], Sequence[str]], least: int) -> Fit:
    def fit(part: Part, value: Any) -> Any:
        part.require(isinstance(value, Mapping), f"is to be a mapping from {what}s to numbers, not {value!r}")
        _check_known(part, what, value, known(part))
        for name, number in value.items():
            part.require(isinstance(number, int) and not isinstance(number, bool) and number >= least,
                         f"says {number!r} of the {what} {name}, which is no whole number from {least}")
        return value

    return fit


_sizes = _numbers("sort", _sorts, 1)


def _all_sizes(part: Part, value: Any) -> Any:
    """Sizes of every sort."""
    for name in _sorts(part):
        part.require(name in _sizes(part, value), f"says nothing of the sort {name}")
    return value


# Functions.


def _function(look: Look) -> Fit:
    def fit(part: Part, value: Any) -> Any:
        part.require(callable(value), f"is to be a function, not {value!r}")
        return value if not isinstance(value, Guarded) and is_ours(value) else Guarded(part, value, look)

    return fit


def _gives(fit: Fit) -> Look:
    """What a function gives is to fit, whatever it was given."""
    return lambda part, made, *given: fit(part.gives, made)


def _anything(part: Part, made: Any, *given: Any) -> Any:
    return made


def _steps(part: Part, made: Any, look: Look, *given: Any) -> Iterator[Any]:
    """What is asked for one after the other: asking may raise, too."""
    with told(f"{part} fails"):
        coming = iter(made)
    while True:
        with told(f"{part} fails"):
            try:
                one = next(coming)
            except StopIteration:
                return
        yield look(part, one, *given)


def _is_vector(value: Any, length: int) -> bool:
    return isinstance(value, tuple) and len(value) == length and all(isinstance(one, int) for one in value)


def _universes(part: Part, made: Any, ground: GroundMachine) -> Any:
    """Rigid values that there can be at these sizes, and some."""
    part.require(isinstance(made, (list, tuple)), f"gives {made!r}, which is no list of rigid values")
    part.require(len(made) > 0, "gives no rigid values at these sizes, so that nothing would be done")
    machine, layout = ground.machine, ground.layout
    ranges = [None if symbol.result == INT else layout.elements(symbol.result)
              for symbol in machine.rigid for _ in layout.tuples(symbol)]
    keeps = ground.axioms()
    for vector in made:
        part.require(_is_vector(vector, len(ranges)) and all(
            there is None or one in there for one, there in zip(vector, ranges, strict=True)),
            f"gives {vector!r}, which are no rigid values at these sizes (a tuple of {len(ranges)})")
        part.require(keeps(vector), f"gives the rigid values {vector!r}, which do not keep its axioms")
    return made


def _strategy(part: Part, made: Any, *given: Any) -> Any:
    """A strategy, drawing from which may raise, too."""
    from hypothesis import strategies as st

    part.require(isinstance(made, st.SearchStrategy), f"gives {made!r}, which is no strategy of Hypothesis")

    @st.composite
    def scenes(draw: Callable[[Any], Any]) -> Any:
        with told(f"{part} fails"):
            scene = draw(made)
        return _scene(part, scene)

    return scenes()


def _scene(part: Part, made: Any, *given: Any) -> Any:
    sizes: Any = getattr(made, "sizes", None)
    part.require(isinstance(sizes, Mapping), f"gives {made!r}, which is no scene: it has no sizes")
    _all_sizes(part.gives, {n: sizes[n] for n in _sorts(part) if n in sizes})
    return made


def _arguments(part: Part, run: Run, rule: Rule, value: Any) -> Any:
    """Arguments of a rule, each an element of its sort."""
    part.require(_is_vector(value, len(rule.parameters)) and all(
        one in run.elements(p) for p, one in zip(rule.parameters, value, strict=True)),
        f"gives {value!r} as the arguments of {rule.name}, which are to be a tuple of an element for each of "
        f"({', '.join(p.name for p in rule.parameters)})")
    return value


def _choice(part: Part, made: Any, run: Run, rule: Rule, random: Any) -> Any:
    return None if made is None else _arguments(part, run, rule, made)


def _opening(part: Part, made: Any, run: Run, scene: Any) -> Iterator[Any]:
    def look(part: Part, one: Any) -> Any:
        part.require(isinstance(one, tuple) and len(one) == 2,
                     f"gives {one!r}, which is no rule with its arguments")
        _check_known(part, "rule", one[:1], _rules(part))
        _arguments(part, run, part.subject.machine.rule_by_name[one[0]], one[1])
        return one

    return _steps(part, made, look)


def _ways(part: Part, made: Any, *given: Any) -> Any:
    """Ways to simpler runs, each a function."""
    def simpler(part: Part, made: Any, trace: Trace) -> Iterator[Any]:
        return _steps(part, made, _gives(_is(Trace, "a Trace")))

    return _every(_function(simpler))(part, made)


def _beside(part: Part, made: Any, *given: Any) -> Any:
    for method in ("begin", "do", "compare", "observed", "script", "end"):
        part.require(callable(getattr(made, method, None)), f"gives {made!r}, which has no method {method!r}")
    return made


def _refusals(part: Part, made: Any, *given: Any) -> Any:
    known = {(rule.name, refusal) for rule in part.subject.machine.rules for refusal in rule.refused}
    part.require(isinstance(made, (set, frozenset)), f"gives {made!r}, which is no set of rules and refusals")
    for one in made:
        part.require(one in known, f"gives {one!r}, which is no rule with one of its refusals")
    return made


def _known_values(part: Part, made: Any, layout: Layout) -> Any:
    length = layout.lengths[RIGID]
    part.require(isinstance(made, Mapping) and all(
        place in range(length) and isinstance(value, int) for place, value in made.items()),
        f"gives {made!r}, which is no mapping from places of rigid values (0 to {length - 1}) to values")
    return made


def _mutant(part: Part, value: Any) -> Any:
    from layerproof.laws.mutant import Mutant

    part.require(isinstance(value, Mutant), f"is to be of Mutants only, not {value!r}")
    mine = part.of(f"the mutant {value.name}")
    _sizes(mine, value.sizes)
    _check_known(mine, "rule", value.among, _rules(part))
    return value


def _lemma(part: Part, value: Any) -> Any:
    from layerproof.laws.lemmas import Claimed, Lemma
    from layerproof.laws.obligations import Obligation

    part.require(isinstance(value, (Lemma, Claimed)), f"is to be of Lemmas only, not {value!r}")
    if isinstance(value, Lemma):
        return value

    def look(part: Part, made: Any, *given: Any) -> Iterator[Any]:
        return _steps(part, made, _gives(_is(Obligation, "an Obligation")))

    return replace(value, obligations=_function(look)(part.of(f"the lemma {value.name}"), value.obligations))


_text = _is(str, "a text")
_lemmas = _function(_gives(_every(_lemma)))

_PARTS: dict[str, dict[str, Fit]] = {
    "Subject": {
        "mutants": _function(_gives(_every(_mutant))), "lemmas": _lemmas, "longer": _lemmas,
        "small": _perhaps(_function(_gives(_made_of("Small")))), "finite": _made_of("Finite"),
        "driven": _function(_gives(_made_of("Drivable"))),
        "judged": _perhaps(_function(_gives(_made_of("Judged")))),
        "shown": _made_of("Shown"), "plan": _made_of("Plan"), "option": _perhaps(_text),
        "shipped": _perhaps(_is(tuple, "a machine and its catalogue"))},
    "Small": {"sizes": _all_sizes, "known": _function(_known_values)},
    "Finite": {
        "sizes": _sizes, "universes": _function(_universes), "fresh": _names("sort", _sorts),
        "empties": _is(bool, "True or False"), "large": _names("law", _laws), "mutated": _sizes,
        "ties": _names("relation or function from one object to another", _ties)},
    "Drivable": {
        "sizes": _perhaps(_all_sizes), "scenes": _function(_strategy),
        "begin": _function(_gives(_is(Run, "a Run"))), "scene": _function(_scene), "opening": _function(_opening),
        "choose": _function(_choice), "weights": _numbers("rule", _rules, 0), "simpler": _function(_ways),
        "tries": _number(0)},
    "Judged": {
        "beside": _function(_beside), "able": _function(_anything), "needs": _function(_anything),
        "sizes": _perhaps(_function(_gives(_all_sizes))), "scenes": _perhaps(_function(_strategy)),
        "unreachable": _function(_refusals), "tours": _every(_sizes),
        "exhausted": _every(_made_of("Exhausted")), "runs": _function(_gives(_is(Sequence, "a sequence"))),
        "aspects": _every(_made_of("Aspect")), "gridded": _every(_sizes),
        "figures": _every(_made_of("Figure")), "profiled": _every(_made_of("Profiled")),
        "laid": _function(_gives(_all_sizes)),
        "searched": _number(1), "operations": _number(1)},
    "Profiled": {"sizes": _sizes, "runs": _function(_gives(_is(Sequence, "a sequence")))},
    "Aspect": {"name": _text, "sort": _is(Sort, "a Sort"), "cases": _is(tuple, "a tuple of words and conditions")},
    "Figure": {"name": _text, "sort": _is(Sort, "a Sort"), "law": _text, "term": _function(_anything)},
    "Shown": {
        "any_size": _text, "picture": _function(_gives(_text)), "data": _function(_gives(_is(list, "a list"))),
        "before": _function(_gives(_text)), "compared": _function(_anything), "says": _function(_gives(_text)),
        "graphs": _perhaps(_function(_gives(_every(_text)))), "sights": _perhaps(_function(_gives(_every(_text)))),
        "put": _function(_anything), "got": _function(_gives(_number(0))),
        "scene_json": _function(_gives(_is(dict, "a dict"))), "scene_of": _function(_scene)},
    "Plan": {"explored": _every(_made_of("Explored")), "driven": _number(1), "judged": _number(0)},
    "Exhausted": {"sizes": _sizes, "everywhere": _is(bool, "True or False")},
    "Explored": {"sizes": _sizes, "dialects": _dialects, "algebra": _is(bool, "True or False")},
}
"""Of each part that is made of others what these are to be."""
