"""The rule language: sorts, symbols, traits, axioms and rules, all as Z3 terms.

A :class:`Machine` says what a state is and which rules change it. A rule is a function from a
:class:`State` and parameters to an :class:`Effect`: what it presupposes of the parameters, its refusals in
the order in which an engine looks at them, and its updates. The first refusal whose condition holds is
the outcome and nothing changes (checks first, then the core); otherwise the updates happen at once, each
speaking of the state before. What no update names stays as it was.

How a rule is written down is :mod:`layermodel.language.writing`. Beside each condition stands a phrase that says
the same to a reader; the rule book prints the phrases.

Nothing here evaluates anything: :mod:`layermodel.language.ground` runs a machine on finite stores, and
``layerproof.readings.prove.prove`` reasons about stores of any size, both from the terms that this module builds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol, TypeVar

import z3

from layermodel.language.normal import written

Term = Any
"""A Z3 expression; z3py carries no types that a checker could use."""


@dataclass(frozen=True)
class Sort:
    """A sort of objects; ``values`` names the members of an enumerated one (a status), else it is open."""

    name: str
    doc: str = ""
    values: tuple[str, ...] = ()

    @cached_property
    def z3(self) -> Term:
        """The Z3 sort. Enumerated sorts are uninterpreted too, with one constant for each value."""
        return {"Bool": z3.BoolSort, "Int": z3.IntSort}.get(self.name, lambda: z3.DeclareSort(self.name))()

    def value(self, name: str) -> Term:
        """Return the constant of a value of an enumerated sort."""
        return z3.Const(f"{self.name}.{self.values[self.values.index(name)]}", self.z3)

    def constant(self, name: str) -> Term:
        """Return a constant of this sort."""
        return z3.Const(name, self.z3)


BOOL = Sort("Bool")
INT = Sort("Int")


@dataclass(frozen=True)
class Symbol:
    """A relation (result ``BOOL``) or function of the state, or a rigid one that never changes.

    Attributes:
        of: the name of a relation; the symbol means something only while its first arguments are in it
            (the status *of a container that exists*). Elsewhere its value is of no account.
    """

    name: str
    arguments: tuple[Sort, ...]
    result: Sort
    doc: str
    rigid: bool = False
    of: str | None = None

    @cached_property
    def decl(self) -> Term:
        """The Z3 declaration that stands for the symbol in the state before a step."""
        return z3.Function(self.name, *(s.z3 for s in self.arguments), self.result.z3)


@dataclass(frozen=True)
class Trait:
    """A named Boolean in which engines differ. Proofs leave it free; a dialect fixes it.

    Attributes:
        where, where_not: how phrases of rules say that engines have it and that they have it not, put so that
            they can follow "where"; from ``doc`` if they are left out.
    """

    name: str
    doc: str
    source: str
    where: str = ""
    where_not: str = ""

    @property
    def has(self) -> str:
        """The phrase for a condition that engines have the trait, with the trait's name."""
        return f"{self.where or f'it is so that {self.doc}'} [{self.name}]"

    @property
    def lacks(self) -> str:
        """The phrase for a condition that engines have the trait not, with the trait's name."""
        return f"{self.where_not or f'it is not so that {self.doc}'} [not {self.name}]"

    @property
    def on(self) -> str:
        """The same as a clause: "where …"."""
        return f"where {self.has}"

    @property
    def off(self) -> str:
        """The same as a clause: "where … not …"."""
        return f"where {self.lacks}"

    @cached_property
    def term(self) -> Term:
        """The Z3 constant."""
        return z3.Bool(f"trait.{self.name}")


@dataclass(frozen=True)
class Axiom:
    """Something always true of the rigid symbols.

    ``for_proofs`` is False for an axiom that no proof needs and that would only slow Z3 down; what is
    proved without it holds with it. A ``lemma`` follows from the axioms that are none; it is proved, and only
    proofs use it.
    """

    name: str
    formula: Term
    source: str
    for_proofs: bool = True
    lemma: bool = False


@dataclass(frozen=True)
class Definition:
    """A relation that one step defines for its own use: ``forall variables: head(...) == body``."""

    decl: Term
    variables: tuple[Term, ...]
    body: Term

    @property
    def formula(self) -> Term:
        """The defining axiom."""
        return z3.ForAll(list(self.variables), self.decl(*self.variables) == self.body)


Update = Callable[..., Term]
"""From a symbol's arguments to its value after the step, in terms of the state before."""


@dataclass(frozen=True)
class Witness:
    """How a store is made larger, so that what is presupposed of *new* and *chosen* arguments can be had in it.

    The larger store has the objects of the store, of which it says the same, and ``fresh`` ones beside.
    ``layerproof.readings.prove.larger`` proves that it is one: then nothing is hidden in what is presupposed.

    Attributes:
        fresh: constants for the objects that are added.
        values: by the name of a new or chosen parameter, the object that it is; if none is said, a fresh one.
        symbols: what a symbol says where one of its arguments is a fresh object. Of what is not in here: what
            changes is as at the start, a rigid relation is false, and a rigid function has any value.
        some, where: the witness is for stores with objects ``some`` that satisfy the condition.
    """

    fresh: tuple[Term, ...] = ()
    values: Mapping[str, Term] = field(default_factory=dict)
    symbols: Mapping[str, Update] = field(default_factory=dict)
    some: tuple[Term, ...] = ()
    where: Term = field(default_factory=lambda: z3.BoolVal(True))


@dataclass(frozen=True)
class Presupposition:
    """What the choice of parameters presupposes, e.g. that an image about to be made is new, and as a phrase.

    It restricts which steps there are; it is not something that an engine could refuse.

    Attributes:
        witnesses: that it can always be had, each for stores for which none before is; if there is none, a fresh
            object for each new or chosen parameter will do.
    """

    holds: Term
    says: str
    witnesses: tuple[Witness, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A named error, the condition on which an engine answers it, and the condition as a phrase.

    ``leaves`` are updates that happen although the step is refused: empty in every rule; a mutant may
    fill it, to show that a refusal that half-happens is caught.
    """

    name: str
    when: Term
    says: str
    leaves: Mapping[str, Update] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect:
    """What a rule does in one state with given parameters.

    Attributes:
        refusals: in the order in which they are looked at.
        updates: by symbol.
        definitions: relations that the updates use.
        reclaimed: the bytes that the operation reports as reclaimed, for those that report any.
    """

    updates: Mapping[str, Update]
    refusals: tuple[Refusal, ...] = ()
    presupposed: tuple[Presupposition, ...] = ()
    definitions: tuple[Definition, ...] = ()
    reclaimed: Term | None = None

    @property
    def given(self) -> tuple[Term, ...]:
        """What is presupposed, as terms."""
        return tuple(p.holds for p in self.presupposed)

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """That it can be had, whatever the named arguments are."""
        return tuple(w for p in self.presupposed for w in p.witnesses) or (Witness(),)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a rule.

    Attributes:
        role: ``named``, what the caller of the operation says; ``new``, what the operation makes;
            ``found``, what the other parameters and the state determine (the image that a tag names); or
            ``chosen``, what they leave a choice of (which inode the copy of a file has).
    """

    name: str
    sort: Sort
    role: str = "named"

    @cached_property
    def term(self) -> Term:
        """The Z3 constant that stands for the parameter."""
        return self.sort.constant(f"?{self.name}")


class Arguments:
    """The arguments of a step by the names of the parameters: ``a.path``."""

    def __init__(self, rule: str, values: Mapping[str, Term]) -> None:
        """Name the arguments of a rule of this name."""
        self._rule, self._values = rule, values

    def __getattr__(self, name: str) -> Term:
        """Return the argument for a parameter."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._values:
            raise AttributeError(f"{self._rule} has no parameter {name!r}, but {_listed(self._values)}")
        return self._values[name]


class RuleKind(Enum):
    """What a rule does when it is not refused."""

    LOOKS = "looks"
    """It changes nothing."""
    MAKES = "makes"
    """Something is there that was not."""
    CHANGES = "changes"
    """What is there is otherwise, or named otherwise."""
    TAKES = "takes away"
    """What it names is gone, and what only that kept."""
    SWEEPS = "sweeps"
    """Objects are gone that none of its parameters names (prune)."""


@dataclass(frozen=True)
class Rule:
    """One operation.

    Attributes:
        body: from a state and arguments, in the order of the parameters, to what it does.
        then: what it does when it is not refused, in sentences for the rule book.
        source: where it comes from.
    """

    name: str
    parameters: tuple[Parameter, ...]
    body: Callable[..., Effect]
    kind: RuleKind
    then: str
    source: str
    _states: list[State] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def sweeps(self) -> bool:
        """Whether it may take away objects that none of its parameters names."""
        return self.kind is RuleKind.SWEEPS

    def speaks_of(self, state: State) -> None:
        """Learn in which states it is, which a machine tells its rules: only then do its phrases have terms."""
        if not self._states:
            self._states.append(state)

    @cached_property
    def _as_said(self) -> Effect:
        if not self._states:
            raise ValueError(f"the rule {self.name} is none of a machine's yet")
        return self.step(self._states[0]).effect

    @property
    def refused(self) -> Mapping[str, str]:
        """For each refusal its condition as a phrase, in the order in which they are looked at."""
        return {r.name: r.says for r in self._as_said.refusals}

    @property
    def presupposed(self) -> tuple[str, ...]:
        """What it presupposes of its parameters, as phrases."""
        return tuple(p.says for p in self._as_said.presupposed)

    def apply(self, state: State, *arguments: Term) -> Step:
        """Return the step of this rule from a state with arguments for the parameters, in their order."""
        token = _applied.set(self.name)
        try:
            return Step(self, state, arguments, self.body(state, *arguments))
        finally:
            _applied.reset(token)

    def by_name(self, arguments: Sequence[Term]) -> Arguments:
        """Return arguments for the parameters, in their order, by the parameters' names."""
        return Arguments(self.name, {p.name: a for p, a in zip(self.parameters, arguments, strict=True)})

    def step(self, state: State) -> Step:
        """Return the step with the rule's own parameters left open."""
        return self.apply(state, *(p.term for p in self.parameters))


class State:
    """A state as terms: ``s.image(i)``, ``s.usage``, a trait ``s.parents_inferred``.

    The state before a step reads its symbols as such; the state after one replaces each updated symbol
    by the update, so that a law about the state after is a formula about the state before.
    """

    def __init__(self, machine: Machine, updates: Mapping[str, Update] | None = None) -> None:
        """Make the state of a machine in which the given symbols have the given values."""
        self._machine = machine
        self._updates = dict(updates or {})

    def __getattr__(self, name: str) -> Any:
        """Return a symbol of this state (a term if it takes no arguments) or a trait."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._updates:
            update = self._updates[name]
            return update if self._machine.symbol(name).arguments else update()
        if name in self._machine.symbol_by_name:
            decl = self._machine.symbol_by_name[name].decl
            return decl if decl.arity() else decl()
        for trait in self._machine.traits:
            if trait.name == name:
                return trait.term
        raise AttributeError(f"the machine {self._machine.name} has no symbol or trait {name!r}")

    def updated(self, updates: Mapping[str, Update]) -> State:
        """Return the state that differs from this one by the updates (which speak of this one)."""
        return State(self._machine, {**self._updates, **updates})

    def renamed(self, suffix: str) -> State:
        """Return a state of fresh symbols, named after this machine's with a suffix."""
        fresh: dict[str, Update] = {}
        for symbol in self._machine.mutable:
            decl = z3.Function(
                symbol.name + suffix, *(s.z3 for s in symbol.arguments), symbol.result.z3
            )
            fresh[symbol.name] = decl
        return State(self._machine, fresh)


@dataclass(frozen=True)
class Step:
    """One application of a rule: the states around it and on which conditions which outcome is had."""

    rule: Rule
    before: State
    arguments: tuple[Term, ...]
    effect: Effect

    @cached_property
    def by_name(self) -> Arguments:
        """The arguments by the names of the parameters."""
        return self.rule.by_name(self.arguments)

    def argument(self, name: str) -> Term:
        """Return an argument by its parameter's name.

        Raises:
            AttributeError: if the rule has no such parameter.
        """
        return getattr(self.by_name, name)

    def of_sort(self, sort: Sort) -> list[Term]:
        """Return the arguments of a sort."""
        return [a for p, a in zip(self.rule.parameters, self.arguments, strict=True) if p.sort == sort]

    @cached_property
    def done(self) -> Term:
        """The operation is not refused."""
        return z3.Not(z3.Or([r.when for r in self.effect.refusals]))

    @cached_property
    def given(self) -> Term:
        """The parameters are such as the rule presupposes."""
        return z3.And(list(self.effect.given))

    @cached_property
    def definitions(self) -> list[Term]:
        """The axioms of the step's own relations."""
        return [d.formula for d in self.effect.definitions]

    @cached_property
    def after(self) -> State:
        """The state after the operation was done."""
        return self.before.updated(self.effect.updates)

    def refused(self, name: str) -> Term:
        """The operation is refused with this name: its condition holds and no earlier one does."""
        earlier: list[Term] = []
        for refusal in self.effect.refusals:
            if refusal.name == name:
                return z3.And(*(z3.Not(e) for e in earlier), refusal.when)
            earlier.append(refusal.when)
        return z3.BoolVal(False)

    def after_refusal(self, name: str) -> State:
        """The state after the operation was refused with this name."""
        leaves = next(r.leaves for r in self.effect.refusals if r.name == name)
        return self.before.updated(leaves)

    def named(self, thing: Term, sort: Sort) -> Term:
        """The operation has the object as an argument."""
        return z3.Or([thing == argument for argument in self.of_sort(sort)])


@dataclass(frozen=True)
class Hint:
    """Terms that a proof may need and that nothing in it mentions: Z3 instantiates only what it finds.

    They say nothing; a proof is none the less sound with them.

    Attributes:
        terms: of a state and of objects of these sorts, which are all those that a proof speaks of.
    """

    sorts: tuple[Sort, ...]
    terms: Callable[..., Sequence[Term]]


class Unknown(KeyError):
    """What was asked for by name is not there; says what is."""

    def __str__(self) -> str:
        """The sentence; a KeyError would quote it."""
        return str(self.args[0])


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


_Named = TypeVar("_Named", bound=_HasName)


class _ByName(dict[str, _Named]):
    """Things of a machine by their names."""

    def __init__(self, machine: str, what: str, things: Iterable[_Named]) -> None:
        super().__init__({thing.name: thing for thing in things})
        self._machine, self._what = machine, what

    def __missing__(self, name: str) -> _Named:
        raise Unknown(f"the machine {self._machine} has no {self._what} {name!r}, but {_listed(self)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none at all"


@dataclass(frozen=True, eq=False)
class Machine:
    """Sorts, symbols, traits, axioms, an initial condition and rules.

    Attributes:
        initial: the value of every mutable symbol at the start, as an update of nothing.
        hints: for proofs that do not succeed without them.
    """

    name: str
    sorts: tuple[Sort, ...]
    symbols: tuple[Symbol, ...]
    traits: tuple[Trait, ...]
    axioms: tuple[Axiom, ...]
    initial: Mapping[str, Update]
    rules: tuple[Rule, ...]
    hints: tuple[Hint, ...] = ()

    def __post_init__(self) -> None:
        """Tell the rules what they speak of, and refuse a machine that nothing can be proved of."""
        from layermodel.language.sound import check_machine

        for rule in self.rules:
            rule.speaks_of(self.state)
        check_machine(self)

    @cached_property
    def symbol_by_name(self) -> dict[str, Symbol]:
        """All symbols by name; to ask for one that there is not raises :class:`Unknown`."""
        return _ByName(self.name, "symbol", self.symbols)

    @cached_property
    def rule_by_name(self) -> dict[str, Rule]:
        """All rules by name; to ask for one that there is not raises :class:`Unknown`."""
        return _ByName(self.name, "rule", self.rules)

    @property
    def mutable(self) -> list[Symbol]:
        """The symbols that make up a state."""
        return [s for s in self.symbols if not s.rigid]

    @property
    def rigid(self) -> list[Symbol]:
        """The symbols that never change."""
        return [s for s in self.symbols if s.rigid]

    def symbol(self, name: str) -> Symbol:
        """Return a symbol by name.

        Raises:
            Unknown: if there is none.
        """
        return self.symbol_by_name[name]

    @cached_property
    def state(self) -> State:
        """The state before a step."""
        return State(self)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """What others have made of its terms, by a key of theirs, to be had again: it is the same at all sizes."""
        return {}

    def step(self, rule: Rule) -> Step:
        """Return the step of one of its rules with the rule's own parameters left open."""
        key = "step", rule.name
        if key not in self.kept or self.kept[key].rule is not rule:
            self.kept[key] = rule.step(self.state)
        step: Step = self.kept[key]
        return step

    @cached_property
    def start(self) -> State:
        """The initial state."""
        return State(self, self.initial)

    @cached_property
    def enumerations(self) -> list[Term]:
        """What Z3 has to know of the enumerated sorts: their values differ, and there is no other.

        The latter also of each symbol with such a value: that is where Z3's triggers find it.
        """
        result: list[Term] = []
        for sort in (s for s in self.sorts if s.values):
            values = [sort.value(v) for v in sort.values]
            x = sort.constant("x")
            result += [z3.Distinct(*values), z3.ForAll([x], z3.Or([x == v for v in values]))]
            for symbol in (s for s in self.symbols if s.result == sort and s.arguments):
                places = [s.constant(f"v{n}") for n, s in enumerate(symbol.arguments)]
                result.append(z3.ForAll(places, z3.Or([symbol.decl(*places) == v for v in values])))
        return result

    def same(self, one: State, other: State, symbols: Sequence[Symbol] | None = None) -> dict[str, Term]:
        """For each symbol the formula that two states agree on it wherever it means something."""
        result = {}
        for symbol in symbols if symbols is not None else self.mutable:
            variables = [s.constant(f"v{n}") for n, s in enumerate(symbol.arguments)]
            here, there = getattr(one, symbol.name), getattr(other, symbol.name)
            if not variables:
                result[symbol.name] = here == there
                continue
            equal = here(*variables) == there(*variables)
            if symbol.of is not None:
                live = getattr(one, symbol.of)(*variables[:len(self.symbol(symbol.of).arguments)])
                equal = z3.Implies(live, equal)
            result[symbol.name] = z3.ForAll(variables, equal)
        return result

    def with_rule(self, rule: Rule) -> Machine:
        """Return the machine in which a rule is replaced by another of the same name.

        Raises:
            Unknown: if there is no rule of that name; :meth:`with_rules` adds one.
        """
        replaced = self.rule_by_name[rule.name]
        return replace(self, rules=tuple(rule if r is replaced else r for r in self.rules))

    def with_rules(self, *rules: Rule) -> Machine:
        """Return the machine with more rules.

        Raises:
            ValueError: if there is one of such a name; :meth:`with_rule` replaces it.
        """
        names = [r.name for r in (*self.rules, *rules)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the machine {self.name} would have two rules of a name: {_listed(twice)}")
        return replace(self, rules=(*self.rules, *rules))


def define(name: str, sorts: Sequence[Sort], body: Callable[..., Term]) -> tuple[Term, Definition]:
    """Define a relation for the use of one step; return its declaration and its definition.

    It is named by the rule and by what it means: the same whenever the same is defined, and no other.
    """
    with _bound(sorts, "at") as variables:
        means = body(*variables)
    meaning = sha256(f"{_applied.get()} {len(sorts)} {written(means).digest}".encode()).hexdigest()
    decl = z3.Function(f"{name}!{meaning[:24]}", *(s.z3 for s in sorts), z3.BoolSort())
    return decl, Definition(decl, tuple(variables), means)


_applied: ContextVar[str] = ContextVar("applied", default="")
"""The name of the rule whose step is being made."""


def forall(sorts: Sequence[Sort] | Sort, body: Callable[..., Term]) -> Term:
    """For all objects of these sorts the body holds."""
    return _quantified(z3.ForAll, sorts, body)


def exists(sorts: Sequence[Sort] | Sort, body: Callable[..., Term]) -> Term:
    """There are objects of these sorts for which the body holds."""
    return _quantified(z3.Exists, sorts, body)


def _quantified(quantifier: Any, sorts: Sequence[Sort] | Sort, body: Callable[..., Term]) -> Term:
    with _bound([sorts] if isinstance(sorts, Sort) else sorts) as variables:
        return quantifier(variables, body(*variables))


def sum_of(sort: Sort, body: Callable[[Term], Term]) -> Term:
    """Return the sum of an integer term over all objects of a sort (all but finitely many being zero).

    To Z3 it is an uninterpreted function of the term; ``layerproof.readings.prove.sums`` has the lemmas.
    """
    total = z3.Function(f"sum.{sort.name}", z3.ArraySort(sort.z3, z3.IntSort()), z3.IntSort())
    with _bound([sort]) as variables:
        return total(z3.Lambda(variables, body(*variables)))


_binders: ContextVar[int] = ContextVar("binders", default=0)
"""How many variables are bound by the quantifiers whose bodies are being made."""


@contextlib.contextmanager
def _bound(sorts: Sequence[Sort], name: str = "") -> Iterator[list[Term]]:
    """Variables of a quantifier while its body is made: named alike whenever the same is said again.

    None has the name of one that is bound further out, as that one's body is not made yet.
    """
    outside = _binders.get()
    token = _binders.set(outside + len(sorts))
    try:
        yield [sort.constant(f"{name or sort.name[0].lower()}.{n}") for n, sort in enumerate(sorts, outside)]
    finally:
        _binders.reset(token)
