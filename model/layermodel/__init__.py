"""What a container store is: rules as Z3 terms, and the concrete data they speak of.

Nothing in this package knows how the rules are checked; that is :mod:`layerproof`. What is public is listed in
``__all__`` and documented in docs/api.md; it is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layermodel.formats.archives import read_archive as read_archive
    from layermodel.formats.documents import Malformed as MalformedFile
    from layermodel.language.ground import GroundMachine as GroundMachine
    from layermodel.language.ground import Outcome as Outcome
    from layermodel.language.rules import BOOL as BOOL
    from layermodel.language.rules import INT as INT
    from layermodel.language.rules import Axiom as Axiom
    from layermodel.language.rules import Definition as Definition
    from layermodel.language.rules import Effect as Effect
    from layermodel.language.rules import Hint as Hint
    from layermodel.language.rules import Machine as Machine
    from layermodel.language.rules import Parameter as Parameter
    from layermodel.language.rules import Rule as Rule
    from layermodel.language.rules import RuleKind as RuleKind
    from layermodel.language.rules import Sort as Sort
    from layermodel.language.rules import State as State
    from layermodel.language.rules import Step as Step
    from layermodel.language.rules import Symbol as Symbol
    from layermodel.language.rules import Term as Term
    from layermodel.language.rules import Trait as Trait
    from layermodel.language.rules import Witness as Witness
    from layermodel.language.rules import define as define
    from layermodel.language.rules import exists as exists
    from layermodel.language.rules import forall as forall
    from layermodel.language.rules import sum_of as sum_of
    from layermodel.language.run import Run as Run
    from layermodel.language.sound import Malformed as MalformedMachine
    from layermodel.language.writing import CHANGES as CHANGES
    from layermodel.language.writing import LOOKS as LOOKS
    from layermodel.language.writing import MAKES as MAKES
    from layermodel.language.writing import SWEEPS as SWEEPS
    from layermodel.language.writing import TAKES as TAKES
    from layermodel.language.writing import Chosen as Chosen
    from layermodel.language.writing import Clauses as Clauses
    from layermodel.language.writing import Flag as Flag
    from layermodel.language.writing import Found as Found
    from layermodel.language.writing import New as New
    from layermodel.language.writing import another as another
    from layermodel.language.writing import instead as instead
    from layermodel.language.writing import presupposes as presupposes
    from layermodel.language.writing import refuses as refuses
    from layermodel.language.writing import rule as rule
    from layermodel.language.writing import together as together
    from layermodel.language.writing import updates as updates
    from layermodel.store.graph import dependency_graph as dependency_graph
    from layermodel.store.graph import removal as removal
    from layermodel.store.loading import loaded as loaded
    from layermodel.store.rules import STORE as STORE
    from layermodel.store.view import StoreView as StoreView
    from layermodel.store.view import store_view as store_view
    from layermodel.union.memory import WHITEOUT as WHITEOUT
    from layermodel.union.memory import Directory as Directory
    from layermodel.union.memory import Fifo as Fifo
    from layermodel.union.memory import File as File
    from layermodel.union.memory import NotSaid as NotSaid
    from layermodel.union.memory import Symlink as Symlink
    from layermodel.union.memory import UnionFileSystem as UnionFileSystem
    from layermodel.union.rules import UNION as UNION

_FROM = {
    "read_archive": "layermodel.formats.archives:read_archive",
    "MalformedFile": "layermodel.formats.documents:Malformed",
    "GroundMachine": "layermodel.language.ground:GroundMachine",
    "Outcome": "layermodel.language.ground:Outcome",
    "Axiom": "layermodel.language.rules:Axiom",
    "BOOL": "layermodel.language.rules:BOOL",
    "Definition": "layermodel.language.rules:Definition",
    "Effect": "layermodel.language.rules:Effect",
    "Hint": "layermodel.language.rules:Hint",
    "INT": "layermodel.language.rules:INT",
    "Machine": "layermodel.language.rules:Machine",
    "Parameter": "layermodel.language.rules:Parameter",
    "Rule": "layermodel.language.rules:Rule",
    "RuleKind": "layermodel.language.rules:RuleKind",
    "Sort": "layermodel.language.rules:Sort",
    "State": "layermodel.language.rules:State",
    "Step": "layermodel.language.rules:Step",
    "Symbol": "layermodel.language.rules:Symbol",
    "Term": "layermodel.language.rules:Term",
    "Trait": "layermodel.language.rules:Trait",
    "Witness": "layermodel.language.rules:Witness",
    "define": "layermodel.language.rules:define",
    "exists": "layermodel.language.rules:exists",
    "forall": "layermodel.language.rules:forall",
    "sum_of": "layermodel.language.rules:sum_of",
    "Run": "layermodel.language.run:Run",
    "MalformedMachine": "layermodel.language.sound:Malformed",
    "CHANGES": "layermodel.language.writing:CHANGES",
    "Chosen": "layermodel.language.writing:Chosen",
    "Clauses": "layermodel.language.writing:Clauses",
    "Flag": "layermodel.language.writing:Flag",
    "Found": "layermodel.language.writing:Found",
    "LOOKS": "layermodel.language.writing:LOOKS",
    "MAKES": "layermodel.language.writing:MAKES",
    "New": "layermodel.language.writing:New",
    "SWEEPS": "layermodel.language.writing:SWEEPS",
    "TAKES": "layermodel.language.writing:TAKES",
    "another": "layermodel.language.writing:another",
    "instead": "layermodel.language.writing:instead",
    "presupposes": "layermodel.language.writing:presupposes",
    "refuses": "layermodel.language.writing:refuses",
    "rule": "layermodel.language.writing:rule",
    "together": "layermodel.language.writing:together",
    "updates": "layermodel.language.writing:updates",
    "dependency_graph": "layermodel.store.graph:dependency_graph",
    "removal": "layermodel.store.graph:removal",
    "loaded": "layermodel.store.loading:loaded",
    "STORE": "layermodel.store.rules:STORE",
    "StoreView": "layermodel.store.view:StoreView",
    "store_view": "layermodel.store.view:store_view",
    "Directory": "layermodel.union.memory:Directory",
    "Fifo": "layermodel.union.memory:Fifo",
    "File": "layermodel.union.memory:File",
    "NotSaid": "layermodel.union.memory:NotSaid",
    "Symlink": "layermodel.union.memory:Symlink",
    "UnionFileSystem": "layermodel.union.memory:UnionFileSystem",
    "WHITEOUT": "layermodel.union.memory:WHITEOUT",
    "UNION": "layermodel.union.rules:UNION",
}
"""Where each name comes from; it is imported when it is asked for."""

__all__ = [
    "BOOL",
    "CHANGES",
    "INT",
    "LOOKS",
    "MAKES",
    "STORE",
    "SWEEPS",
    "TAKES",
    "UNION",
    "WHITEOUT",
    "Axiom",
    "Chosen",
    "Clauses",
    "Definition",
    "Directory",
    "Effect",
    "Fifo",
    "File",
    "Flag",
    "Found",
    "GroundMachine",
    "Hint",
    "Machine",
    "MalformedFile",
    "MalformedMachine",
    "New",
    "NotSaid",
    "Outcome",
    "Parameter",
    "Rule",
    "RuleKind",
    "Run",
    "Sort",
    "State",
    "Step",
    "StoreView",
    "Symbol",
    "Symlink",
    "Term",
    "Trait",
    "UnionFileSystem",
    "Witness",
    "another",
    "define",
    "dependency_graph",
    "exists",
    "forall",
    "instead",
    "loaded",
    "presupposes",
    "read_archive",
    "refuses",
    "removal",
    "rule",
    "store_view",
    "sum_of",
    "together",
    "updates",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _FROM[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
