"""The store machine, with all that the readings ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from layermodel.language.ground import GroundMachine, Vector
from layermodel.language.rules import Machine, Sort
from layermodel.language.terms import Layout
from layermodel.store.rules import STORE
from layermodel.store.universe import universes
from layermodel.store.view import element_name, reference_name, store_view
from layermodel.store.words import DIALECTS, REFERENCE
from layerproof.machines.store.laws import STORE_LAWS
from layerproof.runs.trace import Settled
from layerproof.subject import Drivable, Explored, Finite, Judged, Plan, Shown, Small, Subject

if TYPE_CHECKING:
    from layerproof.laws.mutant import Mutant

_BOTH = ("docker", "podman")
_FEW = {"Layer": 2, "Image": 2, "Reference": 1, "Repository": 1, "Container": 1, "Name": 1, "Lease": 1,
        "Content": 2}


def _mutants() -> Sequence[Mutant]:
    from layerproof.machines.store.mutants import MUTANTS

    return MUTANTS


def _driven() -> Drivable:
    from layerproof.machines.store.drive import drivable

    return drivable()


def _judged() -> Judged:
    from layerproof.machines.store.beside import judged

    return judged(STORE)


def _small(count: int) -> Small:
    """So many of each, but as many repositories and contents as it takes to tell things apart."""
    return Small({s.name: {"Repository": 2, "Content": 3}.get(s.name, count) for s in STORE.sorts if not s.values})


def _picture(
    machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector], style: str,
    titles: tuple[str, str],
) -> str:
    from layerproof.machines.store.draw import dot, mermaid, table, text_graph

    ground = GroundMachine(machine, sizes)
    views = [store_view(ground, state, rigid) for state in states]
    if style != "text":
        return {"dot": dot, "mermaid": mermaid}[style](views[-1])
    if len(views) == 1:
        return "\n".join([table(views[0]), "", "dependencies:", text_graph(views[-1])])
    drawn = [table(views[0], views[-1], titles=titles)]
    if titles == ("before", "after"):
        drawn += ["", "dependencies after the step:", text_graph(views[-1])]
    return "\n".join(drawn)


def _graphs(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector]) -> Sequence[str]:
    from layerproof.machines.store.figure import figures

    ground = GroundMachine(machine, sizes)
    return figures([store_view(ground, state, rigid) for state in states])


def _data(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector]) -> list[Any]:
    from layerproof.machines.store.draw import to_json

    ground = GroundMachine(machine, sizes)
    return [to_json(store_view(ground, state, rigid)) for state in states]


def _says(sort: Sort, element: int, scene: Any) -> str:
    """The name of an element; a reference is called a tag or a digest, as in tables."""
    if sort == REFERENCE and isinstance(scene, Settled):
        layout = Layout.of(STORE, scene.sizes)
        return reference_name(lambda name, *at: int(scene.rigid[layout.index(name, *at)]), element)
    return element_name(sort, element)


STORE_SUBJECT = Subject(
    STORE, STORE_LAWS, DIALECTS, mutants=_mutants, small=_small,
    finite=Finite(_FEW, universes, empties=True, mutated={**_FEW, "Reference": 2},
                  ties=frozenset({"called", "image_of", "made_from", "names"})),
    driven=_driven, judged=_judged,
    shown=Shown(any_size="stores of any size", picture=_picture, data=_data, says=_says,
                graphs=_graphs),
    plan=Plan((
        Explored({"Layer": 1, "Image": 1, "Container": 2, "Name": 2}, _BOTH),  # two containers
        Explored({}, _BOTH, algebra=False),  # two images
        Explored({"Layer": 1, "Image": 1, "Reference": 2, "Repository": 2}, _BOTH),  # two references
    ), driven=1000, judged=1000), shipped=(STORE, STORE_LAWS),
    option="")  # it is the one that is meant where none is named
"""The store machine."""
