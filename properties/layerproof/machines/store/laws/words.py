"""Words that the laws of the store machine share."""

from __future__ import annotations

from layermodel.language.rules import BOOL, Step, Term
from layermodel.objects import CONTAINER, LAYER
from layermodel.store.words import IMAGE, LEASE, REFERENCE
from layerproof.laws.law import Variables

DEPENDENCY, READ_ONLY, SIZES, OPERATIONS = "Dependency", "Read-only lower layers", "Sizes", "Operations"

C: Variables = (("container", CONTAINER),)
I: Variables = (("image", IMAGE),)
L: Variables = (("layer", LAYER),)
R: Variables = (("reference", REFERENCE),)
X: Variables = (("lease", LEASE),)


def forces(t: Step) -> list[Term]:
    """The step's force argument, if its rule has one."""
    return t.of_sort(BOOL)


def images_of(t: Step) -> list[Term]:
    """The images that the step has as arguments."""
    return t.of_sort(IMAGE)
