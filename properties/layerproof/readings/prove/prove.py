"""Prove every obligation for stores of any size, or find a finite counterexample to induction.

A query is tried in tiers, from few hypotheses and pure instantiation to all hypotheses and model-based
instantiation, the latter in several throws, as it is a matter of luck which models are looked at; before that
the smallest stores are searched. Few hypotheses with model-based instantiation come last: a query that needs
more of them ends only at its limit. Each tier is bounded by a Z3 resource limit, which counts work and not
seconds, so that a verdict does not depend on the machine's load.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial

import z3

from layermodel.language.normal import digest
from layermodel.language.rules import Term
from layermodel.language.sound import Malformed, unique
from layerproof.errors import WrongRequest
from layerproof.laws.law import Kind
from layerproof.laws.lemmas import Lemma, Provable, axiom_lemmas
from layerproof.laws.obligations import Obligation, Obligations, at
from layerproof.laws.refutation import Limits, ask
from layerproof.laws.sound import unmet
from layerproof.process.cache import Cache, sources
from layerproof.process.pieces import Recipe, pool, recipe
from layerproof.readings.prove.finite import PROVERS, SIZES, Instance, SmallStores
from layerproof.readings.prove.hints import hints
from layerproof.readings.prove.presupposed import hidden
from layerproof.readings.prove.sums import eliminate, sum_lemmas
from layerproof.readings.prove.vacuity import Witnesses, missing
from layerproof.readings.prove.vacuity import witnesses as look
from layerproof.subject import Subject


@dataclass(frozen=True)
class Tier(Limits):
    """How one attempt goes about a query.

    Attributes:
        existential: state laws that say that something exists are among the hypotheses.
        hinted: Z3 is given terms (:mod:`layerproof.readings.prove.hints`).
    """

    existential: bool = False
    hinted: bool = False


TIERS = (
    Tier(existential=False, model_based=False, limit=300_000),
    Tier(existential=True, model_based=False, limit=600_000),
    Tier(existential=True, model_based=False, limit=2_000_000, hinted=True),
    Tier(existential=False, model_based=False, limit=2_000_000, hinted=True),
    # Of an obligation that comes here one attempt of two succeeds, and seldom the same in another process: with
    # few of them one in a hundred runs would leave something undecided.
    *(Tier(existential=True, model_based=True, limit=2_000_000, seed=n, hinted=True) for n in range(6)),
    *(Tier(existential=True, model_based=True, limit=3_000_000, seed=n) for n in range(10)),
    Tier(existential=False, model_based=True, limit=10_000_000),
)


OUTCOMES = ("proved", "refuted", "undecided", "timed out")
"""What can become of an obligation."""


@dataclass(frozen=True)
class Verdict:
    """What became of one obligation.

    Attributes:
        outcome: ``proved``, ``refuted`` (then ``instance`` is a counterexample), ``undecided``, or ``timed out``
            where Z3 took so long, without doing what it counts as work, that it was not waited for.
        used: the laws that the proof used as hypotheses, from the unsatisfiable core.
    """

    rule: str
    law: str
    refusal: str | None
    outcome: str
    used: tuple[str, ...] = ()
    instance: Instance | None = None

    @property
    def name(self) -> str:
        """The obligation in words."""
        refused = f" refused {self.refusal}" if self.refusal else ""
        return f"{self.rule}{refused} keeps {self.law}"


@dataclass(frozen=True)
class Proof:
    """All verdicts, and what else was shown so that they mean something.

    Attributes:
        lemmas: by name, whether the induction went through.
        vacuous: what could not be shown to happen: axioms, rules, refusals, premises, conditions.
        witnesses: how many such things were shown to happen.
        rests_on: laws that were used and not proved here.
        begun: whether the initial state, and with it every rule, was looked at.
    """

    verdicts: tuple[Verdict, ...]
    lemmas: Mapping[str, bool]
    vacuous: tuple[str, ...] = ()
    witnesses: int = 0
    rests_on: tuple[str, ...] = ()
    begun: bool = True

    def count(self, outcome: str) -> int:
        """The number of obligations with an outcome."""
        return sum(v.outcome == outcome for v in self.verdicts)

    @property
    def holds(self) -> bool:
        """Everything was proved and nothing was vacuous."""
        proved = self.count("proved") == len(self.verdicts) > 0
        return proved and all(self.lemmas.values()) and not self.vacuous


def supposed(proof: Proof) -> list[str]:
    """What a proof takes for granted, in sentences; none if it stands by itself."""
    sentences = []
    if proof.rests_on:
        sentences.append(f"rests on {', '.join(proof.rests_on)}: assumed before each step, and not proved here")
    if not proof.begun:
        sentences.append("rests on the initial state and the other rules, which were not looked at")
    return sentences


Shown = dict[tuple[int, str], set[str]]
"""Conclusions that were proved, by the number of the part that they are of, with the laws that were used."""


@dataclass
class Prover:
    """Proves the obligations of one machine and catalogue."""

    subject: Subject
    tiers: tuple[Tier, ...] = TIERS
    cached: bool = True
    obligations: Obligations = field(init=False)

    def __post_init__(self) -> None:
        """Build the shared hypotheses."""
        self.machine, self.catalogue = self.subject.machine, self.subject.catalogue
        self.obligations = Obligations(self.machine, self.catalogue)
        self.tiers = tuple(t for t in self.tiers if self.machine.hints or not t.hinted)
        self.unused = {a.name for a in self.machine.axioms if not a.for_proofs}
        self.laws = {law.id for law in self.catalogue.laws}
        self.stores = SmallStores(self.subject, cached=self.cached)
        self._late = False
        self._cache = Cache("proof", used=self.cached)
        self._by = [z3.get_version_string(), sources(PROVERS)]

    def verdict(self, obligation: Obligation) -> Verdict:
        """Prove an obligation, or refute it on a finite store, or say that it is undecided or timed out."""
        self._late = False
        used = self._remembered(obligation)
        if used is not None:
            return self._verdict(obligation, "proved", used=tuple(sorted(used)))
        verdict = self._decided(obligation)
        if verdict.outcome == "proved":
            self._remember(obligation, verdict.used)
        return verdict

    def _decided(self, obligation: Obligation) -> Verdict:
        first = sum(not t.model_based for t in self.tiers)
        shown: Shown = {}
        # What is wrong is mostly seen in a very small store, long before Z3 would give up.
        for tiers, counts in ((self.tiers[:first], SIZES[:2]), (self.tiers[first:], SIZES[2:])):
            used = self._proof(obligation, tiers, shown)
            if used is not None:
                implied = used.union(obligation.law.follows_from)
                return self._verdict(obligation, "proved", used=tuple(sorted(implied)))
            instance = self.stores.counterexample(obligation, counts)
            if instance is not None:
                return self._verdict(obligation, "refuted", instance=instance)
        return self._verdict(obligation, "timed out" if self._late else "undecided")

    def proves(self, obligation: Obligation) -> bool:
        """Whether it proves an obligation; if not, no small store is searched."""
        if self._remembered(obligation) is not None:
            return True
        used = self._proof(obligation, self.tiers, {})
        if used is not None:
            self._remember(obligation, used)
        return used is not None

    def _key(self, obligation: Obligation) -> bytes:
        """All that a proof of an obligation comes of, in a form that is the same if it is built again.

        Hints are left out, as they say nothing: with others a proof may be longer, and is as good.
        """
        said: list[object] = [*self._by, [repr(t) for t in self.tiers]]
        every = Tier(True, 0, existential=True)
        formulas = list[Term]()
        for one in (obligation, *obligation.parts):
            known = self._hypotheses(one, every)
            formulas += [*known.values(), one.premise, *one.conclusions.values()]
            formulas += self._points(one) if one.needs_sums else ()
            said += [one.law.id, [*known], [*one.conclusions], one.needs_sums, *one.law.follows_from]
        return json.dumps([*said, digest(formulas)]).encode()

    def _remembered(self, obligation: Obligation) -> set[str] | None:
        """The laws that an earlier proof of the same used; None if there was none."""
        data = self._cache.get(self._key(obligation)) if self._cache.there else None
        return None if data is None else set(json.loads(data))

    def _remember(self, obligation: Obligation, used: Iterable[str]) -> None:
        if self._cache.there:
            self._cache.put(self._key(obligation), json.dumps(sorted(used)).encode())

    def establishes(self, lemma: Provable) -> bool:
        """Whether it proves a lemma, and that it is one about something that can be."""
        if isinstance(lemma, Lemma):
            return lemma.proved
        obligations = list(lemma.obligations())
        outcomes = {(o.rule, o.refusal): o for o in obligations}.values()
        return bool(obligations) and all(map(self.proves, obligations)) and all(
            self.stores.possible(one, {"": z3.BoolVal(True)}) for one in outcomes)

    def _proof(self, obligation: Obligation, tiers: Sequence[Tier], shown: Shown) -> set[str] | None:
        """Prove the parts that amount to an obligation, if it has any; else as a whole, or one by one."""
        if (known := self._unchanged(obligation)) is not None:
            return known
        cores = [self._split(part, tiers, shown, number) for number, part in enumerate(obligation.parts, 1)]
        if cores and None not in cores:
            return set().union(*(c for c in cores if c is not None))
        whole = len(obligation.conclusions) > 1 and not shown
        used = self.attempt(obligation, self.tiers[0]) if whole else None
        return self._split(obligation, tiers, shown) if used is None else used

    def _unchanged(self, obligation: Obligation) -> set[str] | None:
        """The law alone, if it says the same after the step as before; nothing, if it says what is always so."""
        says = z3.Implies(obligation.premise, z3.And(list(obligation.conclusions.values())))
        if z3.is_true(z3.simplify(says)):
            return set()
        law = obligation.law
        if law.kind is not Kind.STATE or not obligation.steps:
            return None
        objects = tuple(term for _, _, term in obligation.variables)
        return {law.id} if says.eq(at(law, self.machine.state, objects)) else None

    def _verdict(
        self, obligation: Obligation, outcome: str, used: tuple[str, ...] = (),
        instance: Instance | None = None,
    ) -> Verdict:
        return Verdict(obligation.rule, obligation.law.id, obligation.refusal, outcome, used, instance)

    def _split(
        self, obligation: Obligation, tiers: Sequence[Tier], shown: Shown, part: int = 0,
    ) -> set[str] | None:
        """Prove the conclusions one by one, each with those before it as hypotheses.

        Args:
            shown: the conclusions of each part that were proved before, to which these are added.
        """
        before: dict[str, Term] = {}
        for name, formula in obligation.conclusions.items():
            if (part, name) not in shown:
                one = replace(obligation, conclusions={name: formula},
                              hypotheses={**obligation.hypotheses, **before})
                found = self._unchanged(one)
                for tier in tiers if found is None else ():
                    found = self.attempt(one, tier)
                    if found is not None:
                        break
                if found is None:
                    return None
                shown[part, name] = found
            before[f"shown: {name}"] = formula
        return set().union(*(shown[part, name] for name in obligation.conclusions))

    def attempt(self, obligation: Obligation, tier: Tier) -> set[str] | None:
        """Try one tier; return the labels of the hypotheses in the core, or None."""
        labelled = self._hypotheses(obligation, tier)
        goal = z3.Not(z3.And(list(obligation.conclusions.values())))
        formulas = [*labelled.values(), obligation.premise, goal]
        if obligation.needs_sums:
            formulas = eliminate(formulas, self._points(obligation))
        named = dict(zip(labelled, formulas, strict=False))
        tracked = {label: formula for label, formula in named.items() if label in self.laws}
        others = [formula for label, formula in named.items() if label not in self.laws]
        found = ask([*formulas[len(labelled):], *others], tracked, tier)
        self._late = self._late or found.answer == "timed out"
        return {*found.core} if found.answer == "unsat" else None

    def _hypotheses(self, obligation: Obligation, tier: Tier) -> dict[str, Term]:
        """What an attempt starts from, by labels; those of laws are their IDs."""
        needless = self.unused - {*obligation.law.axioms}
        labelled = {n: f for n, f in obligation.hypotheses.items() if n not in needless}
        labelled |= dict(obligation.extra)
        if tier.hinted:
            labelled |= {name: z3.And(formula, labelled.get(name, True))
                         for name, formula in hints(self.machine, obligation).items()}
        if not obligation.law.follows_from and obligation.steps:
            labelled |= {name: formula for name, formula in self.obligations.existential.items()
                         if tier.existential or name == obligation.law.id}
        return labelled

    def _points(self, obligation: Obligation) -> list[Term]:
        """Where summed terms may differ: the objects mentioned, and images' top layers."""
        terms = [a for step in obligation.steps for a in step.arguments]
        terms += [term for _, _, term in obligation.variables]
        for term in list(terms):
            for symbol in self.machine.rigid:
                if [a.z3 for a in symbol.arguments] == [term.sort()]:
                    terms.append(symbol.decl(term))
        return terms


@lru_cache(maxsize=2)
def _prover(subject: Subject, cached: bool) -> Prover:
    """What a process proves with, portion after portion."""
    return Prover(subject, cached=cached)


@dataclass(frozen=True)
class Task:
    """What is to be proved of a machine.

    Attributes:
        rules, laws: names; all if None. With rules given, the initial state is left out.
        beside: lemmas beside those that the proofs of this machine use, which are always proved.
        cached: what was proved before is taken from the user's cache folder, and what is proved is kept there.

    Raises:
        WrongRequest: if a name is unknown, or two lemmas have one.
    """

    subject: Subject
    rules: frozenset[str] | None = None
    laws: frozenset[str] | None = None
    beside: tuple[Provable, ...] = ()
    cached: bool = True

    def __post_init__(self) -> None:
        """Refuse what would be proved of nothing, or shown by something of the same name."""
        for what, names, known in (("rule", self.rules, self.subject.machine.rule_by_name),
                                   ("law", self.laws, {law.id for law in self.subject.catalogue.laws})):
            if unknown := sorted((names or frozenset()) - set(known)):
                raise WrongRequest(f"there is no {what} {', '.join(map(repr, unknown))} to prove")
        if not self.subject.catalogue.laws:
            raise WrongRequest("there is nothing to prove: the catalogue has no laws")
        try:
            unique("there are two lemmas", (lemma.name for lemma in self.lemmas))
        except Malformed as error:
            raise WrongRequest(str(error)) from error

    @property
    def prover(self) -> Prover:
        """What proves it: the same, portion after portion."""
        return _prover(self.subject, self.cached)

    @cached_property
    def lemmas(self) -> tuple[Provable, ...]:
        """All that is proved beside the laws: what the proofs use, and more."""
        sums = sum_lemmas() if any(law.sums for law in self.subject.catalogue.laws) else ()
        return (*axiom_lemmas(self.subject.machine), *sums, *self.beside)

    def lemma(self, number: int) -> bool:
        """Prove a lemma."""
        return self.prover.establishes(self.lemmas[number])


Placed = tuple[int, Verdict]
"""A verdict, and its place among all."""


def portion(task: Task, number: int, of: int) -> Iterator[Placed]:
    """Prove every so-manieth portion of the obligations."""
    prover = task.prover
    rules, laws = (None if s is None else set(s) for s in (task.rules, task.laws))
    for place, unit in enumerate(prover.obligations.units(rules, laws)):
        if place % of == number:
            for obligation in unit():
                yield place, prover.verdict(obligation)


def witnesses(task: Task, number: int = 0, of: int = 1) -> Witnesses:
    """Look for what must be able to happen, so that the proofs mean something, in every so-manieth rule."""
    catalogue = task.subject.catalogue
    chosen = [r for r in task.subject.machine.rules if task.rules is None or r.name in task.rules]
    listed = [law for law in catalogue.laws if task.laws is None or law.id in task.laws]
    of_states = [law for law in listed if law.kind is not Kind.STEP]
    prover = task.prover
    found = look(prover.obligations, prover.stores, chosen[number::of], of_states[number::of], listed,
                 whole=task.rules is None)
    found.missing += hidden(prover.obligations, prover.stores, prover.proves, chosen[number::of])
    return found


def together(
    task: Task, portions: Iterable[Iterable[Placed]], found: Iterable[Witnesses], lemmas: Mapping[str, bool],
) -> Proof:
    """What all portions of a task come to.

    Args:
        lemmas: by name, whether they were proved.

    Raises:
        WrongRequest: if there was nothing to prove.
    """
    placed = sorted((placed for part in portions for placed in part), key=lambda placed: placed[0])
    if not placed:
        raise WrongRequest("there is nothing to prove: none of these laws is about any of these rules")
    verdicts = tuple(verdict for _, verdict in placed)
    never, witnessed = missing(found)
    laws = [law for law in task.subject.catalogue.laws if task.laws is None or law.id in task.laws]
    return Proof(verdicts, {**{lemma.name: False for lemma in task.lemmas}, **lemmas},
                 (*never, *unmet(task.subject.machine, laws)), witnessed, _rests_on(task, verdicts),
                 task.rules is None)


def _rests_on(task: Task, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """The laws that the proofs use and that are not proved here, of every rule and of the initial state.

    What a step law says of a step is proved where it is of that rule; a state law that holds before a step has to
    come from all the others.
    """
    chosen = task.laws if task.laws is not None else {law.id for law in task.subject.catalogue.laws}
    by_step = {law.id for law in task.subject.catalogue.of(Kind.STEP)}
    proved = chosen if task.rules is None else chosen & by_step
    used = {name for verdict in verdicts for name in verdict.used}
    return tuple(law.id for law in task.subject.catalogue.laws if law.id in used - proved)


def prove(
    subject: Subject, *, rules: Iterable[str] | None = None,
    laws: Iterable[str] | None = None, beside: Iterable[Provable] = (), jobs: int = 1,
    progress: Callable[[int], None] = lambda done: None, cached: bool = True, cluster: str | None = None,
) -> Proof:
    """Prove the obligations of a machine.

    Args:
        rules, laws: names; all if None. With rules given, the initial state is left out.
        beside: what is proved, too, beside the laws and the lemmas that their proofs use.
        jobs: the number of processes.
        progress: is told how many obligations are done since it was last told.
        cached: what was proved before is taken from the user's cache folder, and what is proved is kept there.
        cluster: the address of a Dask cluster, whose workers do it instead; what is proved beside is the machine's
            own then, and the cache folders are theirs.

    Raises:
        WrongRequest: if there is nothing to prove, or the cluster cannot be had.
    """
    task = Task(subject, None if rules is None else frozenset(rules),
                None if laws is None else frozenset(laws), tuple(beside), cached)
    names, numbers = [lemma.name for lemma in task.lemmas], range(len(task.lemmas))

    def told(part: Iterable[Placed]) -> list[Placed]:
        result = []
        for placed in part:
            result.append(placed)
            progress(1)
        return result

    if jobs == 1 and cluster is None:
        return together(task, [told(portion(task, 0, 1))], [witnesses(task)],
                        dict(zip(names, map(task.lemma, numbers), strict=True)))
    with pool(task, partial(_recipe, task), jobs=jobs, cluster=cluster) as pieces:
        portions, shares = pieces.width * PORTIONS, pieces.width * 2
        # What takes long first, so that nobody waits for it at the end.
        found = [pieces.submit(f"part {n + 1} of {shares} of the witnesses", witnesses, n, shares)
                 for n in range(shares)]
        shown = [pieces.submit(f"the lemma {name}", Task.lemma, n) for n, name in enumerate(names)]
        proved = [pieces.submit(f"portion {n + 1} of {portions} of the proofs", _portion, n, portions)
                  for n in range(portions)]
        return together(task, [told(part.result()) for part in proved], [part.result() for part in found],
                        {name: one.result() for name, one in zip(names, shown, strict=True)})


PORTIONS = 32
"""Into how many portions, for each process, the obligations are divided: some take far longer than others."""


def _portion(task: Task, number: int, of: int) -> list[Placed]:
    return list(portion(task, number, of))


def _recipe(task: Task) -> Recipe[Task]:
    """How another process makes the same task: it finds what is proved beside among the machine's own by name."""
    names = [lemma.name for lemma in task.beside]
    known = {lemma.name for lemma in _of_machine(task.subject)}
    if other := [name for name in names if name not in known]:
        raise WrongRequest(f"the lemma {other[0]!r} is none of the machine's own, so that no cluster can prove it")
    return partial(_task_anew, recipe(task.subject), task.rules, task.laws, names, task.cached)


def _task_anew(
    subject: Recipe[Subject], rules: frozenset[str] | None, laws: frozenset[str] | None, names: Sequence[str],
    cached: bool,
) -> Task:
    made = subject()
    known = {lemma.name: lemma for lemma in _of_machine(made)}
    return Task(made, rules, laws, tuple(known[name] for name in names), cached)


def _of_machine(subject: Subject) -> tuple[Provable, ...]:
    return (*subject.lemmas(), *subject.longer())
