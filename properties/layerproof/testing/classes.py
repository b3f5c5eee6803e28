"""The class that a user's class of tests is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from layerproof.commands.judged import FAILED, KNOWN, NOT_APPLICABLE, UNKNOWN, Told
from layerproof.commands.outcomes import BEGINS, COMPLETE
from layerproof.errors import LayerproofError
from layerproof.runs.finding import Deviation
from layerproof.subject import Subject
from layerproof.testing.asked import Asked

Outcome = tuple[Told, str]
"""What is told of a rule or a law, and why in full."""


class EngineTests:
    """Tests of an engine, one for each rule and each law: ``test_rule[remove-by-tag]``, ``test_law[DEP-1]``.

    The engine is what the fixture ``engine`` gives, whose scope is at least that of a class. It is judged once,
    whichever tests are selected, and each test tells what that came to.

    A test fails where the engine departs from its rule or breaks its law, and shows the run. It is an error where
    that was not judged: it was never reached, the run ended early, or the engine cannot be judged. It is skipped
    where it is not applicable, and an expected failure where what differs is known of the engine.
    """

    layerproof_asked: ClassVar[Asked] = Asked()
    """What is asked of the judging."""

    def __init_subclass__(
        cls, *, machine: str | Subject | None = None, operations: int | None = None, seed: int | None = None,
        dialect: str | None = None, traits: Mapping[str, bool] | None = None,
        deviations: Sequence[Deviation] | None = None, strict: bool | None = None, exhaust: bool | None = None,
        sizes: Mapping[str, int] | None = None, budget: float | None = None,
    ) -> None:
        """Say how the engine is judged: ``class TestMine(EngineTests, operations=500)``.

        What is not said is as the class above has it.

        Args:
            machine: by its name, ``module:ATTRIBUTE``, or a ``Subject``; the store, if nothing is said.
            operations: how many at least; as many as the machine says, if nothing is said.
            seed: of random operations; 0, if nothing is said.
            dialect, traits: what the engine is held to; what it says itself, if nothing is said.
            deviations: that are known of the engine.
            strict: known deviations are failures, too.
            exhaust: every step that few objects have is executed, instead of random operations.
            sizes: with ``exhaust``, how many objects of each sort; those that the machine names, if nothing is
                said.
            budget: seconds after which judging ends.

        Raises:
            TypeError: if something else is said. What has no meaning is an error when the tests are collected.
        """
        super().__init_subclass__()
        given: dict[str, Any] = {
            "machine": machine, "operations": operations, "seed": seed, "dialect": dialect, "traits": traits,
            "deviations": deviations, "strict": strict, "exhaust": exhaust, "sizes": sizes, "budget": budget}
        said = {name: value for name, value in given.items() if value is not None}
        cls.layerproof_asked = replace(cls.layerproof_asked, **said)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each rule and each law of the machine.

        Raises:
            CollectError: if there is no such machine, nothing to judge by, or something that cannot be asked.
        """
        about = metafunc.definition.name.removeprefix("test_")
        if about not in _NAMES or "told" not in metafunc.fixturenames:
            return
        try:
            self.layerproof_asked.by(metafunc.config).check()
            names = _NAMES[about](self.layerproof_asked.subject)
        except LayerproofError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        metafunc.parametrize("told", [(about, name) for name in names], ids=names, indirect=True)

    @pytest.fixture
    def told(self, request: pytest.FixtureRequest, layerproof_judged: Sequence[Outcome]) -> Outcome:
        """What became of a test; it is an error, as in any fixture, that this is not known."""
        outcome = next(one for one in layerproof_judged if (one[0].about, one[0].name) == request.param)
        if outcome[0].comes_to == UNKNOWN:
            pytest.fail(_text(outcome), pytrace=False)
        return outcome

    def test_run(self, told: Outcome) -> None:
        """The engine begins empty, and all was done that was asked for."""
        _check(told)

    def test_rule(self, told: Outcome) -> None:
        """The engine does as a rule says."""
        _check(told)

    def test_law(self, told: Outcome) -> None:
        """The engine breaks no law."""
        _check(told)


_NAMES: Mapping[str, Callable[[Subject], Sequence[str]]] = {
    "run": lambda subject: [BEGINS, COMPLETE],
    "rule": lambda subject: [rule.name for rule in subject.machine.rules],
    "law": lambda subject: [law.id for law in subject.catalogue.laws],
}
"""What there is a test of."""


def _check(told: Outcome) -> None:
    """End a test as it became, with the runs that show it and nothing of how it was told."""
    one = told[0]
    if one.comes_to == FAILED:
        pytest.fail(_text(told), pytrace=False)
    if one.state == NOT_APPLICABLE:
        pytest.skip(_text(told))
    if one.state == KNOWN:
        pytest.xfail(_text(told))


def _text(told: Outcome) -> str:
    """What is said of a test that did not hold; the first line is all that a summary has."""
    one, text = told
    if one.comes_to == FAILED:
        return f"{one.label}: {one.title}\n\n{text}"
    return f"{one.label}: {text}" + (f"\n{one.title}" if one.comes_to == UNKNOWN else "")
