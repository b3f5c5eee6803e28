"""The engine in a folder with one trait the other way round, for each trait of the store."""

from __future__ import annotations

import json
from dataclasses import replace

from layermodel.formats.content import digest, layer_tar
from layerproof.engines.directory.content import read_tar
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.store import EPOCH
from layerproof.errors import Refused


class _ParentNeedsNoChild(DirectoryEngine):
    def _children(self, image):
        return set()

    def _parents(self):
        there = self._images()
        return {child: parent for child, parent in super()._parents().items() if parent in there}


class _ForceTakesContainers(DirectoryEngine):
    def _take(self, image, force):
        if not force or self._children(image) or self._leased(image):
            return
        for container, record in self._containers().items():
            if record.image == image:
                self._delete_container(container)

    def remove_by_tag(self, reference, force):
        image = self._references().get(reference)
        if image is not None and self._single_reference(image):
            self._take(image, force)
        super().remove_by_tag(reference, force)

    def remove_by_digest(self, reference, force):
        image = self._references().get(reference)
        if image is not None and self._single_reference(image):
            self._take(image, force)
        super().remove_by_digest(reference, force)

    def remove_by_id(self, image, force):
        self._take(image, force)
        super().remove_by_id(image, force)


class _ParentsInferred(DirectoryEngine):
    def _parents(self):
        there = {image: (layers, json.loads(self._config(image))["history"]) for image, layers in self._images().items()}
        found = {}
        for image, (layers, rows) in there.items():
            above = [(len(other_rows), other) for other, (others, other_rows) in there.items()
                     if len(other_rows) < len(rows) and rows[:len(other_rows)] == other_rows
                     and layers[:len(others)] == others]
            if above:
                found[image] = max(above)[1]
        return found


class _CommitAddsEmptyLayer(DirectoryEngine):
    def commit(self, container):
        record = self._container(container)
        if record.size_rw:
            return super().commit(container)
        return self._derive(self._config(record.image), layer_tar({}), record.image, "commit")


class _ImportIsReproducible(DirectoryEngine):
    def import_(self, tree, reference):
        read_tar(tree)
        self._no_digest(reference)
        self._store_layer(tree, None)
        config = {"architecture": "amd64", "os": "linux", "created": EPOCH, "config": {"Labels": {}},
                  "rootfs": {"type": "layers", "diff_ids": [digest(tree)]},
                  "history": [{"created": EPOCH, "created_by": "import"}]}
        image = self._register(json.dumps(config, sort_keys=True).encode())
        if reference is not None:
            self._name(reference, image)
        return image


class _PausedCanStop(DirectoryEngine):
    def _not_paused(self, container):
        if self._container(container).status == "paused":
            raise Refused("is-paused", f"{container} is paused")

    def stop(self, container):
        self._not_paused(container)
        super().stop(container)

    def restart(self, container):
        self._not_paused(container)
        super().restart(container)


class _IntermediateImagesHidden(DirectoryEngine):
    def _seen_images(self, sizes):
        stacks = self._images()
        return {image: replace(row, shared=sum(sizes[layer] for layer in row.layers if any(
            layer in stack for other, stack in stacks.items() if other != image)))
            for image, row in super()._seen_images(sizes).items()}


class _SameNameToldApart(DirectoryEngine):
    def rename(self, container, name):
        try:
            super().rename(container, name)
        except Refused as refused:
            raise Refused("name-taken" if refused.refusal == "same-name" else refused.refusal, "") from None


class _DigestRefusedFirst(DirectoryEngine):
    def tag(self, image, reference):
        self._no_digest(reference)
        super().tag(image, reference)

    def commit_as(self, container, reference):
        self._no_digest(reference)
        return super().commit_as(container, reference)


FLIPPED = {
    "parent_needs_no_child": _ParentNeedsNoChild, "force_takes_containers": _ForceTakesContainers,
    "parents_inferred": _ParentsInferred, "commit_adds_empty_layer": _CommitAddsEmptyLayer,
    "import_is_reproducible": _ImportIsReproducible, "paused_can_stop": _PausedCanStop,
    "intermediate_images_hidden": _IntermediateImagesHidden, "same_name_told_apart": _SameNameToldApart,
    "digest_refused_first": _DigestRefusedFirst}
"""By the name of the trait."""
