"""How an engine misbehaves, beside departing from the model: it dies, hangs, or answers what nobody can read."""

from __future__ import annotations

from dataclasses import dataclass

from layerproof.errors import LayerproofError, Misbehaved, WrongRequest
from layerproof.own import is_theirs, said

DIFFERS = "differs"
"""The kind of a finding about an engine that answers and shows what the model does not."""
RAISED = "raised"
"""The kind of one about an engine in Python that raises what is no refusal."""


@dataclass(frozen=True)
class Trouble:
    """What came instead of an answer.

    Attributes:
        kind: ``died``, ``hung``, ``unintelligible answer``, ``contradicts itself`` or ``raised``.
        answer: what is said to have been answered: the kind, or ``raised KeyError``.
        detail: a sentence, or the words of what was raised.
        error: what to raise where there is nobody to tell of a finding.
    """

    kind: str
    answer: str
    detail: str
    error: LayerproofError


def trouble_of(error: BaseException, doing: str) -> Trouble | None:
    """The trouble that an exception tells of; None if it is about something else than the engine.

    Args:
        doing: how a sentence about it begins that is not one already.
    """
    if isinstance(error, Misbehaved):
        return Trouble(error.kind, error.kind, str(error), error)
    if not is_theirs(error):
        return None
    name, words = type(error).__name__, said(error)
    return Trouble(RAISED, f"raised {name}", words.removeprefix(f"{name}: "), WrongRequest(f"{doing}: {words}"))
