"""What the readings ask of a machine, and nothing else.

A :class:`Subject` is a machine with the laws that must hold of it, and in parts what each reading needs
besides. Where a machine says nothing of a part, :mod:`layerproof.usual` stands for it, so that a machine and a
catalogue are enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property, partial
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Machine, Parameter, Rule, Sort, State, Term
from layermodel.language.run import Run
from layermodel.language.terms import Layout
from layerproof import fitting, usual
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.process.pieces import Recipe, has_recipe, made_by, recipe
from layerproof.runs.finding import Deviation, Difference
from layerproof.runs.trace import Scene, Settled, Trace, element_of, settled_json, settled_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from layerproof.laws.lemmas import Provable
    from layerproof.laws.mutant import Mutant
    from layerproof.runs.monitor import Bench

Sizes = Mapping[str, int]
Traits = Mapping[str, bool]


@dataclass(frozen=True)
class Small:
    """The smallest instances, in which counterexamples and witnesses are looked for.

    Attributes:
        sizes: the number of objects of each sort that is no enumeration.
        known: rigid values that are settled, by their places in a layout.
    """

    sizes: Sizes
    known: Callable[[Layout], Mapping[int, int | bool]] = lambda layout: {}


@dataclass(frozen=True)
class Finite:
    """What exploring asks.

    Attributes:
        sizes: what is explored if nothing else is asked for; sorts that are not named have two objects.
        universes: the rigid values that are explored at given sizes.
        fresh: sorts whose objects are all alike until they are made, so that any new one stands for all.
        empties: from every reachable state the initial one can be reached again.
        large: laws whose premise holds in no state of the sizes that can be explored in seconds.
        mutated: sizes in which mutants are explored that do not name others.
        ties: relations of two objects, and functions from one to another, by which a step on the first is about
            the second, too, for ``--exhaust``: as a step on a container is about its name.
    """

    sizes: Sizes = field(default_factory=dict)
    universes: Callable[[GroundMachine], list[Vector]] = usual.universes
    fresh: frozenset[str] = frozenset()
    empties: bool = False
    large: frozenset[str] = frozenset()
    mutated: Sizes = field(default_factory=dict)
    ties: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Drivable:
    """What random runs ask.

    Attributes:
        sizes: of the sorts in the scenes that are drawn; None for those that are explored.
        scenes: draws what runs start from.
        begin: makes a run of a scene.
        scene: what a run starts from, so that it can be done again.
        opening: operations with which a run begins, one after the other; each is asked for when the one before
            it is done.
        choose: what a caller of an operation would say, chosen at random, or nothing.
        weights: how often each rule is chosen; the others by their kind.
        simpler: ways from a run to simpler ones.
        tries: runs that making one finding shorter may take.
    """

    sizes: Sizes | None = None
    scenes: Callable[[Subject, Bench], SearchStrategy[Any]] = usual.scenes
    begin: Callable[[GroundMachine, Any, Traits], Run] = usual.begin
    scene: Callable[[Run], Scene] = usual.scene
    opening: Callable[[Run, Any], Iterable[tuple[str, Vector]]] = lambda run, scene: ()
    choose: Callable[[Run, Rule, Random], Vector | None] = usual.choose
    weights: Mapping[str, int] = field(default_factory=dict)
    simpler: Callable[[Machine, Collection[str]], Sequence[Callable[[Trace], Iterator[Trace]]]] = usual.simpler
    tries: int = 150


@dataclass(frozen=True)
class Answer:
    """What an engine answered to an operation, and what it then shows.

    Attributes:
        refusal: the name of the refusal, or None if it was done.
        detail: the engine's own words.
        reclaimed: the bytes that it reports as reclaimed, if any.
        seen: what it shows, as its own adapter has it.
        called: what was really asked of it, and what it answered, in its own names: ``call``, ``arguments`` and
            ``answered``, as JSON has them; None if nobody knows.
    """

    refusal: str | None
    detail: str = ""
    reclaimed: int | None = None
    seen: Any = None
    called: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Observed:
    """What an engine shows, as a state of the machine.

    Attributes:
        state: the vector; what the engine does not show is as expected.
        hidden: step laws that cannot be asked of it.
        whole: state laws can be asked of it, too.
    """

    state: Vector
    hidden: Container[str] = ()
    whole: bool = True


class Beside(Protocol):
    """An engine beside a run of the model: all that judging knows of either."""

    def begin(self) -> Sequence[Difference]:
        """Empty the engine, and give it what the run starts from; return in what they differ already."""

    def do(self, rule: Rule, arguments: Vector) -> Answer:
        """Do an operation on the engine; the run has not done it yet.

        Raises:
            EngineUnreachable: if the engine is gone or silent.
        """

    def look(self) -> Answer | None:
        """What it shows now, after an operation of which no answer came; None if that cannot be asked by itself.

        Raises:
            EngineUnreachable: if the engine is gone or silent.
        """

    def compare(self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer) -> Sequence[Difference]:
        """In what the engine differs from the run, which has done the operation now."""

    def observed(self, before: Vector, outcome: Outcome, answer: Answer) -> Observed:
        """What it shows, as a state."""

    def script(self, trace: Trace, differences: Sequence[Difference]) -> Callable[[], str | None]:
        """What makes a shell script of all that was done so far; it is asked at the end, for few runs."""

    def end(self) -> None:
        """The engine is not needed any more; it is emptied."""


Doable = Callable[[Rule, Vector], bool]
"""Whether an engine can be made to do an operation with these arguments."""


def anything(rule: Rule, arguments: Vector) -> bool:
    """Whatever it is."""
    return True


@dataclass(frozen=True)
class Exhausted:
    """Of what every step is executed on an engine.

    Attributes:
        sizes: other than the machine's usual ones.
        everywhere: in all universes, and not only in such as bring a rule or a refusal that was not had before.
    """

    sizes: Sizes
    everywhere: bool = True


Scenes = Callable[["Subject", GroundMachine, Any], Sequence[tuple[Any, Doable]]]
"""Scenes over the sizes of a machine that is laid out, each with the operations that can be done in one run; for a
subject and an engine."""


@dataclass(frozen=True)
class Profiled:
    """Over what runs are looked for that tell an engine's traits.

    Attributes:
        sizes: other than the machine's usual ones.
        runs: the scenes.
    """

    sizes: Sizes
    runs: Scenes


@dataclass(frozen=True)
class Figure:
    """A number that follows from the state, and that engines report for themselves.

    Attributes:
        name: what it is called.
        sort: of the objects that have one.
        law: the identifier of the law that says what it is.
        term: it, of a state and an object.
    """

    name: str
    sort: Sort
    law: str
    term: Callable[[State, Term], Term]

    def value(self, ground: GroundMachine, state: Vector, rigid: Vector, traits: Vector, element: int) -> int:
        """What it is of an object; it is compiled once for all runs over the same sizes."""
        kept, key = ground.origin.kept, ("figure", self.name)
        if key not in kept:
            one = self.sort.constant("?object")
            kept[key] = ground.origin.formula(self.term(ground.machine.state, one), ("?object",))
        return int(kept[key](state, (), rigid, traits, (element,)))


@dataclass(frozen=True)
class Aspect:
    """What of an object matters for what comes of an operation on it.

    Attributes:
        name: in words; "" if it says whether there is such an object.
        sort: of the objects that have it.
        cases: each in words, with the condition, of a state and an object; the first is meant that holds, if one
            does.
    """

    name: str
    sort: Sort
    cases: tuple[tuple[str, Callable[[State, Term], Term]], ...]

    def case(
        self, ground: GroundMachine, state: Vector, rigid: Vector, traits: Vector, element: int,
    ) -> str | None:
        """The case of an object, or None; what is asked is compiled once for all runs over the same sizes."""
        kept, key = ground.origin.kept, ("aspect", self.name, self.sort.name)
        if key not in kept:
            one = self.sort.constant("?object")
            kept[key] = [(says, ground.origin.formula(holds(ground.machine.state, one), ("?object",)))
                         for says, holds in self.cases]
        return next((says for says, holds in kept[key] if holds(state, (), rigid, traits, (element,))), None)


@dataclass(frozen=True)
class Judged:
    """What judging an engine asks.

    Attributes:
        beside: puts an engine beside a run; raises WrongRequest if the run cannot be done on it.
        able: whether an engine can do a rule.
        needs: what an engine must have; raises WrongRequest with what is missing.
        sizes: of the sorts in the scenes that are drawn for an engine; None for those of random runs.
        scenes: draws what runs start from, for an engine; None for those of random runs.
        unreachable: refusals that cannot be had of an engine that can do only these rules.
        tours: sizes in which shortest runs are looked for to what random operations did not reach.
        exhausted: of what every step is executed, where that is asked; the machine's usual sizes if there is none.
        runs: what every step is executed over; all universes, if nothing is said.
        profiled: over what runs are looked for that tell the traits, beside these.
        aspects: by which situations of an operation are told apart, in a table of how engines behave; ``gridded``
            are the sizes in which they are looked for.
        figures: numbers that follow from the state, and that are compared where an engine reports them.
        laid: the sizes that runs have on an engine where these are asked for.
        searched: states that are visited at most in looking for them.
        operations: that are done at least where nobody says how many.
    """

    beside: Callable[[Any, Run], Beside]
    able: Callable[[Any, str], bool]
    needs: Callable[[Any], None] = lambda engine: None
    sizes: Callable[[Any], Sizes] | None = None
    scenes: Callable[[Subject, Bench, Any], SearchStrategy[Any]] | None = None
    unreachable: Callable[[Any, Collection[str]], set[tuple[str, str]]] = lambda engine, rules: set()
    tours: tuple[Sizes, ...] = ()
    exhausted: tuple[Exhausted, ...] = ()
    profiled: tuple[Profiled, ...] = ()
    runs: Scenes = lambda subject, ground, engine: [
        (Settled(ground.layout.sizes, rigid), anything) for rigid in subject.finite.universes(ground)]
    aspects: tuple[Aspect, ...] = ()
    gridded: tuple[Sizes, ...] = ()
    figures: tuple[Figure, ...] = ()
    laid: Callable[[Sizes], Sizes] = lambda sizes: sizes
    searched: int = 1_000_000
    operations: int = 2000


@dataclass(frozen=True)
class Shown:
    """What showing asks.

    Attributes:
        any_size: what a proof is about, in words.
        picture: states, or those before and after with titles for the two, as text in a style (``text``, ``dot``,
            ``mermaid``).
        data: the same as JSON has it.
        before: what a run starts from, in words, above its operations; empty if there is nothing to say.
        compared: whether a picture of the state expected and the state observed helps to see what differs.
        graphs: states as graphs that lie alike, each an SVG element, of which the last two are the state expected
            and the state observed: what differs in them is marked; None if they are drawn as text only.
        sights: the same of a scene as text, to stand beside each other, where a picture does not help; or None.
        says: what an object is called, wherever operations and laws are about it.
        put, got: an argument as JSON has it, and back.
        scene_json, scene_of: a scene as the fields of a trace file, and back; the latter takes them out.
    """

    any_size: str = "any number of objects"
    picture: Callable[[Machine, Sizes, Vector, Sequence[Vector], str, tuple[str, str]], str] = usual.picture
    data: Callable[[Machine, Sizes, Vector, Sequence[Vector]], list[Any]] = usual.data
    before: Callable[[Any], str] = lambda scene: ""
    compared: Callable[[Any], bool] = lambda scene: True
    graphs: Callable[[Machine, Sizes, Vector, Sequence[Vector]], Sequence[str]] | None = None
    sights: Callable[[Machine, Any, Vector, Sequence[Vector]], Sequence[str]] | None = None
    says: Callable[[Sort, int, Any], str] = usual.says
    put: Callable[[Parameter, int, Any], Any] = lambda parameter, element, scene: element
    got: Callable[[Parameter, Any, Any, str], int] = lambda parameter, value, scene, where: element_of(
        scene.sizes, parameter.sort, value, where)
    scene_json: Callable[[Machine, Any], dict[str, Any]] = settled_json
    scene_of: Callable[[Machine, dict[str, Any]], Any] = settled_of


@dataclass(frozen=True)
class Explored:
    """What ``check`` explores.

    Attributes:
        sizes: other than the machine's usual ones.
        dialects: their names.
        algebra: laws about two runs are checked, too, which takes as long as all the others.
    """

    sizes: Sizes
    dialects: tuple[str, ...]
    algebra: bool = True


@dataclass(frozen=True)
class Plan:
    """What ``check`` does with a machine besides proving it.

    Attributes:
        explored: one after the other; the usual sizes in every dialect if there is none.
        driven: operations in each dialect.
        judged: operations on the embedded engine, where there is one.
    """

    explored: tuple[Explored, ...] = ()
    driven: int = 500
    judged: int = 500


@dataclass(frozen=True, eq=False)
class Subject:
    """A machine, its laws, and what each reading asks of it.

    Attributes:
        dialects: valuations of its traits by name. A machine without traits has one; without a dialect, a machine
            with traits can be proved only, as proofs leave them free.
        mutants: makes the deliberately wrong versions.
        lemmas: makes what is proved beside the laws.
        longer: makes what takes longer to prove than all that ``check`` does may.
        small: the smallest instances, by a count from one to three.
        driven, judged: make the parts that only some readings need; where nothing is said of what judging asks,
            it is :mod:`layerproof.anyengine`.
        option: what names the machine on the command line, with a blank before it; by its name, if nothing is
            said.
        shipped: the machine and the catalogue, of those that are this project's own and are as its sources say.

    Raises:
        WrongRequest: if a dialect does not fit the machine's traits, or a part does not fit the machine. What the
            user's own functions in it give is looked at when they are called; they raise it, too.
    """

    machine: Machine
    catalogue: Catalogue
    dialects: Mapping[str, Traits] = field(default_factory=dict)
    mutants: Callable[[], Sequence[Mutant]] = tuple
    lemmas: Callable[[], tuple[Provable, ...]] = tuple
    longer: Callable[[], tuple[Provable, ...]] = tuple
    small: Callable[[int], Small] | None = None
    finite: Finite = Finite()
    driven: Callable[[], Drivable] = Drivable
    judged: Callable[[], Judged] | None = None
    shown: Shown = Shown()
    plan: Plan = Plan()
    option: str | None = None
    shipped: tuple[Machine, Catalogue] | None = None

    def __post_init__(self) -> None:
        """Check the dialects and the parts."""
        fitting.check_whole(self)
        if self.option is None:
            object.__setattr__(self, "option", f" --machine {self.name}")
        names = {t.name for t in self.machine.traits}
        if not self.dialects and not names:
            object.__setattr__(self, "dialects", {self.name: {}})
        for dialect, traits in self.dialects.items():
            if odd := sorted(names ^ traits.keys()):
                what = "says nothing of the trait" if odd[0] in names else "names an unknown trait"
                raise WrongRequest(f"the dialect {dialect} of the machine {self.name} {what} {odd[0]}")
            for trait, value in traits.items():
                if not isinstance(value, bool):
                    raise WrongRequest(f"the dialect {dialect} of the machine {self.name} says {value!r} of the "
                                       f"trait {trait}, which is neither True nor False")
        for name, part in fitting.fitted(self, _KINDS).items():
            object.__setattr__(self, name, part)

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.machine.name

    @property
    def as_shipped(self) -> bool:
        """Whether machine and laws are as this project's sources say, and none of the user's or a wrong one's."""
        return self.shipped is not None and self.machine is self.shipped[0] and self.catalogue is self.shipped[1]

    @cached_property
    def drivable(self) -> Drivable:
        """What random runs ask."""
        return self.driven()

    def of(self, machine: Machine, catalogue: Catalogue | None = None) -> Subject:
        """The same of a machine that differs in its rules only, perhaps with fewer laws."""
        laws = catalogue or self.catalogue
        return replace(self, machine=machine, catalogue=laws, finite=replace(
            self.finite, large=self.finite.large & {law.id for law in laws.laws}))

    def least(self, count: int) -> Small:
        """The smallest instances, of so many objects of each sort where nothing else is said."""
        if self.small is not None:
            return self.small(count)
        return Small({s.name: count for s in self.machine.sorts if not s.values})

    def sizes(self, other: Sizes | None = None) -> dict[str, int]:
        """The sizes that are explored, but for those that are given."""
        usual_ones = {s.name: 2 for s in self.machine.sorts if not s.values}
        return {**usual_ones, **self.finite.sizes, **(other or {})}

    # How it puts its runs: see layerproof.runs.trace.Language.

    def scene_json(self, scene: Scene) -> dict[str, Any]:
        """A scene as the fields of a trace file."""
        return settled_json(self.machine, scene) if isinstance(scene, Settled) else (
            self.shown.scene_json(self.machine, scene))

    def scene_of(self, data: dict[str, Any]) -> Scene:
        """The scene that the fields of a trace file say; they are taken out of the data."""
        if "rigid" in data or "sizes" in data:
            return settled_of(self.machine, data)
        scene: Scene = self.shown.scene_of(self.machine, data)
        return scene

    def put(self, parameter: Parameter, element: int, scene: Scene) -> Any:
        """An argument as JSON."""
        return element if isinstance(scene, Settled) else self.shown.put(parameter, element, scene)

    def got(self, parameter: Parameter, value: Any, scene: Scene, where: str) -> int:
        """The element that a JSON value stands for."""
        if isinstance(scene, Settled):
            return element_of(scene.sizes, parameter.sort, value, where)
        return self.shown.got(parameter, value, scene, where)

    # What a person asks for by name.

    def law_ids(self, chosen: Iterable[str]) -> set[str] | None:
        """Check the laws that were chosen; None if all are meant.

        Raises:
            WrongRequest: if one is not known.
        """
        known = [law.id for law in self.catalogue.laws]
        for identifier in chosen:
            if identifier not in known:
                raise WrongRequest(f"unknown law {identifier!r}; `layerproof laws{self.option}` lists them"
                                   + (f" ({known[0]} … {known[-1]})" if known else ""))
        return set(chosen) or None

    def rule_names(self, chosen: Iterable[str]) -> set[str] | None:
        """Check the rules that were chosen; None if all are meant.

        Raises:
            WrongRequest: if one is not known.
        """
        for name in chosen:
            if name not in self.machine.rule_by_name:
                raise WrongRequest(f"unknown rule {name!r}; known: {', '.join(self.machine.rule_by_name)}")
        return set(chosen) or None

    def mutant(self, name: str) -> Mutant:
        """A mutant by name.

        Raises:
            WrongRequest: if there is none.
        """
        known = {m.name: m for m in self.mutants()}
        if name not in known:
            raise WrongRequest(f"unknown mutant {name!r}; {_nearest(name, list(known))}")
        return known[name]

    def traits(self, names: Iterable[str], settings: Iterable[str] = ()) -> dict[str, dict[str, bool]]:
        """The traits of the dialects that were chosen, with those that were set by hand (``name=true``).

        Raises:
            WrongRequest: if a dialect or a trait is not known, or a trait is set twice.
        """
        if not self.dialects:
            raise WrongRequest(f"the machine {self.name} has traits and no dialect that says which of them hold: "
                               "it can be proved only")
        chosen = tuple(names) or tuple(self.dialects)
        given = self.settled(settings)
        return {name: {**self.dialect(name), **given} for name in chosen}

    def settled(self, settings: Iterable[str]) -> dict[str, bool]:
        """The traits that were set by hand (``name=true``).

        Raises:
            WrongRequest: if one is not known, or set twice.
        """
        known, given = [t.name for t in self.machine.traits], dict[str, bool]()
        for setting in settings:
            trait, _, value = setting.partition("=")
            if trait not in known:
                raise WrongRequest(f"unknown trait {trait!r}; known: {', '.join(known) or 'none'}")
            if value not in ("true", "false"):
                raise WrongRequest(f"the trait {trait} takes true or false, not {value!r}")
            if trait in given:
                raise WrongRequest(f"--trait sets the trait {trait} twice")
            given[trait] = value == "true"
        return given

    def dialect(self, name: str) -> Traits:
        """The traits of a dialect.

        Raises:
            WrongRequest: if it is not known.
        """
        if name not in self.dialects:
            raise WrongRequest(f"unknown dialect {name!r}; known: {', '.join(self.dialects) or 'none'}")
        return self.dialects[name]

    def sized(self, text: str | None) -> dict[str, int]:
        """The sizes of the sorts, with those that were given (``Layer=2,…``) instead of the usual ones.

        Raises:
            WrongRequest: if a sort is not known or named twice, or a size is none.
        """
        sizes, given = self.sizes(), set[str]()
        for part in text.split(",") if text is not None else []:
            name, _, number = part.partition("=")
            if name not in sizes:
                raise WrongRequest(f"unknown sort {name!r} in --size; known: {', '.join(sizes)}")
            if name in given:
                raise WrongRequest(f"--size names the sort {name} twice")
            if not number.isdecimal() or not 1 <= int(number) <= 9:
                raise WrongRequest(f"the size of {name} is not a number from 1 to 9: {number!r}")
            sizes[name] = int(number)
            given.add(name)
        return sizes


def _nearest(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is not known: those that are or, of many, those that are most like it."""
    if len(known) <= _FEW:
        return f"known: {', '.join(known) or 'none'}"
    near = get_close_matches(name, known, _FEW, cutoff=0.0)
    return f"of the {len(known)} that are known these are most like it: {', '.join(near)}"


_FEW = 5
"""Names that a sentence has at most."""


_KINDS = {kind.__name__: kind for kind in (
    Small, Finite, Drivable, Exhausted, Aspect, Figure, Profiled, Judged, Shown, Explored, Plan)}
"""The parts that are made of others."""


def mutated(subject: Subject, name: str) -> Subject:
    """The deliberately wrong machine of a name, which other processes can make if they can make the right one.

    Raises:
        WrongRequest: if there is none.
    """
    wrong = subject.of(subject.mutant(name).machine(subject.machine))
    return made_by(wrong, partial(_mutated_anew, recipe(subject), name)) if has_recipe(subject) else wrong


def _mutated_anew(right: Recipe[Subject], name: str) -> Subject:
    return mutated(right(), name)


def known_of(deviations: Iterable[Deviation], engine: Any) -> list[Deviation]:
    """The deviations that are known of an engine of its version, with its options and under its conditions.

    Of a version the first number with dots counts (``1.13-dev``, ``Linux 6.18.1``); of an engine without one
    nothing is known.
    """
    number = _NUMBER.search(engine.version)
    if number is None:
        return []
    release = Version(number[0])
    given = ("", *getattr(engine, "options", ()), *getattr(engine, "conditions", ()))
    return [d for d in deviations if d.engine == engine.name and d.option in given
            and SpecifierSet(d.versions).contains(release)]


_NUMBER = re.compile(r"\d+(\.\d+)*")
