"""A concrete run: a state over finite sorts, and the compiled rules as operations on it.

A machine whose operations make or find objects in a way of its own says so by :meth:`Run.candidates`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Parameter, Rule


class Run:
    """A state with the rigid values and traits that it goes with.

    Attributes:
        ground: the compiled rules.
        state, rigid, traits: vectors; ``state`` changes with each operation.
    """

    def __init__(self, ground: GroundMachine, traits: Mapping[str, bool], rigid: Vector) -> None:
        """Start from the initial state over rigid values."""
        self.ground = ground
        self.traits: Vector = ground.traits(traits)
        self.rigid: Vector = rigid
        self.state: Vector = ground.initial(self.rigid, self.traits)

    def read(self, name: str, *arguments: int) -> int:
        """The value of a symbol now."""
        return int(self.ground.read(self.state, self.rigid, name, *arguments))

    def given(self, rule: str, arguments: Vector) -> bool:
        """Whether the arguments are such as the rule presupposes."""
        return bool(self.ground.rule(rule).given(self.state, self.state, self.rigid, self.traits, arguments))

    def would(self, rule: str, arguments: Vector) -> Outcome:
        """What an operation would come to; nothing is changed."""
        return self.ground.rule(rule).run(self.state, self.rigid, self.traits, arguments)

    def run(self, rule: str, arguments: Vector) -> Outcome:
        """Do an operation; the state becomes that of the outcome, which is returned."""
        outcome = self.would(rule, arguments)
        self.state = outcome.state
        return outcome

    def candidates(self, rule: Rule, parameter: Parameter, named: Mapping[str, int]) -> Sequence[int]:
        """The elements that an operation may make or find for a parameter, those first that are likely.

        Args:
            named: what the caller of the operation says.
        """
        return self.elements(parameter)

    def elements(self, parameter: Parameter) -> Sequence[int]:
        """All elements that an argument can be."""
        return (0, 1) if parameter.sort.name == "Bool" else self.ground.layout.elements(parameter.sort)

    def settled_elements(self, parameter: Parameter) -> Sequence[int]:
        """Those of the elements that an argument can be of which is known what they are like."""
        return self.elements(parameter)

    def complete(self, rule: Rule, named: Mapping[str, int]) -> Vector | None:
        """Add to the arguments that a caller names those that the operation makes or finds.

        Returns None if no choice is as the rule presupposes.
        """
        choices = [(named[p.name],) if p.name in named else self.candidates(rule, p, named)
                   for p in rule.parameters]
        return next((a for a in itertools.product(*choices) if self.given(rule.name, a)), None)

    def settled(self, rule: Rule, arguments: Vector) -> Vector | None:
        """The arguments of an operation of another run, as they are here; None if it cannot happen here.

        What an operation makes or finds may be left open (:data:`UNSETTLED`).
        """
        if UNSETTLED in arguments:
            return self.complete(rule, named_in(rule, arguments))
        return arguments if self.given(rule.name, arguments) else None

    def choose(self, rule: Rule, arguments: Vector) -> None:
        """Be told that this operation is to be done now, of all those that :meth:`complete` was asked about."""


UNSETTLED = -1
"""Stands for an argument that an operation makes or finds, and that is known when it is done."""


def named_in(rule: Rule, arguments: Vector) -> dict[str, int]:
    """What the caller of an operation says, by name."""
    return {p.name: element for p, element in zip(rule.parameters, arguments, strict=True) if p.role == "named"}
