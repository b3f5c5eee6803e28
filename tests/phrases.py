"""Reads the phrases of the rule book back into formulas, and asks Z3 whether each says what its condition says.

A lexicon gives the meaning of each sentence, written down once more; how sentences are joined is what
:mod:`layermodel.language.writing` says of phrases.
"""

import re

import z3
from z3 import And, Implies, Not, Or

from layermodel.language.rules import BOOL

_TRAIT = re.compile(r"(?:where )?([^\[]*) \[(not )?(\w+)\]")
_LIMIT = 3_000_000  # of Z3 resource units


class Unread(Exception):
    """A sentence that the lexicon does not have."""


class Reader:
    """Phrases of one machine's rules as formulas."""

    def __init__(self, machine, lexicon):
        self.machine = machine
        self.lexicon = [(re.compile(pattern), means) for pattern, means in lexicon.items()]

    def formula(self, rule, phrase):
        """What a phrase says of a rule's own parameters in the state before."""
        arguments = {p.name: p.term for p in rule.parameters}
        return self._phrase(phrase, arguments)

    def _phrase(self, phrase, arguments):
        if phrase.startswith("if ") and ": " in phrase:
            condition, rest = phrase[3:].split(": ", 1)
            return Implies(self._phrase(condition, arguments), self._phrase(rest, arguments))
        return Or([self._all(one, arguments) for one in phrase.split("; or ")])

    def _all(self, phrase, arguments):
        return And([self._one(one, arguments) for one in re.split(r", (?:and )?", phrase)])

    def _one(self, sentence, arguments):
        if sentence.startswith("either "):
            words = sentence.removeprefix("either ").split(" or ")
            for n in range(1, len(words)):
                try:
                    return Or(self._one(" or ".join(words[:n]), arguments), self._one(" or ".join(words[n:]), arguments))
                except Unread:
                    continue
        if (found := _TRAIT.fullmatch(sentence)) is not None:
            return self._trait(sentence, *found.groups())
        for pattern, means in self.lexicon:
            if (found := pattern.fullmatch(sentence)) is not None:
                return means(self.machine.state, *(arguments[name] for name in found.groups()))
        raise Unread(sentence)

    def _trait(self, sentence, _, absent, name):
        trait = next((t for t in self.machine.traits if t.name == name), None)
        if trait is None or sentence not in ((trait.lacks, trait.off) if absent else (trait.has, trait.on)):
            raise Unread(sentence)
        return Not(trait.term) if absent else trait.term


def complaints(reader, rule):
    """What is wrong with the phrases of a rule, each as a sentence."""
    effect = rule.step(reader.machine.state).effect
    known = [a.formula for a in reader.machine.axioms if a.for_proofs] + reader.machine.enumerations
    result = []
    for presupposed in effect.presupposed:
        result += _wrong(reader, rule, "presupposed", presupposed.says, presupposed.holds, known)
    supposed = [*known, *effect.given]
    for refusal in effect.refusals:
        result += _wrong(reader, rule, refusal.name, refusal.says, refusal.when, supposed)
        supposed.append(Not(refusal.when))
    return result


def _wrong(reader, rule, what, says, term, supposed):
    where = f"{rule.name}, {what}: {says!r}"
    mentioned = _constants(term)
    for name in (p.name for p in rule.parameters if p.sort != BOOL and f"?{p.name}" in mentioned):
        if not re.search(rf"\b{name}\b", says):
            yield f"{where} does not speak of the {name}"
    for flag in _depends_on(rule, term, supposed):
        if "the removal is forced" not in says and "the removal is not forced" not in says:
            yield f"{where} does not speak of {flag}, on which it depends"
    for trait in reader.machine.traits:
        if f"[{trait.name}]" not in says and f"[not {trait.name}]" not in says and _matters(trait.term, term, supposed):
            yield f"{where} does not speak of {trait.name}, on which it depends"
    try:
        claim = reader.formula(rule, says)
    except Unread as sentence:
        yield f"{where}: nobody knows what {str(sentence)!r} means"
        return
    if not _follows(supposed, term == claim):
        yield f"{where} is not what the condition says"


def _depends_on(rule, term, supposed):
    return [p.name for p in rule.parameters if p.sort == BOOL and _matters(p.term, term, supposed)]


def _matters(flag, term, supposed):
    """Whether a formula may be otherwise if only a Boolean constant is."""
    if flag.decl().name() not in _constants(term):
        return False
    one, other = (z3.substitute(term, (flag, z3.BoolVal(value))) for value in (True, False))
    return not _follows(supposed, one == other)


def _follows(supposed, claim):
    for based in (False, True):
        solver = z3.SimpleSolver()
        solver.set("mbqi", based)
        solver.set("rlimit", _LIMIT)
        solver.add(*supposed, Not(claim))
        if (found := solver.check()) != z3.unknown:
            return found == z3.unsat
    return False


def _constants(term):
    """The names of the constants that a term mentions."""
    names, stack, seen = set(), [term], set()
    while stack:
        part = stack.pop()
        if part.get_id() not in seen:
            seen.add(part.get_id())
            if z3.is_const(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                names.add(part.decl().name())
            stack += [part.body()] if z3.is_quantifier(part) else part.children()
    return names
