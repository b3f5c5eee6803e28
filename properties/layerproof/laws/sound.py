"""What a catalogue must be so that a proof of it means anything.

Each law is proved with others as hypotheses, so none may come back to itself: what a law follows from, and which
step laws its proofs use, must be an order. A law is known by its ID and its objects by their names, so these must
differ: two variables of one name are one object to Z3. Where a catalogue and a machine meet, the law must speak of
the machine that it is proved of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import z3

from layermodel.language.rules import BOOL, Machine, Sort, Term
from layermodel.language.sound import Malformed, Vocabulary, check_sort_known, cycle, unique
from layerproof.errors import WrongRequest
from layerproof.own import told

if TYPE_CHECKING:
    from layerproof.laws.law import Law

_ID = re.compile(r"[A-Za-z][\w.-]*")
_NAME = re.compile(r"[A-Za-z][\w-]*")
_RESERVED = ("given", "outcome", "init", "hint")


def check_laws(laws: Sequence[Law]) -> None:
    """Check the laws of a catalogue, before it is known of which machine they are.

    Raises:
        WrongRequest: if a proof of them would be no proof.
    """
    try:
        unique("a catalogue has two laws", (law.id for law in laws))
        by_id = {law.id: law for law in laws}
        for law in laws:
            _check_law(law)
            _check_used(law, by_id)
    except Malformed as error:
        raise WrongRequest(str(error)) from error
    circle = cycle({law.id: list(_uses(law)) for law in laws})
    if circle:
        raise WrongRequest(f"{' is proved from '.join(circle)}: a law can't be proved from itself")


def _uses(law: Law) -> Iterable[str]:
    yield from law.follows_from
    for used in law.from_steps.values():
        yield from used


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise WrongRequest(sentence)


def _check_law(law: Law) -> None:
    _require(bool(_ID.fullmatch(law.id)) and law.id not in _RESERVED, f"a law can't have the ID {law.id!r}")
    unique(f"{law.id} is about two objects", (name for name, _ in law.variables))
    for name, _ in law.variables:
        _require(bool(_NAME.fullmatch(name)), f"{law.id} can't be about an object named {name!r}")
    kind = law.kind.value
    _require((kind == "algebraic") == (law.runs is not None),
             f"{law.id} is {kind}: a law is about two runs exactly if it is algebraic")
    for what, given, kinds in (
        ("variables", law.variables, ("state", "step")), ("rules", law.rules, ("step",)),
        ("refusals", law.refusals, ("step",)), ("follows_from", law.follows_from, ("state", "step")),
        ("from_steps", law.from_steps, ("state", "step")), ("focus", law.focus, ("state",)),
    ):
        _require(not given or kind in kinds, f"{law.id} is {kind} and has {what}, which only "
                 f"{' and '.join(kinds)} laws can have")
    _require({*law.idle} <= {*law.rules}, f"{law.id} is idle of rules that it is not about")
    _require(not law.from_steps or kind == "step" or law.focus is not None,
             f"{law.id} uses step laws and says nothing of the focus in which it does")
    _require(not (law.from_steps and law.refusals),
             f"{law.id} is about refused steps, of which the step laws that it uses say nothing")


def _check_used(law: Law, by_id: Mapping[str, Law]) -> None:
    """The laws that a law is proved from are there, of the right kind, and proved of the same steps."""
    for identifier in _uses(law):
        _require(identifier in by_id, f"{law.id} is proved from {identifier!r}, which is no law of the catalogue")
    for identifier in law.follows_from:
        _require(by_id[identifier].kind.value == "state",
                 f"{law.id} follows from {identifier}, which is no state law")
    for rule, used in law.from_steps.items():
        for other in map(by_id.__getitem__, used):
            done = other.kind.value == "step" and not other.refusals
            _require(done and (not other.rules or rule in other.rules),
                     f"the proof of {law.id} for {rule} uses {other.id}, which is no law about {rule} being done")


# Where a catalogue meets a machine.


def check_together(machine: Machine, laws: Sequence[Law]) -> None:
    """Check that laws speak of a machine.

    Raises:
        WrongRequest: if they speak of what it does not have.
    """
    _require(bool(machine.rules), f"the machine {machine.name} has no rule")
    axioms = {axiom.name for axiom in machine.axioms}
    for law in laws:
        _check_sorts(machine, law.variables, f"{law.id}, the")
        for rule in (*law.rules, *law.from_steps):
            _require(rule in machine.rule_by_name, _unknown(law, "rule", rule, machine))
            _require(law.kind.value != "step" or not law.rules or rule in law.rules,
                     f"{law.id} uses step laws for {rule}, which it is not about")
        for axiom in law.axioms:
            _require(axiom in axioms, _unknown(law, "axiom", axiom, machine))
        if law.runs is not None:
            _check_runs(machine, law)


def check_applied(machine: Machine, laws: Iterable[Law]) -> None:
    """Check that each law can be said of what it is about: of a state, of the steps of rules, of two runs.

    Raises:
        WrongRequest: if one cannot, with the line in which it came about.
    """
    for law in laws:
        terms = [sort.constant(f"!{name}") for name, sort in law.variables]
        for about, words in _about(machine, law):
            premise = _applied(f"the premise of {law.id}", words, law.premise, about, terms)
            conclusions = _applied(f"what {law.id} concludes", words, law.conclusions, about, terms)
            _require(isinstance(conclusions, Mapping) and len(conclusions) > 0,
                     f"what {law.id} concludes of {words} is no mapping from names to conditions")
            for what, formula in (("the premise", premise), *conclusions.items()):
                _require(z3.is_bool(formula) if z3.is_expr(formula) else isinstance(formula, bool),
                         f"{law.id} says of {words} what is no condition ({what}): {formula!r}")


def _applied(what: str, words: str, function: Callable[..., Any], about: Any, terms: Sequence[Term]) -> Any:
    with told(f"{what} cannot be said of {words}", function):
        return function(about, *terms)


def _about(machine: Machine, law: Law) -> Iterable[tuple[Any, str]]:
    """What a law is about, and in words."""
    from layerproof.laws.law import Algebra

    if law.runs is not None:
        yield Algebra(machine, machine.state, machine.state.renamed("'"), machine.state, law.runs), "its two runs"
    elif law.kind.value == "state":
        yield machine.state, "a state"
    else:
        for rule in machine.rules:
            if law.about(rule):
                yield machine.step(rule), f"the rule {rule.name}"


def _unknown(law: Law, what: str, name: str, machine: Machine) -> str:
    return f"{law.id} speaks of the {what} {name!r}, which the machine {machine.name} does not have"


def _check_sorts(machine: Machine, variables: Iterable[tuple[str, Sort]], where: str) -> None:
    for name, sort in variables:
        if sort != BOOL:
            try:
                check_sort_known(machine, sort, f"{where} {name}")
            except Malformed as error:
                raise WrongRequest(str(error)) from error


def _check_runs(machine: Machine, law: Law) -> None:
    assert law.runs is not None
    sorts = dict(law.runs.parameters)
    _require(len(sorts) == len(law.runs.parameters), f"{law.id} has two parameters of one name")
    _require(bool(law.runs.left), f"{law.id} has a left run of no steps")
    _check_sorts(machine, law.runs.parameters, f"{law.id}, the")
    for name, arguments in (*law.runs.left, *law.runs.right):
        _require(name in machine.rule_by_name, _unknown(law, "rule", name, machine))
        parameters = machine.rule_by_name[name].parameters
        _require([sorts.get(a) for a in arguments] == [p.sort for p in parameters],
                 f"{law.id} calls {name} with ({', '.join(arguments)}), and its parameters are "
                 f"({', '.join(f'{p.name}: {p.sort.name}' for p in parameters)})")


def unmet(machine: Machine, laws: Iterable[Law]) -> list[str]:
    """Return, in words, the refusals that laws are about and that no rule has: they are proved of nothing."""
    result = []
    for law in (law for law in laws if law.refusals):
        about = {rule.name: {r for r in rule.refused if law.refusals == ("*",) or r in law.refusals}
                 for rule in machine.rules if law.about(rule)}
        had = {"*"}.union(*about.values())
        result += [f"{law.id} is about the refusal {refusal!r}, which none of its rules has"
                   for refusal in law.refusals if refusal not in had]
        result += [f"{law.id} is about {name}, which has none of its refusals"
                   for name, refusals in about.items() if law.rules and not refusals]
    return result


def check_state_law(machine: Machine, law: Law) -> None:
    """Check that a state law speaks of the state that it is given, of its variables, and of no more.

    One that reads another state would be proved of the state after a step by what holds before it.

    Raises:
        WrongRequest: if it speaks of anything else.
    """
    state = machine.state.renamed("'")
    variables = [sort.constant(f"!{name}") for name, sort in law.variables]
    symbols = [getattr(state, symbol.name) for symbol in machine.mutable]
    known = Vocabulary.of(machine, machine.rigid, more=[
        *(v.decl() for v in variables), *(s if isinstance(s, z3.FuncDeclRef) else s.decl() for s in symbols)])
    try:
        known.check(f"the premise of {law.id}", law.premise(state, *variables))
        for name, formula in law.conclusions(state, *variables).items():
            known.check(f"the conclusion {name!r} of {law.id}", formula)
    except Malformed as error:
        raise WrongRequest(str(error)) from error
