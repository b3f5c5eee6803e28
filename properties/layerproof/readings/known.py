"""What an engine is known to do instead of a rule, as a step of the machine."""

from __future__ import annotations

from collections.abc import Collection

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Rule
from layermodel.language.run import Run
from layerproof.laws.law import Catalogue
from layerproof.laws.mutant import Mutant
from layerproof.runs.finding import Deviation
from layerproof.runs.monitor import Bench, Monitor


class Way:
    """What a deviation says that an engine does, over the sizes of some runs.

    Attributes:
        apart: the symbols that it may leave in several ways.
    """

    def __init__(self, deviation: Deviation, bench: Bench) -> None:
        """Change the rules that it is about, which are compiled when it first might show."""
        self.deviation = deviation
        self.apart: Collection[str] = deviation.apart.symbols if deviation.apart else ()
        machine = bench.machine
        if deviation.change is not None:
            rules = tuple(name for name in deviation.rules if name in machine.rule_by_name)
            machine = Mutant(deviation.key, rules, deviation.says, "", deviation.change).machine(machine)
        self._ground = GroundMachine(machine, bench.ground.layout.sizes, bench.ground)
        laws = (deviation.apart.law,) if deviation.apart else ()
        self._monitor = Monitor(self._ground, Catalogue(laws))

    def outcome(self, run: Run, rule: Rule, arguments: Vector, before: Vector) -> Outcome:
        """What an operation comes to, from the state before."""
        return self.comes_to(rule, arguments, before, run.rigid, run.traits)

    def comes_to(self, rule: Rule, arguments: Vector, before: Vector, rigid: Vector, traits: Vector) -> Outcome:
        """The same over some rigid values and under some traits."""
        return self._ground.rule(rule.name).run(before, rigid, traits, arguments)

    def fits(self, run: Run, rule: Rule, arguments: Vector, before: Vector, seen: Outcome) -> bool:
        """Whether what is shown of the symbols that are left apart is such as it says."""
        changed = self._ground.machine.rule_by_name[rule.name]
        return not self._monitor.step(changed, before, seen, run.rigid, run.traits, arguments)
