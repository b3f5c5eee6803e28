"""A machine that is no store: a lock that several processes may read under, or one may write under.

It lives here alone: no line of it stands in the model, in the checker or in a registry, and it is written with
what is public only. Its engines and its mutants are here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from z3 import And, BoolVal, Not, Or

from layermodel import (
    BOOL,
    CHANGES,
    MAKES,
    TAKES,
    Clauses,
    Machine,
    Sort,
    State,
    Symbol,
    Term,
    Trait,
    exists,
    refuses,
    rule,
    updates,
)
from layerproof import (
    Catalogue,
    Finite,
    Kind,
    Law,
    Mutant,
    Refused,
    Runs,
    Subject,
    ends_agree,
    forgets,
    half_happens,
    sets,
    state_law,
    step_law,
    without,
)

PROCESS = Sort("Process", "who takes the lock")
Process = Annotated[Term, PROCESS]
UPGRADES = Trait("upgrades", "a process that alone reads may begin to write", "flock(2): converting a lock",
                 where="a reader may begin to write", where_not="a reader may not begin to write")


def _writes(s: State, other_than: Term) -> Term:
    return exists(PROCESS, lambda p: And(p != other_than, s.writing(p)))


@rule(MAKES, then="the process reads", source="flock(2): LOCK_SH")
def read(s: State, process: Process) -> Clauses:
    yield refuses("held", Or(s.reading(process), s.writing(process)), "process has the lock already")
    yield refuses("busy", _writes(s, process), "another process than process writes")
    yield updates({"reading": lambda p: Or(p == process, s.reading(p))})


@rule(CHANGES, then="the process writes, and reads no longer", source="flock(2): LOCK_EX")
def write(s: State, process: Process) -> Clauses:
    yield refuses("held", Or(s.writing(process), And(s.reading(process), Not(s.upgrades))),
                  f"process writes already; or process reads, {UPGRADES.off}")
    yield refuses("busy", exists(PROCESS, lambda p: And(p != process, Or(s.reading(p), s.writing(p)))),
                  "another process than process reads or writes")
    yield updates({"writing": lambda p: Or(p == process, s.writing(p)),
                   "reading": lambda p: And(p != process, s.reading(p))})


@rule(TAKES, then="the process has the lock no longer", source="flock(2): LOCK_UN")
def release(s: State, process: Process) -> Clauses:
    yield refuses("not-held", Not(Or(s.reading(process), s.writing(process))), "process does not have the lock")
    yield updates({"writing": lambda p: And(p != process, s.writing(p)),
                   "reading": lambda p: And(p != process, s.reading(p))})


LOCK = Machine(
    "lock", (PROCESS,),
    (Symbol("reading", (PROCESS,), BOOL, "it reads under the lock"),
     Symbol("writing", (PROCESS,), BOOL, "it writes under the lock")),
    (UPGRADES,), (), {"reading": lambda p: BoolVal(False), "writing": lambda p: BoolVal(False)},
    (read, write, release))

ONE, TWO = (("process", PROCESS),), (("process", PROCESS), ("other", PROCESS))
LAWS = Catalogue((
    state_law("LOCK-1", "Safety", "Who writes is alone.", TWO, lambda s, p, q: And(s.writing(p), p != q),
              lambda s, p, q: {"no other writes": Not(s.writing(q)), "no other reads": Not(s.reading(q))},
              ("flock(2)",)),
    state_law("LOCK-2", "Safety", "Nobody reads and writes.", ONE, lambda s, p: s.writing(p),
              lambda s, p: {"it does not read": Not(s.reading(p))}, ("flock(2)",)),
    step_law("LOCK-3", "Steps", "An operation of one process takes nothing from another.", ONE,
             lambda t, p: Not(t.named(p, PROCESS)),
             lambda t, p: {"it reads as before": t.after.reading(p) == t.before.reading(p),
                           "it writes as before": t.after.writing(p) == t.before.writing(p)}, ("flock(2)",)),
    step_law("LOCK-4", "Steps", "A refused operation changes nothing.", (), lambda t: BoolVal(True),
             lambda t: LOCK.same(t.after, t.before), ("flock(2)",), refusals=("*",)),
    Law("LOCK-5", "Runs", Kind.ALGEBRAIC, "To take the lock and to release it is to do nothing.", (),
        lambda a: Not(a.start.reading(a.argument("process"))), ends_agree, ("flock(2)",),
        runs=Runs(ONE, (("write", ("process",)), ("release", ("process",))), ())),
))

MUTANTS = (
    Mutant("reads-beside-a-writer", ("read",), "reading does not look for a writer", "LOCK-1", without("busy")),
    Mutant("takes-though-refused", ("write",), "a writer that is refused writes all the same", "LOCK-4",
           half_happens("busy", "writing")),
    Mutant("releases-all", ("release",), "releasing ends everybody's reading", "LOCK-3",
           sets("reading", lambda right, s, a: lambda p: BoolVal(False))),
    Mutant("goes-on-reading", ("write",), "who begins to write goes on reading", "LOCK-2", forgets("reading")),
    Mutant("goes-on-writing", ("release",), "releasing does not end writing", "LOCK-5", forgets("writing")),
)

SUBJECT = Subject(LOCK, LAWS, dialects={"strict": {"upgrades": False}, "upgrading": {"upgrades": True}},
                  mutants=lambda: MUTANTS, finite=Finite(sizes={"Process": 3}, empties=True))


class Lock:
    """A lock as a program has it: it is right."""

    name, version, dialect = "lock", "1.0", "strict"

    def reset(self) -> None:
        """Nobody has it."""
        self.readers: set[int] = set()
        self.writer: int | None = None

    def observe(self) -> Mapping[str, Mapping[int, bool]]:
        """Who reads and who writes, of those that anybody has heard of."""
        return {"reading": {p: p in self.readers for p in range(3)},
                "writing": {p: p == self.writer for p in range(3)}}

    def read(self, process: int) -> None:
        """Read under it."""
        if process in self.readers or self.writer == process:
            raise Refused("held")
        if self.writer is not None:
            raise Refused("busy", f"process {self.writer} writes")
        self.readers.add(process)

    def write(self, process: int) -> None:
        """Write under it."""
        if process in self.readers or self.writer == process:
            raise Refused("held")
        if self.readers or self.writer is not None:
            raise Refused("busy")
        self.writer = process

    def release(self, process: int) -> None:
        """Leave it."""
        if process not in self.readers and self.writer != process:
            raise Refused("not-held")
        self.readers.discard(process)
        if self.writer == process:
            self.writer = None


class Upgrading(Lock):
    """One of the other dialect: who alone reads may begin to write."""

    dialect = "upgrading"

    def write(self, process: int) -> None:
        """Write under it, instead of reading."""
        if self.readers == {process}:
            self.readers = set()
        elif process in self.readers:
            raise Refused("busy")
        super().write(process)


class Forgetful(Lock):
    """It is wrong: when one reader leaves, it takes the lock for free, whoever else reads."""

    name = "forgetful"

    def release(self, process: int) -> None:
        """Leave it, and forget all readers."""
        super().release(process)
        self.readers = set()
