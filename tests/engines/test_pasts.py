"""Faults that need a particular past: each shows after it, and after no shorter one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from layermodel.formats.content import ArchiveEntry, ImageSpec, archive
from layerproof.engines.directory import pasts
from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.engines.directory.faults import FAULTS, faulty
from recording import BASE, ONE, TOP, TWO, Recorder

OTHER = ImageSpec(({"other": b"1"},), "other")
IMAGE, SECOND = ONE.image_id, OTHER.image_id


def load(do: Recorder, image: ImageSpec = ONE, tag: str = "r:1") -> str:
    do("load", archive([ArchiveEntry(image, (tag,))]))
    return image.image_id


def created(do: Recorder, *names: str) -> list[str]:
    image = load(do)
    return [do("create", image, name) for name in names]


def refused_rename(do: Recorder) -> None:
    one, _ = created(do, "c", "d")
    do("rename", one, "d")
    do("create", IMAGE, "c")


def renamed_and_restarted(do: Recorder) -> None:
    one, = created(do, "c")
    do("rename", one, "d")
    do("restart", one)


def renamed_and_removed(do: Recorder) -> None:
    one, = created(do, "c")
    do("rename", one, "d")
    do("remove", one, False)
    do("create", IMAGE, "c")


def removed_by_force(do: Recorder) -> None:
    one, = created(do, "c")
    do("start", one)
    do("remove", one, True)
    do("create", IMAGE, "c")


def pruned(do: Recorder) -> None:
    created(do, "c")
    do("container_prune")
    do("create", IMAGE, "c")


def refused_create(do: Recorder) -> None:
    do("create", IMAGE, "c")
    created(do, "c")


def paused_commit(do: Recorder) -> None:
    one, = created(do, "c")
    for method in ("start", "pause", "commit"):
        do(method, one)


def running_commit(do: Recorder) -> None:
    one, = created(do, "c")
    do("start", one)
    do("commit", one)


def two_commits(do: Recorder) -> None:
    one, = created(do, "c")
    do("write", one, TOP)
    do("commit", one)
    do("write", one, {"etc/other": b"1"})
    do("commit", one)


def killed_and_started(do: Recorder) -> None:
    one, = created(do, "c")
    do("write", one, TOP)
    for method in ("start", "kill", "start"):
        do(method, one)


def written_after_restart(do: Recorder) -> None:
    one, = created(do, "c")
    do("write", one, TOP)
    do("restart", one)
    do("write", one, BASE)


def created_again(do: Recorder) -> None:
    one, = created(do, "c")
    do("write", one, TOP)
    do("remove", one, False)
    do("create", IMAGE, "c")


def renamed_and_paused(do: Recorder) -> None:
    one, = created(do, "c")
    do("rename", one, "d")
    do("start", one)
    do("pause", one)


def refused_pause(do: Recorder) -> None:
    one, = created(do, "c")
    do("write", one, TOP)
    do("pause", one)


def tag_taken_by_another(do: Recorder) -> None:
    load(do)
    load(do, OTHER, "q:1")
    do("tag", SECOND, "r:1")
    do("prune")


def untagged_and_tagged(do: Recorder) -> None:
    load(do)
    do("untag", "r:1")
    do("tag", IMAGE, "r:1")


def tag_there_and_back(do: Recorder) -> None:
    load(do)
    load(do, OTHER, "q:1")
    do("tag", SECOND, "r:1")
    do("tag", IMAGE, "r:1")


def created_of_the_untagged(do: Recorder) -> None:
    load(do)
    do("untag", "r:1")
    do("create", IMAGE, "c")


def removed_and_loaded(do: Recorder) -> None:
    load(do)
    do("remove_by_tag", "r:1", False)
    load(do)


def user_pruned(do: Recorder) -> None:
    created(do, "c")
    do("container_prune")
    do("remove_by_id", IMAGE, False)


def child_removed(do: Recorder) -> None:
    load(do)
    child = do("build_step", IMAGE, TOP)
    do("remove_by_id", child, False)
    do("remove_by_id", IMAGE, False)


def built_and_pruned(do: Recorder) -> None:
    load(do)
    lease = do("build_begin", IMAGE)
    image = do("build_add", lease, IMAGE, TOP)
    do("build_finish", lease, image, "b:1")
    do("prune")


def aborted_and_pruned(do: Recorder) -> None:
    load(do)
    lease = do("build_begin", IMAGE)
    do("build_add", lease, IMAGE, TOP)
    do("abort", lease)
    do("prune")


def removed_beside_shared(do: Recorder) -> None:
    load(do)
    load(do, TWO, "two:1")
    load(do, OTHER, "q:1")
    do("remove_by_tag", "q:1", False)


def fifty_tags(do: Recorder) -> None:
    load(do)
    for number in range(50):
        do("tag", IMAGE, f"r:{number}")


def started_once(do: Recorder) -> None:
    one, = created(do, "c")
    do("start", one)


PASTS: dict[str, Callable[[Recorder], None]] = {
    "refused-rename-frees-name": refused_rename, "restart-restores-name": renamed_and_restarted,
    "removed-after-rename-keeps-name": renamed_and_removed, "forced-removal-keeps-name": removed_by_force,
    "pruned-containers-keep-names": pruned, "refused-create-keeps-name": refused_create,
    "commit-resumes-container": paused_commit, "commit-stops-container": running_commit,
    "second-commit-adds-nothing": two_commits, "start-after-kill-empties-upper": killed_and_started,
    "write-after-restart-adds-up": written_after_restart, "create-finds-removed-files": created_again,
    "pause-after-rename-is-refused": renamed_and_paused, "refused-pause-forgets-upper": refused_pause,
    "image-that-lost-its-tag-stays": tag_taken_by_another, "tag-again-does-nothing": untagged_and_tagged,
    "tag-does-not-move-back": tag_there_and_back, "create-from-untagged-is-refused": created_of_the_untagged,
    "load-again-forgets-tag": removed_and_loaded, "pruned-user-counts": user_pruned,
    "removed-child-counts": child_removed, "built-image-loses-layer": built_and_pruned,
    "aborted-build-is-never-pruned": aborted_and_pruned,
    "usage-counts-twice-after-removal": removed_beside_shared, "fails-once-in-fifty": fifty_tags,
    "fails-once-in-fifty-when-done": fifty_tags, "list-is-one-behind": started_once}


def recorded(engine: DirectoryEngine, past: Callable[[Recorder], None]) -> list[object]:
    try:
        do = Recorder(engine)
        past(do)
        return do.seen
    finally:
        engine.close()


def test_each_fault_of_a_past_has_one() -> None:
    planted = {name for name in FAULTS if name in _names_of(pasts)}
    assert planted == PASTS.keys()
    assert len(FAULTS) >= 60


def _names_of(module: object) -> set[str]:
    from layerproof.engines.directory.planting import ENGINES

    return {name for name, engine in ENGINES.items() if engine.__module__ == module.__name__}


@pytest.mark.parametrize("name", PASTS)
def test_it_shows_at_the_end_of_its_past_and_not_before(name: str) -> None:
    sound, wrong = recorded(DirectoryEngine(), PASTS[name]), recorded(faulty(name), PASTS[name])
    assert len(sound) == len(wrong)
    assert sound[-1] != wrong[-1]
    assert sound[:-1] == wrong[:-1]
    assert FAULTS[name].endswith(".")
