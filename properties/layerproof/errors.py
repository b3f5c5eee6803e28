"""Every error that layerproof raises on purpose."""

from __future__ import annotations


class LayerproofError(Exception):
    """Something that the person at the terminal can understand and act on, in one sentence.

    Attributes:
        so_far: what a run had come to that this ended, where it had found something; or None.
    """

    so_far: object = None

    def __reduce__(self) -> tuple[type[LayerproofError], tuple[object, ...]]:
        """What goes from a worker to its parent: the sentence; what was found holds functions, and stays."""
        return type(self), self.args


class WrongRequest(LayerproofError):
    """The request itself was wrong: an unknown name, a malformed file, nothing to check."""


class Misbehaved(LayerproofError):
    """An engine did not answer as an engine does; while it is judged that is a finding.

    Attributes:
        kind: in a word, what it did.
    """

    kind = "misbehaved"


class EngineUnreachable(Misbehaved):
    """The engine could not be started or reached, or it died."""

    kind = "died"


class EngineHung(EngineUnreachable):
    """The engine did not answer in time."""

    kind = "hung"


class Unintelligible(Misbehaved):
    """The engine answered what nobody can read: no JSON, a number where a list is to be, half an answer."""

    kind = "unintelligible answer"


class Contradiction(Misbehaved):
    """Two answers of the engine cannot both be true, and it goes on giving both."""

    kind = "contradicts itself"


class VacuousCheck(LayerproofError):
    """A check that ought to have checked something checked nothing."""


UNCLASSIFIED = "unclassified"
"""The refusal that stands for words of an engine that nobody knows."""


class Refused(Exception):
    """What an engine answers when it will not do an operation.

    Attributes:
        refusal: the name of the refusal in the machine's vocabulary, e.g. ``used-by-container``;
            ``unclassified`` where the engine's words fit none.
        detail: the engine's own words.
    """

    def __init__(self, refusal: str, detail: str = "") -> None:
        """Name the refusal."""
        super().__init__(f"{refusal}: {detail}" if detail else refusal)
        self.refusal = refusal
        self.detail = detail
