"""Operations on a store engine, of which all that can be seen is kept."""

from __future__ import annotations

from typing import Any

from layermodel.formats.content import ImageSpec
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.errors import Refused

BASE = {"base": b"12345"}
TOP = {"etc/top": b"123"}
ONE = ImageSpec((BASE,), "one")
TWO = ImageSpec((BASE, TOP), "two")


class Recorder:
    """Does operations and keeps what can be seen of each: the outcome, and the whole store after it."""

    def __init__(self, engine: DirectoryEngine) -> None:
        self.engine = engine
        self.seen: list[object] = []

    def __call__(self, method: str, *arguments: object) -> Any:
        try:
            outcome = getattr(self.engine, method)(*arguments)
        except Refused as refusal:
            outcome = refusal.refusal
        self.seen.append((method, outcome, self.engine.observe()))
        return outcome
