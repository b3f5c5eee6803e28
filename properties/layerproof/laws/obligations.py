"""What has to be proved of a machine: every rule against every law, as formulas to be refuted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import z3

from layermodel.language.rules import Machine, Rule, Sort, State, Step, Symbol, Term, Trait, Update
from layerproof.errors import WrongRequest
from layerproof.laws.law import Algebra, Catalogue, Kind, Law
from layerproof.laws.sound import check_state_law, check_together


@dataclass(frozen=True)
class Obligation:
    """One thing to prove: from the hypotheses, the premise implies the conclusions.

    Attributes:
        rule: the rule's name; ``init`` for the initial state, and both runs for an algebraic law.
        refusal: the refusal that is supposed to be the outcome, or None if the operation is done.
        hypotheses: by label; labels of laws are their IDs.
        premise, conclusions: with the law's variables and the rule's parameters as constants.
        steps: the steps that are taken, for drawing a counterexample.
        extra: further hypotheses, for proofs only.
        parts: obligations that amount to this one: of any state after of which step laws say enough, whatever the
            rule does, and of all else. If they can be proved there is no need to look at this one.
    """

    rule: str
    law: Law
    refusal: str | None
    hypotheses: Mapping[str, Term]
    premise: Term
    conclusions: Mapping[str, Term]
    variables: tuple[tuple[str, Sort, Term], ...]
    steps: tuple[Step, ...] = ()
    end: State | None = None
    needs_sums: bool = False
    extra: Mapping[str, Term] = field(default_factory=dict)
    parts: tuple[Obligation, ...] = ()

    @property
    def own(self) -> dict[str, Term]:
        """The hypotheses about the steps: not those that are true of every state, and no definitions."""
        return {name: formula for name, formula in self.hypotheses.items()
                if name.startswith(("given", "outcome")) or name.endswith(" after")}

    @property
    def name(self) -> str:
        """Rule, refusal and law, for reports."""
        refused = f" refused {self.refusal}" if self.refusal else ""
        return f"{self.rule}{refused} keeps {self.law.id}"


def _concludes(obligation: Obligation) -> Obligation:
    if not obligation.conclusions:
        refused = f" refused with {obligation.refusal!r}" if obligation.refusal else ""
        raise WrongRequest(f"{obligation.law.id} concludes nothing of {obligation.rule}{refused}")
    return obligation


def nothing(sort: Sort) -> Term:
    """What a symbol is of that which is not there: the same for all, and of no account."""
    return {"Bool": z3.BoolVal(False), "Int": z3.IntVal(0)}.get(sort.name, sort.constant(f"nothing {sort.name}"))


def settled(machine: Machine, state: State, changed: Container[str]) -> State:
    """The state in which what symbols say of what is not there is forgotten, as it is where a machine is run.

    Args:
        changed: the symbols that a step changes; what no other says need not be looked at again.
    """
    def forgets(symbol: Symbol, there: Symbol) -> Update:
        return lambda *at: z3.If(getattr(state, there.name)(*at[:len(there.arguments)]),
                                 getattr(state, symbol.name)(*at), nothing(symbol.result))

    return state.updated({
        symbol.name: forgets(symbol, machine.symbol(symbol.of)) for symbol in machine.mutable
        if symbol.of is not None and (symbol.name in changed or symbol.of in changed)})


def constants(law: Law) -> tuple[tuple[str, Sort, Term], ...]:
    """The law's variables as Skolem constants."""
    return tuple((name, sort, sort.constant(f"!{name}")) for name, sort in law.variables)


def closed(law: Law, state: State | Step) -> Term:
    """A law of a state or of a step as one closed formula."""
    variables = [sort.constant(f"v.{name}") for name, sort in law.variables]
    body = z3.Implies(law.premise(state, *variables), z3.And(list(
        law.conclusions(state, *variables).values())))
    return z3.ForAll(variables, body) if variables else body


def at(law: Law, state: State | Step, arguments: tuple[Term, ...]) -> Term:
    """A law of a state or of a step for particular objects."""
    return z3.Implies(law.premise(state, *arguments),
                      z3.And(list(law.conclusions(state, *arguments).values())))


def _ground_terms(machine: Machine, terms: list[Term]) -> dict[str, list[Term]]:
    """Objects by sort at which laws about sums are worth instantiating: these terms and their images."""
    result: dict[str, dict[Term, None]] = {}
    for term in terms:
        result.setdefault(term.sort().name(), {})[term] = None
        for symbol in machine.symbols:
            if [a.name for a in symbol.arguments] == [term.sort().name()] and symbol.result in machine.sorts:
                result.setdefault(symbol.result.name, {})[symbol.decl(term)] = None
    return {name: list(found) for name, found in result.items()}


def _sum_hypotheses(machine: Machine, catalogue: Catalogue, terms: list[Term]) -> dict[str, Term]:
    """The state laws about sums, instantiated at the given terms."""
    ground = _ground_terms(machine, terms)
    result = {}
    for law in catalogue.of(Kind.STATE):
        if law.sums and not law.follows_from:
            choices = [ground.get(sort.name, []) for _, sort in law.variables]
            instances = [at(law, machine.state, chosen) for chosen in itertools.product(*choices)]
            if instances:
                result[law.id] = z3.And(instances)
    return result


@dataclass(frozen=True)
class _Words:
    """What state laws speak of: machines with the same are the same to them."""

    sorts: tuple[Sort, ...]
    symbols: tuple[Symbol, ...]
    traits: tuple[Trait, ...]
    machine: Machine = field(compare=False)


@lru_cache(maxsize=8)
def _closed_laws(words: _Words, catalogue: Catalogue) -> tuple[tuple[Law, Term], ...]:
    """The state laws as closed formulas, once for all machines with the same symbols.

    Raises:
        WrongRequest: if one speaks of anything but the state that it is given.
    """
    laws = catalogue.of(Kind.STATE)
    for law in laws:
        check_state_law(words.machine, law)
    return tuple((law, closed(law, words.machine.state)) for law in laws)


class Obligations:
    """All obligations of a machine and a catalogue."""

    def __init__(self, machine: Machine, catalogue: Catalogue) -> None:
        """Prepare the hypotheses that all obligations share.

        Raises:
            WrongRequest: if the catalogue speaks of what the machine does not have.
        """
        check_together(machine, catalogue.laws)
        self.machine = machine
        self.catalogue = catalogue
        self.axioms = {axiom.name: axiom.formula for axiom in machine.axioms}
        self.axioms |= {f"values {n}": f for n, f in enumerate(machine.enumerations)}
        self._taken: dict[str, Step] = {}
        state_laws = _closed_laws(_Words(machine.sorts, machine.symbols, machine.traits, machine), catalogue)
        self.universal = {law.id: formula for law, formula in state_laws if law.universal and not law.sums}
        self.existential = {law.id: formula for law, formula in state_laws if not law.universal and not law.sums}

    def step(self, rule: Rule) -> Step:
        """The step of a rule: the same terms for all laws."""
        if rule.name not in self._taken:
            self._taken[rule.name] = self._settled(self.machine.step(rule))
        return self._taken[rule.name]

    def _settled(self, step: Step) -> Step:
        """The step after which nothing is said of what is not there."""
        found = Step(step.rule, step.before, step.arguments, step.effect)  # others have the one that was given
        found.__dict__["after"] = settled(self.machine, step.after, step.effect.updates)
        return found

    def all(self, rules: set[str] | None = None, laws: set[str] | None = None) -> Iterator[Obligation]:
        """Yield every obligation, or those of some rules and laws."""
        for unit in self.units(rules, laws):
            yield from unit()

    def _alone(self, make: Callable[[Law], Obligation], law: Law) -> Iterator[Obligation]:
        yield _concludes(make(law))

    def units(
        self, rules: set[str] | None = None, laws: set[str] | None = None,
    ) -> Iterator[Callable[[], Iterable[Obligation]]]:
        """Yield the same in portions that are not made before they are asked for."""
        for law in self.catalogue.laws:
            if laws is not None and law.id not in laws:
                continue
            if law.kind is Kind.ALGEBRAIC:
                assert law.runs is not None
                called = {name for name, _ in (*law.runs.left, *law.runs.right)}
                if rules is None or called & rules:
                    yield partial(self._alone, self.algebraic, law)
                continue
            if law.kind is Kind.STATE and rules is None:
                yield partial(self._alone, self.initial, law)
            for rule in self.machine.rules:
                if (rules is None or rule.name in rules) and law.about(rule):
                    yield partial(self.of, rule, law)

    def initial(self, law: Law) -> Obligation:
        """The initial state satisfies a state law."""
        variables = constants(law)
        terms = tuple(term for _, _, term in variables)
        start = settled(self.machine, self.machine.start, self.machine.symbol_by_name)
        return Obligation(
            "init", law, None, dict(self.axioms), law.premise(start, *terms),
            law.conclusions(start, *terms), variables, needs_sums=law.sums, end=start,
            extra=self._after(law, terms, start))

    def of(self, rule: Rule, law: Law) -> Iterator[Obligation]:
        """The obligations of one rule and one state or step law.

        Raises:
            WrongRequest: if the law concludes nothing: that would be proved without a proof.
        """
        yield from map(_concludes, self._of(rule, law))

    def _of(self, rule: Rule, law: Law) -> Iterator[Obligation]:
        if law.kind is Kind.STATE:
            yield self._state(rule, law, None)
            yield from (self._state(rule, law, r.name) for r in self.step(rule).effect.refusals if r.leaves)
        elif not law.refusals:
            yield self._step(rule, law, None)
        else:
            for refusal in self.refusals(rule, law):
                yield self._step(rule, law, refusal)

    @staticmethod
    def refusals(rule: Rule, law: Law) -> list[str]:
        """The refusals of a rule that a law about refused steps speaks of."""
        return [name for name in rule.refused if law.refusals == ("*",) or name in law.refusals]

    def hypotheses(self, step: Step, refusal: str | None) -> dict[str, Term]:
        """What every proof about a step with this outcome starts from."""
        hypotheses = dict(self.axioms)
        hypotheses |= {f"definition {n}": f for n, f in enumerate(step.definitions)}
        hypotheses["given"] = step.given
        hypotheses["outcome"] = step.done if refusal is None else step.refused(refusal)
        return hypotheses | self.universal

    def _state(self, rule: Rule, law: Law, refusal: str | None) -> Obligation:
        step = self.step(rule) if refusal is None else RefusedStep.of(self.step(rule), refusal)
        variables = constants(law)
        terms = tuple(term for _, _, term in variables)
        hypotheses = self.hypotheses(step, refusal)
        if law.follows_from:
            hypotheses = {n: f for n, f in hypotheses.items() if n not in self.universal}
            hypotheses |= self._after(law, terms, step.after)
        elif law.sums:
            hypotheses |= _sum_hypotheses(self.machine, self.catalogue, [*step.arguments, *terms])
        whole = Obligation(
            rule.name, law, refusal, hypotheses, law.premise(step.after, *terms),
            law.conclusions(step.after, *terms), variables, (step,), step.after, law.sums)
        return replace(whole, parts=self._parts(rule, law, whole) if refusal is None else ())

    def _steps(self, rule: Rule, law: Law, step: Step) -> dict[str, Term]:
        """The step laws that the proof of this law uses: each has its own obligation."""
        return {name: closed(self.catalogue.law(name), step) for name in law.from_steps.get(rule.name, ())}

    def _parts(self, rule: Rule, law: Law, whole: Obligation) -> tuple[Obligation, ...]:
        """A state law of any state after of which step laws say enough, and of all that these do not speak of."""
        terms = tuple(term for _, _, term in whole.variables)
        step = AnyAfter.of(whole.steps[0])
        used = self._steps(rule, law, step)
        if not used or law.focus is None:
            return ()
        focus = law.focus(step, *terms)
        hypotheses = {**self.axioms, "given": step.given, "outcome": step.done, **self.universal}
        return (replace(whole, hypotheses=hypotheses, extra=used,
                        premise=z3.And(focus, law.premise(step.after, *terms)),
                        conclusions=law.conclusions(step.after, *terms)),
                replace(whole, premise=z3.And(z3.Not(focus), whole.premise)))

    def _after(self, law: Law, terms: tuple[Term, ...], after: State) -> dict[str, Term]:
        """The laws that this one follows from, in the state after: each has its own obligation there."""
        return {f"{name} after": implied(self.machine, self.catalogue.law(name), terms, after)
                for name in law.follows_from}

    def _step(self, rule: Rule, law: Law, refusal: str | None) -> Obligation:
        step = self.step(rule)
        if refusal is not None:
            step = RefusedStep.of(step, refusal)
        variables = constants(law)
        terms = tuple(term for _, _, term in variables)
        hypotheses = self.hypotheses(step, refusal)
        if law.sums:
            hypotheses |= _sum_hypotheses(self.machine, self.catalogue, [*step.arguments, *terms])
        hypotheses |= self._after(law, terms, step.after)
        return Obligation(
            rule.name, law, refusal, hypotheses, law.premise(step, *terms), law.conclusions(step, *terms),
            variables, (step,), step.after, law.sums, self._steps(rule, law, step) if refusal is None else {})

    def algebraic(self, law: Law) -> Obligation:
        """The obligation of an algebraic law."""
        assert law.runs is not None
        terms = {name: sort.constant(f"?{name}") for name, sort in law.runs.parameters}
        taken: dict[tuple[object, ...], Step] = {}
        left, right = (self._run(run, terms, taken) for run in (law.runs.left, law.runs.right))
        ends = [steps[-1].after if steps else self.machine.state for steps in (left, right)]
        algebra = Algebra(self.machine, self.machine.state, ends[0], ends[1], law.runs)
        hypotheses = dict(self.axioms)
        defined = Counter(d.decl.name() for step in taken.values() for d in step.effect.definitions)
        for name, times in defined.items():
            if times > 1:  # the same relation, of two states: a contradiction, from which all would follow
                raise WrongRequest(f"{law.id}: two steps define one relation {name!r}; a rule has to make it "
                                   "anew each time, with define()")
        for number, step in enumerate(taken.values()):
            hypotheses[f"given {number}"] = step.given
            hypotheses[f"outcome {number}"] = step.done
            hypotheses |= {f"definition {number}.{n}": f for n, f in enumerate(step.definitions)}
        hypotheses |= self.universal
        if law.sums:
            hypotheses |= _sum_hypotheses(self.machine, self.catalogue, list(terms.values()))
        name = " = ".join(";".join(rule for rule, _ in run) or "nothing"
                          for run in (law.runs.left, law.runs.right))
        return Obligation(
            name, law, None, hypotheses, law.premise(algebra), law.conclusions(algebra), (),
            tuple(taken.values()), ends[0], law.sums)

    def _run(self, run: tuple[tuple[str, tuple[str, ...]], ...], terms: dict[str, Term],
             taken: dict[tuple[object, ...], Step]) -> tuple[Step, ...]:
        """The steps of a run; where two runs begin alike they share their steps."""
        state, steps = self.machine.state, []
        for number in range(len(run)):
            rule, arguments = run[number]
            if run[: number + 1] not in taken:
                taken[run[: number + 1]] = self._settled(self.machine.rule_by_name[rule].apply(
                    state, *(terms[a] for a in arguments)))
            steps.append(taken[run[: number + 1]])
            state = steps[-1].after
        return tuple(steps)


class AnyAfter(Step):
    """A step after which the state may be any."""

    @classmethod
    def of(cls, step: Step) -> Step:
        """The same step of a rule of which nothing is known."""
        abstract = cls(step.rule, step.before, step.arguments, step.effect)
        abstract.__dict__["after"] = step.before.renamed("'")
        return abstract


class RefusedStep(Step):
    """A step that is refused: the state after it is what the refusal leaves."""

    @classmethod
    def of(cls, step: Step, refusal: str) -> Step:
        """The same step of a rule, refused."""
        refused = cls(step.rule, step.before, step.arguments, step.effect)
        leaves = next(r.leaves for r in step.effect.refusals if r.name == refusal)
        refused.__dict__["after"] = settled(step.before._machine, step.after_refusal(refusal), leaves)
        return refused


def implied(machine: Machine, law: Law, terms: tuple[Term, ...], state: State) -> Term:
    """A law that another follows from, in a state: of the other's objects and what the state says of them.

    Of all objects, where these are of other sorts; any choice is sound, and few make short proofs.
    """
    known: dict[Term, list[Term]] = {}
    for term in terms:
        known.setdefault(term.sort(), []).append(term)
    images: dict[Term, list[Term]] = {}
    for symbol in machine.symbols:
        if len(symbol.arguments) == 1 and symbol.result in machine.sorts:
            images.setdefault(symbol.result.z3, []).extend(
                getattr(state, symbol.name)(term) for term in known.get(symbol.arguments[0].z3, []))
    known = {**images, **known}
    choices = [known.get(sort.z3, []) for _, sort in law.variables]
    if not all(choices):
        return closed(law, state)
    return z3.And([at(law, state, chosen) for chosen in itertools.product(*choices)])
