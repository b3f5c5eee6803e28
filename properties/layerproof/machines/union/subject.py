"""The union machine, with all that the readings ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from layermodel.language.ground import Vector, usual_name
from layermodel.language.rules import Machine, Sort
from layermodel.union.rules import UNION
from layermodel.union.trees import Paths, tree_values
from layermodel.union.universe import union_universes
from layermodel.union.words import DIALECTS
from layerproof.errors import WrongRequest
from layerproof.machines.union import values
from layerproof.machines.union.laws import UNION_LAWS
from layerproof.runs.trace import Settled
from layerproof.subject import Drivable, Explored, Finite, Judged, Plan, Shown, Small, Subject

if TYPE_CHECKING:
    from layerproof.laws.lemmas import Provable
    from layerproof.laws.mutant import Mutant

_FEW = {"Path": 3, "Layer": 1, "Container": 1, "Inode": 5, "Data": 2, "Mode": 1, "Owner": 1, "Time": 2, "Key": 1,
        "Value": 1}
_FIXED = {"Layer": 1, "Container": 2, "Data": 3, "Mode": 2, "Owner": 2, "Time": 2, "Key": 2, "Value": 2}
_TREES = (Paths(("", "a", "b", "a/a")), Paths(("", "a", "b", "a/a", "b/a")),
          Paths(("", "a", "b", "a/a", "b/a", "a/a/a", "b/a/a")))
"""Trees of paths by count: directories and where they can be moved to. What there is of a tree that is not needed
has nothing at its paths, so that these stand for all that are in them."""


def _small(count: int) -> Small:
    """A tree of paths, an inode for each path but one, and one to be made."""
    tree = _TREES[count - 1]
    return Small({**_FIXED, "Path": len(tree.names), "Inode": len(tree.names)},
                 lambda layout: tree_values(layout, tree))


def _mutants() -> Sequence[Mutant]:
    from layerproof.machines.union.mutants import UNION_MUTANTS

    return UNION_MUTANTS


def _lemmas() -> tuple[Provable, ...]:
    from layerproof.machines.union.merging import stack_lemmas
    from layerproof.machines.union.refinement import refinement_lemmas

    return (*stack_lemmas(), *refinement_lemmas())


def _longer() -> tuple[Provable, ...]:
    from layerproof.machines.union.plain import plain_lemmas

    return plain_lemmas()


def _driven() -> Drivable:
    from layerproof.machines.union.drive import drivable

    return drivable()


def _judged() -> Judged:
    from layerproof.machines.union.beside import judged

    return judged(UNION)


def _picture(
    machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector], style: str,
    titles: tuple[str, str],
) -> str:
    from layerproof.machines.union.draw import states_text

    if style != "text":
        raise WrongRequest(f"layers are drawn as trees in text only, not for {style}")
    return states_text(machine, sizes, rigid, states, titles=titles)


def _data(machine: Machine, sizes: Mapping[str, int], rigid: Vector, states: Sequence[Vector]) -> list[Any]:
    from layerproof.machines.union.draw import states_json

    return list(states_json(machine, sizes, rigid, states))


def _sights(machine: Machine, scene: Any, rigid: Vector, states: Sequence[Vector]) -> Sequence[str]:
    from layerproof.machines.union.draw import sights

    return sights(machine, scene.sizes, rigid, states, lambda sort, element: _says(sort, element, scene))


def _before(scene: Any) -> str:
    """The layers that a run starts from."""
    if isinstance(scene, Settled):
        return ""
    from layerproof.machines.union.draw import stack_text

    return f"layers, the top first:\n{stack_text(scene.stack, scene.room)}"


def _says(sort: Sort, element: int, scene: Any) -> str:
    """An element as what it stands for, where the run is over a stack."""
    return usual_name(sort, element) if isinstance(scene, Settled) else values.says(sort, element, scene)


UNION_SUBJECT = Subject(
    UNION, UNION_LAWS, DIALECTS, mutants=_mutants, lemmas=_lemmas, longer=_longer, small=_small,
    # A directory in which something is, renamed to a name in another, takes four paths.
    finite=Finite(_FEW, union_universes, frozenset({"Inode"}), large=frozenset({"COW-22"})),
    driven=_driven, judged=_judged,
    shown=Shown(
        any_size="any tree of paths, any image, any number of containers", picture=_picture, data=_data,
        before=_before, compared=lambda scene: False, sights=_sights, says=_says, put=values.put, got=values.got,
        scene_json=values.scene_json, scene_of=values.scene_of),
    plan=Plan((
        # A name in a directory, two containers, attributes.
        Explored({"Path": 3, "Data": 1, "Time": 1}, ("overlayfs", "overlayfs-index-redirect")),
        Explored({"Path": 2, "Container": 2, "Data": 1, "Time": 1}, ("overlayfs",)),
        Explored({"Path": 2, "Value": 2}, ("overlayfs", "fuse-overlayfs")),
    ), driven=800, judged=800), shipped=(UNION, UNION_LAWS))
"""The union machine."""
