"""Faults that show only after a particular past: caches, indexes and counters that are not brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from layermodel.formats.content import Files
from layerproof.engines.directory.content import read_archive, read_files
from layerproof.engines.directory.planting import Faulty, fault
from layerproof.errors import UNCLASSIFIED, Refused
from layerproof.machines.store.engine import Observation

# Names


class _KeepsNames(Faulty):
    """Names that are noted are taken."""

    def _check_name(self, name: str) -> None:
        super()._check_name(name)
        if name in self.notes("kept"):
            raise Refused("name-taken", f"a container named {name} exists")


@fault(
    "refused-rename-frees-name",
    "A rename that is refused because another has the name lets the container's own be given to another.",
)
class _RefusedRenameFreesName(Faulty):
    def rename(self, container: str, name: str) -> None:
        try:
            super().rename(container, name)
        except Refused as refused:
            if refused.refusal == "name-taken":
                self.note("freed", self._container(container).name)
            raise

    def _check_name(self, name: str) -> None:
        if name not in self.notes("freed"):
            super()._check_name(name)


@fault("restart-restores-name", "A container that was renamed has its first name again when it is restarted.")
class _RestartRestoresName(Faulty):
    def rename(self, container: str, name: str) -> None:
        old = self._container(container).name
        super().rename(container, name)
        self.note(f"first name of {container}", old)

    def restart(self, container: str) -> None:
        super().restart(container)
        taken = {record.name for record in self._containers().values()}
        for name in self.notes(f"first name of {container}")[:1]:
            if name not in taken:
                self._save_container(container, replace(self._container(container), name=name))


@fault("removed-after-rename-keeps-name", "A removed container that was renamed keeps the name that it had first.")
class _RemovedAfterRenameKeepsName(_KeepsNames):
    def rename(self, container: str, name: str) -> None:
        old = self._container(container).name
        super().rename(container, name)
        self.note(f"first name of {container}", old)

    def _delete_container(self, container: str) -> None:
        for name in self.notes(f"first name of {container}")[:1]:
            self.note("kept", name)
        super()._delete_container(container)


@fault("forced-removal-keeps-name", "The name of a running container that was removed can't be used again.")
class _ForcedRemovalKeepsName(_KeepsNames):
    def remove(self, container: str, force: bool) -> None:
        record = self._container(container)
        super().remove(container, force)
        if record.status == "running":
            self.note("kept", record.name)


@fault("pruned-containers-keep-names", "The names of containers that were pruned can't be used again.")
class _PrunedContainersKeepNames(_KeepsNames):
    def container_prune(self) -> int:
        before = {record.name for record in self._containers().values()}
        freed = super().container_prune()
        for name in sorted(before - {record.name for record in self._containers().values()}):
            self.note("kept", name)
        return freed


@fault("refused-create-keeps-name", "A name is taken after a container of an image that is not there was refused.")
class _RefusedCreateKeepsName(Faulty):
    def create(self, image: str, name: str) -> str:
        if name in self.notes("kept") and image in self._images():
            raise Refused("name-taken", f"a container named {name} exists")
        try:
            return super().create(image, name)
        except Refused as refused:
            if refused.refusal == "no-such-image":
                self.note("kept", name)
            raise


# Containers


@fault("commit-resumes-container", "Committing a paused container lets it run on.")
class _CommitResumes(Faulty):
    def commit(self, container: str) -> str:
        image = super().commit(container)
        if self._container(container).status == "paused":
            self._set_status(container, "running")
        return image


@fault("commit-stops-container", "Committing a running container stops it.")
class _CommitStops(Faulty):
    def commit(self, container: str) -> str:
        image = super().commit(container)
        if self._container(container).status == "running":
            self._set_status(container, "exited")
        return image


@fault("second-commit-adds-nothing", "The second image that is committed of a container lacks what it wrote.")
class _SecondCommitAddsNothing(Faulty):
    def commit(self, container: str) -> str:
        if container not in self.notes("committed"):
            self.note("committed", container)
            return super().commit(container)
        record = self._container(container)
        return self._derive(self._config(record.image), None, record.image, "commit")


@fault("start-after-kill-empties-upper", "A container that was killed has lost its files when it is started.")
class _StartAfterKillEmptiesUpper(Faulty):
    def kill(self, container: str) -> None:
        super().kill(container)
        self.note("killed", container)

    def start(self, container: str) -> None:
        super().start(container)
        if container in self.notes("killed"):
            self.write(container, {})


@fault("write-after-restart-adds-up", "After a restart SizeRw is what is written and what was there before.")
class _WriteAfterRestartAddsUp(Faulty):
    def restart(self, container: str) -> None:
        super().restart(container)
        self.note("restarted", container)

    def write(self, container: str, files: Files) -> None:
        before = self._container(container).size_rw
        super().write(container, files)
        if container in self.notes("restarted"):
            record = self._container(container)
            self._save_container(container, replace(record, size_rw=record.size_rw + before))


@fault("create-finds-removed-files", "A container finds what a removed one of the same name and image wrote.")
class _CreateFindsRemovedFiles(Faulty):
    def _delete_container(self, container: str) -> None:
        record = self._container(container)
        self.note(f"{record.name} of {record.image}", str(record.size_rw))
        self._left: dict[str, Files] = getattr(self, "_left", {})
        self._left[f"{record.name} of {record.image}"] = read_files(self._upper(container, record))
        super()._delete_container(container)

    def create(self, image: str, name: str) -> str:
        container = super().create(image, name)
        if self.notes(f"{name} of {image}"):
            self.write(container, self._left[f"{name} of {image}"])
        return container


@fault("pause-after-rename-is-refused", "A running container that was renamed can't be paused.")
class _PauseAfterRename(Faulty):
    def rename(self, container: str, name: str) -> None:
        super().rename(container, name)
        self.note("renamed", container)

    def pause(self, container: str) -> None:
        if container in self.notes("renamed") and self._container(container).status == "running":
            raise Refused("not-running", f"{container} is not running")
        super().pause(container)


@fault("refused-pause-forgets-upper", "A pause that is refused takes the files of the container.")
class _RefusedPauseForgetsUpper(Faulty):
    def pause(self, container: str) -> None:
        try:
            super().pause(container)
        except Refused as refused:
            if refused.refusal == "not-running":
                self.write(container, {})
            raise


# Names of images


@fault("image-that-lost-its-tag-stays", "An image whose tag was given to another is not pruned.")
class _ImageThatLostItsTagStays(Faulty):
    def tag(self, image: str, reference: str) -> None:
        before = self._references().get(reference)
        super().tag(image, reference)
        if before not in (None, image):
            self.note("lost", str(before))

    def _prunable(self, spare_tagged: bool) -> set[str]:
        return super()._prunable(spare_tagged) - set(self.notes("lost"))


@fault("tag-again-does-nothing", "A tag that was taken from an image is not given to it again.")
class _TagAgainDoesNothing(Faulty):
    def untag(self, reference: str) -> None:
        image = self._references().get(reference)
        super().untag(reference)
        self.note("untagged", f"{reference} {image}")

    def tag(self, image: str, reference: str) -> None:
        if f"{reference} {image}" not in self.notes("untagged"):
            super().tag(image, reference)


@fault("tag-does-not-move-back", "A tag that was moved to another image does not come back.")
class _TagDoesNotMoveBack(Faulty):
    def tag(self, image: str, reference: str) -> None:
        before = self._references().get(reference)
        if before is not None and f"{reference} {image}" in self.notes("moved"):
            self._image(image)
            return
        super().tag(image, reference)
        if before not in (None, image):
            self.note("moved", f"{reference} {before}")


@fault("create-from-untagged-is-refused", "No container can be made of an image after its last tag was taken.")
class _CreateFromUntagged(Faulty):
    def untag(self, reference: str) -> None:
        image = self._references().get(reference)
        super().untag(reference)
        if image is not None and image not in self._references().values():
            self.note("nameless", image)

    def create(self, image: str, name: str) -> str:
        if image in self.notes("nameless") and image not in self._references().values():
            raise Refused("no-such-image", f"there is no image {image}")
        return super().create(image, name)


@fault("load-again-forgets-tag", "An image that was removed is loaded again without its tag.")
class _LoadAgainForgetsTag(Faulty):
    def remove_by_tag(self, reference: str, force: bool) -> None:
        super().remove_by_tag(reference, force)
        self.note("removed", reference)

    def load(self, archive: bytes) -> None:
        before, again = self._references(), set(self.notes("removed"))
        super().load(archive)
        named = {tag for row in read_archive(archive, self._layers()) for tag in row.tags}
        self._save("references", {r: i for r, i in self._references().items()
                                  if r not in named & again or r in before})


# Images


@fault("pruned-user-counts", "A container that was pruned still keeps its image from being removed.")
class _PrunedUserCounts(Faulty):
    def container_prune(self) -> int:
        before = self._containers()
        freed = super().container_prune()
        for container in sorted(before.keys() - self._containers().keys()):
            self.note("used", before[container].image)
        return freed

    def remove_by_id(self, image: str, force: bool) -> None:
        if image in self.notes("used") and image in self._images() and not self._children(image):
            raise Refused("used-by-container", f"a stopped container uses {image}")
        super().remove_by_id(image, force)


@fault("removed-child-counts", "An image of which another was made can't be removed when that is gone, either.")
class _RemovedChildCounts(Faulty):
    def _delete_images(self, images: Any) -> int:
        parents = self._parents()
        for image in sorted(images):
            if parents.get(image) is not None:
                self.note("had a child", str(parents[image]))
        return super()._delete_images(images)

    def remove_by_id(self, image: str, force: bool) -> None:
        if image in self.notes("had a child") and image in self._images():
            raise Refused("has-child-images", f"other images were made from {image}")
        super().remove_by_id(image, force)


@fault("built-image-loses-layer", "Pruning takes the top layer of an image that a build has finished with a tag.")
class _BuiltImageLosesLayer(Faulty):
    def build_finish(self, lease: str, image: str, reference: str) -> None:
        super().build_finish(lease, image, reference)
        self.note("built", image)

    def prune(self) -> int:
        freed = super().prune()
        for image in self.notes("built"):
            if stack := self._images().get(image):
                self._discard(self._diff(stack[-1]))
                self._diff(stack[-1]).mkdir(parents=True)
        return freed


@fault("aborted-build-is-never-pruned", "What a build had made that was given up is never pruned.")
class _AbortedBuildIsNeverPruned(Faulty):
    def abort(self, lease: str) -> None:
        record = self._lease(lease)
        super().abort(lease)
        for image in record.images[1:]:
            self.note("aborted", image)

    def _prunable(self, spare_tagged: bool) -> set[str]:
        return super()._prunable(spare_tagged) - set(self.notes("aborted"))


@fault("usage-counts-twice-after-removal", "Once an image was removed, the total counts shared layers twice.")
class _UsageCountsTwiceAfterRemoval(Faulty):
    def _delete_images(self, images: Any) -> int:
        if images:
            self.note("removed", "an image")
        return super()._delete_images(images)

    def observe(self) -> Observation:
        seen = super().observe()
        if not self.notes("removed"):
            return seen
        return replace(seen, usage=sum(image.size for image in seen.images.values()))


# Answers

_SELDOM = 50
"""Of so many operations one fails."""


class _Unsteady(Faulty):
    """Fails now and then, for no reason."""

    before = True

    def _now_and_then(self, operation: Callable[[], Any]) -> Any:
        self._calls = getattr(self, "_calls", 0) + 1
        if self._calls % _SELDOM:
            return operation()
        if not self.before:
            operation()
        raise Refused(UNCLASSIFIED, "500: the server is out of order")

    def tag(self, image: str, reference: str) -> None:
        self._now_and_then(lambda: super(_Unsteady, self).tag(image, reference))

    def create(self, image: str, name: str) -> str:
        made: str = self._now_and_then(lambda: super(_Unsteady, self).create(image, name))
        return made

    def start(self, container: str) -> None:
        self._now_and_then(lambda: super(_Unsteady, self).start(container))

    def write(self, container: str, files: Files) -> None:
        self._now_and_then(lambda: super(_Unsteady, self).write(container, files))


@fault("fails-once-in-fifty", "One operation in fifty is answered by an error, and not done.")
class _FailsOnceInFifty(_Unsteady):
    pass


@fault("fails-once-in-fifty-when-done", "One operation in fifty is answered by an error, though it was done.")
class _FailsWhenDone(_Unsteady):
    before = False


@fault("list-is-one-behind", "What an operation has done to containers is shown after the next one.")
class _ListIsOneBehind(Faulty):
    def observe(self) -> Observation:
        seen = super().observe()
        shown = {c: getattr(self, "_shown", {}).get(c, row) for c, row in seen.containers.items()}
        self._shown = dict(seen.containers)
        return replace(seen, containers=shown)
