"""Faults that can be planted in the directory engine, to see whether a checker finds them.

Many are modelled on a public bug, which the sentence names. Those that show only after a particular past are in
:mod:`layerproof.engines.directory.pasts`.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace

from layermodel.formats.content import Files, digest
from layerproof.engines.directory import pasts as pasts
from layerproof.engines.directory.content import read_archive, read_files, read_tar
from layerproof.engines.directory.planting import FAULTS as FAULTS
from layerproof.engines.directory.planting import Faulty, fault
from layerproof.engines.directory.planting import faulty as faulty
from layerproof.engines.directory.planting import with_faults as with_faults
from layerproof.engines.directory.store import LeaseRecord, lineage
from layerproof.errors import Refused
from layerproof.machines.store.engine import ImageSeen, Observation

# Removing images


@fault(
    "refused-removal-untags",
    "Removal by ID is refused because something uses the image, and its tags are gone (moby#18873).",
)
class _RefusedRemovalUntags(Faulty):
    def remove_by_id(self, image: str, force: bool) -> None:
        try:
            super().remove_by_id(image, force)
        except Refused as refused:
            if refused.refusal not in ("no-such-image", "several-tags"):
                self._unname(*self._tags(image))
            raise


@fault(
    "forced-untag-takes-all-tags",
    "Removing one tag by force removes the image's other tags too (podman#10685).",
)
class _ForcedUntagTakesAllTags(Faulty):
    def remove_by_tag(self, reference: str, force: bool) -> None:
        image = self._references().get(reference)
        if force and image is not None and "@" not in reference:
            self._unname(*(tag for tag in self._tags(image) if tag != reference))
        super().remove_by_tag(reference, force)


@fault(
    "last-tag-leaves-dangling",
    "Removing the last tag of an unused image leaves the image without a name (podman#930).",
)
class _LastTagLeavesDangling(Faulty):
    def _remove_if_free(self, image: str) -> None:
        del image


@fault(
    "untag-spares-digests",
    "Removing the last tag of a repository leaves the digest references of that repository.",
)
class _UntagSparesDigests(Faulty):
    def remove_by_tag(self, reference: str, force: bool) -> None:
        tags = {name: image for name, image in self._references().items() if "@" not in name}
        image = self._named_image(reference, tags)
        self._check_last_name(image, force)
        self._unname(reference)
        self._remove_if_free(image)


@fault(
    "forced-removal-takes-used-image",
    "Forced removal by ID removes an image that a stopped container was created from (moby#13261).",
)
class _ForcedRemovalTakesUsedImage(Faulty):
    def remove_by_id(self, image: str, force: bool) -> None:
        try:
            super().remove_by_id(image, force)
        except Refused as refused:
            if refused.refusal != "used-by-container" or not force:
                raise
            self._delete_images([image])


@fault(
    "removal-ignores-children",
    "Removal by ID removes an image that another was made from.",
)
class _RemovalIgnoresChildren(Faulty):
    def remove_by_id(self, image: str, force: bool) -> None:
        try:
            super().remove_by_id(image, force)
        except Refused as refused:
            if refused.refusal != "has-child-images" or self._users(image) or self._leased(image):
                raise
            self._delete_images([image])


class _CascadeTooFar(Faulty, ABC):
    """A cascade that asks too little of an ancestor before removing it."""

    @abstractmethod
    def _spares(self, ancestor: str) -> bool:
        """Whether an ancestor stays."""

    def _cascade(self, image: str) -> list[str]:
        going = [image]
        for ancestor in lineage(image, self._parents())[1:]:
            if self._spares(ancestor) or self._children(ancestor) - set(going):
                break
            going.append(ancestor)
        return going


@fault(
    "cascade-takes-tagged-parent",
    "Removing an image removes its parent although that has a tag (podman#1154).",
)
class _CascadeTakesTaggedParent(_CascadeTooFar):
    def _spares(self, ancestor: str) -> bool:
        return bool(self._users(ancestor)) or self._leased(ancestor)


@fault(
    "cascade-takes-used-parent",
    "Removing an image removes its untagged parent although a container was created from that.",
)
class _CascadeTakesUsedParent(_CascadeTooFar):
    def _spares(self, ancestor: str) -> bool:
        return bool(self._tags(ancestor) or self._digests(ancestor)) or self._leased(ancestor)


@fault(
    "removal-keeps-parents",
    "Removing an image leaves the untagged parent images that only it kept (podman#1926).",
)
class _RemovalKeepsParents(Faulty):
    def _cascade(self, image: str) -> list[str]:
        return [image]


@fault(
    "removal-leaks-layers",
    "Layers stay when the last image that needed them is gone (moby#38488).",
)
class _RemovalLeaksLayers(Faulty):
    def _collect(self) -> int:
        return 0


@fault(
    "removal-takes-shared-layers",
    "Removing an image deletes layers that another image needs.",
)
class _RemovalTakesSharedLayers(Faulty):
    def _delete_images(self, images: Collection[str]) -> int:
        stacks = self._images()
        freed = super()._delete_images(images)
        for layer in {layer for image in images for layer in stacks.get(image, [])}:
            if self._diff(layer).exists():
                self._discard(self._diff(layer).parent)
        return freed


# Prune


@fault(
    "prune-takes-intermediate-images",
    "Prune removes an untagged image that a tagged one was made from (podman#10832).",
)
class _PruneTakesIntermediateImages(Faulty):
    def _prunable(self, spare_tagged: bool) -> set[str]:
        return {
            image
            for image in self._images()
            if not (self._users(image) or self._leased(image) or (spare_tagged and self._tags(image)))
        }


@fault(
    "prune-takes-tagged-images",
    "Prune of dangling images removes tagged unused ones too (podman#10350).",
)
class _PruneTakesTaggedImages(Faulty):
    def prune(self) -> int:
        return self.prune_all()


@fault(
    "prune-all-untags-used-images",
    "Prune of all unused images takes the tags of an image that a container uses (moby PR#45839).",
)
class _PruneAllUntagsUsedImages(Faulty):
    def prune_all(self) -> int:
        freed = super().prune_all()
        self._unname(*(tag for image in self._images() if self._users(image) for tag in self._tags(image)))
        return freed


@fault(
    "prune-reports-image-sizes",
    "Prune reports the sizes of the images as reclaimed, shared layers included (podman#13516).",
)
class _PruneReportsImageSizes(Faulty):
    def _delete_images(self, images: Collection[str]) -> int:
        sizes = {layer: record.size for layer, record in self._layers().items()}
        stacks = self._images()
        super()._delete_images(images)
        return sum(sizes.get(layer, 0) for image in images for layer in stacks.get(image, []))


@fault(
    "prune-ignores-leases",
    "Prune takes the layers and images that a pull or build in progress needs (containerd#3787).",
)
class _PruneIgnoresLeases(Faulty):
    _pruning = False

    def _leases(self) -> dict[str, LeaseRecord]:
        return {} if self._pruning else super()._leases()

    def prune(self) -> int:
        self._pruning = True
        try:
            return super().prune()
        finally:
            self._pruning = False


# Names of images


@fault(
    "moved-tag-deletes-old-image",
    "An image is deleted when its last tag moves to another, instead of staying as dangling.",
)
class _MovedTagDeletesOldImage(Faulty):
    def tag(self, image: str, reference: str) -> None:
        old = self._references().get(reference)
        super().tag(image, reference)
        if old is not None and old != image:
            self._remove_if_free(old)


@fault(
    "moved-tag-names-both",
    "A tag that was put on another image names the old image as well.",
)
class _MovedTagNamesBoth(Faulty):
    def tag(self, image: str, reference: str) -> None:
        old = self._references().get(reference)
        super().tag(image, reference)
        if old is not None and old != image:
            self.note(reference, old)

    def _seen_images(self, sizes: Mapping[str, int]) -> dict[str, ImageSeen]:
        seen = super()._seen_images(sizes)
        for reference in self._references():
            for image in self.notes(reference):
                if image in seen:
                    names = seen[image].references | {reference}
                    seen[image] = replace(seen[image], references=names)
        return seen


@fault(
    "load-again-leaves-dangling",
    "Loading an image that is present leaves a dangling duplicate (moby#11285).",
)
class _LoadAgainLeavesDangling(Faulty):
    def load(self, archive: bytes) -> None:
        present = self._images()
        super().load(archive)
        for row in read_archive(archive, self._layers()):
            if digest(row.config) in present:
                self._derive(row.config, None, None, "load")


@fault(
    "refused-load-leaves-layers",
    "Loading an archive that turns out to be wrong leaves the layers that were read before.",
)
class _RefusedLoadLeavesLayers(Faulty):
    def load(self, archive: bytes) -> None:
        try:
            super().load(archive)
        except Refused:
            with contextlib.suppress(Refused):
                for name, data in read_tar(archive).files.items():
                    if name.endswith(".tar"):
                        self._store_layer(data, None)
            raise


# Containers


@fault(
    "create-accepts-taken-name",
    "A container is created under a name that another has.",
)
class _CreateAcceptsTakenName(Faulty):
    def _check_name(self, name: str) -> None:
        del name


@fault(
    "rename-keeps-old-name",
    "The old name of a renamed container can't be used again.",
)
class _RenameKeepsOldName(Faulty):
    def rename(self, container: str, name: str) -> None:
        old = self._container(container).name
        super().rename(container, name)
        self.note("names", old)

    def _check_name(self, name: str) -> None:
        super()._check_name(name)
        if name in self.notes("names"):
            raise Refused("name-taken", f"a container named {name} exists")


@fault(
    "remove-keeps-name",
    "The name of a removed container can't be used again.",
)
class _RemoveKeepsName(Faulty):
    def _delete_container(self, container: str) -> None:
        self.note("names of removed", self._container(container).name)
        super()._delete_container(container)

    def _check_name(self, name: str) -> None:
        super()._check_name(name)
        if name in self.notes("names of removed"):
            raise Refused("name-taken", f"a container named {name} exists")


@fault("pause-accepts-exited", "An exited container can be paused.")
class _PauseAcceptsExited(Faulty):
    def pause(self, container: str) -> None:
        if self._container(container).status == "exited":
            self._set_status(container, "paused")
        else:
            super().pause(container)


@fault(
    "restart-leaves-paused",
    "A paused container that is restarted stays paused.",
)
class _RestartLeavesPaused(Faulty):
    def restart(self, container: str) -> None:
        if self._container(container).status != "paused":
            super().restart(container)


@fault("stop-resets-upper", "Stopping a container empties its upper layer.")
class _StopResetsUpper(Faulty):
    def stop(self, container: str) -> None:
        if self._container(container).status in ("running", "paused"):
            self.write(container, {})
        super().stop(container)


@fault(
    "write-lands-in-lower",
    "A write in a container changes the top layer of its image instead of its upper layer.",
)
class _WriteLandsInLower(Faulty):
    def write(self, container: str, files: Files) -> None:
        self.write_lower(self._container(container).image, files)


@fault(
    "write-shows-in-others",
    "What is written in a container shows in the other containers of its image.",
)
class _WriteShowsInOthers(Faulty):
    def write(self, container: str, files: Files) -> None:
        image = self._container(container).image
        for other, record in self._containers().items():
            if record.image == image:
                super().write(other, files)


@fault(
    "commit-writes-lower",
    "Committing a container writes its files into the top layer of its image as well.",
)
class _CommitWritesLower(Faulty):
    def commit(self, container: str) -> str:
        record = self._container(container)
        image = super().commit(container)
        self.write_lower(record.image, read_files(self._upper(container, record)))
        return image


@fault(
    "commit-forgets-parent",
    "The image of a commit has no recorded parent.",
)
class _CommitForgetsParent(Faulty):
    def commit(self, container: str) -> str:
        image = super().commit(container)
        self._save("parents", {child: p for child, p in self._parents().items() if child != image})
        return image


# Sizes


@fault(
    "usage-counts-shared-twice",
    "Disk usage counts a layer once for each image that has it (moby#31944).",
)
class _UsageCountsSharedTwice(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        return replace(seen, usage=sum(image.size for image in seen.images.values()))


@fault(
    "shared-size-is-image-size",
    "The shared size of an image with some shared layer is its whole size.",
)
class _SharedSizeIsImageSize(Faulty):
    def _seen_images(self, sizes: Mapping[str, int]) -> dict[str, ImageSeen]:
        seen = super()._seen_images(sizes)
        return {i: replace(image, shared=image.size if image.shared else 0) for i, image in seen.items()}


class _WrongSizeRw(Faulty, ABC):
    """A second write that records a wrong size."""

    @abstractmethod
    def _wrong_size(self, old: int, new: int) -> int:
        """The size that is recorded."""

    def write(self, container: str, files: Files) -> None:
        before = self._container(container)
        super().write(container, files)
        after = self._container(container)
        if before.generation > 0:
            size = self._wrong_size(before.size_rw, after.size_rw)
            self._save_container(container, replace(after, size_rw=size))


@fault(
    "size-rw-stays",
    "The read-write size of a container stays as its first write left it.",
)
class _SizeRwStays(_WrongSizeRw):
    def _wrong_size(self, old: int, new: int) -> int:
        del new
        return old


@fault(
    "size-rw-adds-up",
    "The read-write size of a container counts files that a later write replaced.",
)
class _SizeRwAddsUp(_WrongSizeRw):
    def _wrong_size(self, old: int, new: int) -> int:
        return old + new


@fault(
    "fresh-container-has-size",
    "A container in which nothing was written has a read-write size of 16384 bytes (docker/for-mac#7450).",
)
class _FreshContainerHasSize(Faulty):
    def create(self, image: str, name: str) -> str:
        container = super().create(image, name)
        self._save_container(container, replace(self._container(container), size_rw=16384))
        return container


# Operations in progress


@fault("abort-leaks-layers", "The layers of an aborted pull stay (moby#48909).")
class _AbortLeaksLayers(Faulty):
    def abort(self, lease: str) -> None:
        self._lease(lease)
        (self.root / "leases" / f"{lease}.json").unlink()


@fault(
    "build-holds-first-image-only",
    "An image that a build in progress has just made is held by nothing (podman#18659).",
)
class _BuildHoldsFirstImageOnly(Faulty):
    def build_add(self, lease: str, image: str, files: Files) -> str:
        before = self._lease(lease)
        new = super().build_add(lease, image, files)
        self._save(f"leases/{lease}", {"layers": before.layers, "images": before.images})
        return new


@fault("finished-pull-keeps-lease", "The lease of a finished pull does not end.")
class _FinishedPullKeepsLease(Faulty):
    def pull_finish(self, lease: str, config: bytes, reference: str, digest_reference: str) -> str:
        before = self._lease(lease)
        image = super().pull_finish(lease, config, reference, digest_reference)
        self._save(f"leases/{lease}", {"layers": before.layers, "images": before.images})
        return image
