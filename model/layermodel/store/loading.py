"""Loading an image archive into an empty store, by the machine's own rules.

What was read (:mod:`layermodel.formats.archives`) is loaded step by step, so that what is parent of what is a
matter of the dialect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from layermodel.formats.archives import Saved, SavedImage
from layermodel.formats.content import chain_ids
from layermodel.formats.documents import Malformed
from layermodel.language.ground import Vector
from layermodel.store.grounded import Grounded, Known
from layermodel.store.view import StoreView, is_digest, repository_in
from layermodel.store.words import IMAGE, REFERENCE


def loaded(saved: Saved, traits: Mapping[str, bool]) -> StoreView:
    """Return the store that loading an archive makes of an empty one, in some dialect.

    Layers have their chain IDs as names, their files the diff IDs; images have their image IDs. A name that
    is a digest reference is not restored by loading.

    Raises:
        Malformed: if an image is recorded as made from one that it cannot have been made from.
    """
    images = {image.image_id: image for image in saved.images}
    known = Known()
    known.stack(())
    for image_id, image in images.items():
        chain = chain_ids(image.diff_ids)
        known.diff |= dict(zip(chain, image.diff_ids, strict=True))
        known.top[image_id] = known.stack(chain)
        known.repository |= {name: repository_in(name) or "" for name in image.names if not is_digest(name)}
        parent = _parent(saved, image)
        if parent is not None:
            known.follows[image_id] = parent
    known.measure |= saved.sizes
    store = known.empty()
    valuation = store.ground.traits(traits)
    for image_id in sorted(images, key=lambda i: _depth(known, i)):
        store = _load(store, valuation, images[image_id], images.keys())
    for image in saved.images:
        for name in image.names:
            if not is_digest(name):
                store = _do(store, valuation, "load", image=store.element(IMAGE, image.image_id),
                            reference=store.element(REFERENCE, name))
    return store.view()


def _parent(saved: Saved, image: SavedImage) -> str | None:
    """The image whose history goes on to this one: that recorded as its parent, or the nearest.

    Source: moby image/tarexport/load.go, validatedParentLinks (a parent that is not in the archive is
    forgotten) and checkValidParent (its history is the child's without the last row).
    """
    recorded = next((i for i in saved.images if i.image_id == image.parent), None)
    if recorded is not None:
        steps = len(image.history) - len(recorded.history)
        if steps != bool(image.history) or not _goes_on(image, recorded):
            raise Malformed(f"{recorded.image_id[:19]} cannot be the parent of {image.image_id[:19]}")
        return recorded.image_id
    before = [i for i in saved.images if len(i.history) < len(image.history) and _goes_on(image, i)]
    return max(before, key=lambda i: len(i.history)).image_id if before else None


def _goes_on(image: SavedImage, earlier: SavedImage) -> bool:
    """Whether an image has all history and layers of another, in order."""
    return (image.history[: len(earlier.history)] == earlier.history
            and image.diff_ids[: len(earlier.diff_ids)] == earlier.diff_ids)


def _depth(known: Known, image: str) -> int:
    depth, current = 0, known.follows.get(image)
    while current is not None:
        depth, current = depth + 1, known.follows.get(current)
        if depth > len(known.top):  # possible where there is no history
            raise Malformed(f"{image[:19]} is recorded as made from itself")
    return depth


def _load(store: Grounded, traits: Vector, image: SavedImage, present: Collection[str]) -> Grounded:
    element = store.element(IMAGE, image.image_id)
    if image.parent is not None and image.parent in present:
        parent = store.element(IMAGE, image.parent)
        return _do(store, traits, "load-with-parent", image=element, parent=parent)
    return _do(store, traits, "load-unnamed", image=element)


def _do(store: Grounded, traits: Vector, rule: str, **named: int) -> Grounded:
    return store.after(store.run(rule, traits, store.arguments(rule, traits, **named)))
