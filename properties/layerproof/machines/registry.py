"""The machines that the commands know, each with what is needed to prove, run and show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Machine
from layermodel.store.reference import Shape
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.view import store_view
from layermodel.store.words import DIALECTS as STORE_DIALECTS
from layermodel.union.rules import UNION
from layermodel.union.universe import union_universes
from layermodel.union.words import DIALECTS as UNION_DIALECTS
from layerproof.errors import WrongRequest
from layerproof.laws.law import Catalogue
from layerproof.laws.lemmas import Lemma, Provable
from layerproof.machines.store.draw import dot, mermaid, table, text_graph, to_json
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.machines.union.draw import states_json, states_text
from layerproof.machines.union.drive import SMALL, UnionBench, drive_union
from layerproof.machines.union.laws import UNION_LAWS
from layerproof.machines.union.merging import stack_lemmas
from layerproof.machines.union.plain import plain_lemmas
from layerproof.machines.union.refinement import refinement_lemmas
from layerproof.readings.drive import Driven, drive
from layerproof.readings.explore import Explorer
from layerproof.runs.monitor import Bench

if TYPE_CHECKING:
    from layerproof.laws.mutant import Mutant

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Subject:
    """A machine and all that the readings take of it.

    Attributes:
        dialects: valuations of its traits.
        sizes: what is explored if nothing else is asked for.
        drive: its random runs.
        draw: a state, or the states before and after, as text (in the style asked for) and as data.
        universes: the rigid values that are explored at given sizes.
        fresh: sorts whose objects are all alike until they are made, so that any new one stands for all.
        empties: from every reachable state the initial one can be reached again.
        any_size: what a proof is about, in words.
        large: laws whose premise holds in no state of the sizes that can be explored in seconds.
        bench: compiles the machine once for several drives.
        beside: lemmas beside those that proofs use.
        longer: those that take longer than all that ``check`` does may.
    """

    name: str
    machine: Machine
    catalogue: Catalogue
    dialects: Mapping[str, dict[str, bool]]
    sizes: Sizes
    drive: Callable[..., Driven]
    draw: Callable[[Sizes, Vector, Sequence[Vector], str], str]
    data: Callable[[Sizes, Vector, Sequence[Vector]], list[Any]]
    universes: Callable[[GroundMachine], list[Vector]]
    fresh: frozenset[str] = frozenset()
    empties: bool = True
    any_size: str = "stores of any size"
    large: frozenset[str] = frozenset()
    bench: Callable[[], Any] = lambda: None
    beside: Callable[[], tuple[Lemma, ...]] = tuple
    longer: Callable[[], tuple[Provable, ...]] = tuple

    def lemmas(self) -> tuple[Lemma, ...]:
        """What is proved beside the laws and the lemmas that their proofs use."""
        return self.beside()

    def mutants(self) -> Sequence[Mutant]:
        """The deliberately wrong machines."""
        if self.name == "union":
            from layerproof.machines.union.mutants import UNION_MUTANTS

            return UNION_MUTANTS
        from layerproof.machines.store.mutants import MUTANTS

        return MUTANTS

    def law_ids(self, chosen: Iterable[str]) -> set[str] | None:
        """Check the laws that were chosen; None if all are meant.

        Raises:
            WrongRequest: if one is not known.
        """
        known = [law.id for law in self.catalogue.laws]
        for identifier in chosen:
            if identifier not in known:
                raise WrongRequest(f"unknown law {identifier!r}; `layerproof laws{self._option}` lists them "
                                   f"({known[0]} … {known[-1]})")
        return set(chosen) or None

    def rule_names(self, chosen: Iterable[str]) -> set[str] | None:
        """Check the rules that were chosen; None if all are meant.

        Raises:
            WrongRequest: if one is not known.
        """
        for name in chosen:
            if name not in self.machine.rule_by_name:
                raise WrongRequest(f"unknown rule {name!r}; known: {', '.join(self.machine.rule_by_name)}")
        return set(chosen) or None

    def mutant(self, name: str) -> Mutant:
        """A mutant by name.

        Raises:
            WrongRequest: if there is none.
        """
        found = {m.name: m for m in self.mutants()}.get(name)
        if found is None:
            raise WrongRequest(f"unknown mutant {name!r}; `layerproof mutants{self._option}` lists them")
        return found

    def traits(self, names: Iterable[str], settings: Iterable[str] = ()) -> dict[str, dict[str, bool]]:
        """The traits of the dialects that were chosen, with those that were set by hand (``name=true``).

        Raises:
            WrongRequest: if a dialect or a trait is not known.
        """
        chosen = {n: dict(self._dialect(n)) for n in tuple(names) or tuple(self.dialects)}
        for setting in settings:
            trait, _, value = setting.partition("=")
            known = [t.name for t in self.machine.traits]
            if trait not in known:
                raise WrongRequest(f"unknown trait {trait!r}; known: {', '.join(known)}")
            if value not in ("true", "false"):
                raise WrongRequest(f"the trait {trait} takes true or false, not {value!r}")
            for values in chosen.values():
                values[trait] = value == "true"
        return chosen

    def _dialect(self, name: str) -> dict[str, bool]:
        if name not in self.dialects:
            raise WrongRequest(f"unknown dialect {name!r}; known: {', '.join(self.dialects)}")
        return self.dialects[name]

    def sized(self, text: str | None) -> dict[str, int]:
        """The sizes of the sorts, with those that were given (``Layer=2,…``) instead of the usual ones.

        Raises:
            WrongRequest: if a sort is not known or a size is none.
        """
        sizes = dict(self.sizes)
        for part in text.split(",") if text else []:
            name, _, number = part.partition("=")
            if name not in sizes:
                raise WrongRequest(f"unknown sort {name!r} in --size; known: {', '.join(sizes)}")
            if not number.isdigit() or not 1 <= int(number) <= 9:
                raise WrongRequest(f"the size of {name} is not a number from 1 to 9: {number!r}")
            sizes[name] = int(number)
        return sizes

    def explorer(self, sizes: Sizes, **options: Any) -> Explorer:
        """What explores the machine at some sizes."""
        return Explorer(self.machine, self.catalogue, sizes, universes=self.universes, fresh=self.fresh,
                        empties=self.empties, **options)

    @property
    def _option(self) -> str:
        return "" if self.name == "store" else f" --machine {self.name}"


def _store_text(sizes: Sizes, rigid: Vector, states: Sequence[Vector], style: str) -> str:
    ground = GroundMachine(STORE, sizes)
    views = [store_view(ground, state, rigid) for state in states]
    pictures = {"text": text_graph, "dot": dot, "mermaid": mermaid}
    return "\n".join([
        table(views[0], views[-1]) if len(views) > 1 else table(views[0]), "",
        "dependencies after the step:" if len(views) > 1 else "dependencies:", pictures[style](views[-1])])


def _store_data(sizes: Sizes, rigid: Vector, states: Sequence[Vector]) -> list[Any]:
    ground = GroundMachine(STORE, sizes)
    return [to_json(store_view(ground, state, rigid)) for state in states]


def _union_text(sizes: Sizes, rigid: Vector, states: Sequence[Vector], style: str) -> str:
    if style != "text":
        raise WrongRequest(f"layers are drawn as trees in text only, not for {style}")
    return states_text(UNION, sizes, rigid, states)


def _union_data(sizes: Sizes, rigid: Vector, states: Sequence[Vector]) -> list[Any]:
    return list(states_json(UNION, sizes, rigid, states))


SUBJECTS = {
    "store": Subject(
        "store", STORE, STORE_LAWS, STORE_DIALECTS,
        {"Layer": 2, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
         "Content": 2}, drive, _store_text, _store_data, universes,
        bench=lambda: Bench(STORE, STORE_LAWS, Shape().sizes)),
    "union": Subject(
        "union", UNION, UNION_LAWS, UNION_DIALECTS,
        {"Path": 3, "Layer": 1, "Container": 1, "Inode": 5, "Data": 2, "Mode": 1, "Owner": 1, "Time": 2, "Key": 1,
         "Value": 1}, drive_union, _union_text, _union_data, union_universes, frozenset({"Inode"}),
        empties=False, any_size="any tree of paths, any image, any number of containers",
        bench=lambda: UnionBench(UNION, UNION_LAWS, SMALL),
        beside=lambda: (*stack_lemmas(), *refinement_lemmas()), longer=plain_lemmas,
        # A directory in which something is, renamed to a name in another, takes four paths.
        large=frozenset({"COW-22"})),
}
"""The machines by name."""
