"""A union file system beside the union machine: the same system calls in both, compared after each.

Compared are the answer (done, or which error), what a call that looks has seen, everything that every
container sees (listing, kinds, contents, modes, owners, times, attributes, which names are one inode, whether
an inode keeps its number), and the layers below, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from layermodel.language.ground import GroundMachine, Outcome, Vector
from layermodel.language.rules import Machine, Rule
from layermodel.language.run import Run, named_in
from layermodel.union.reference import Scene, UnionReference, View
from layermodel.union.trees import SYMLINK, Layer, Paths
from layermodel.union.universe import images, trees
from layerproof.anyengine import check_capabilities, check_has
from layerproof.errors import Unintelligible, WrongRequest
from layerproof.machines.union.compare import Inodes, answers, looked, views
from layerproof.machines.union.drive import scenes
from layerproof.machines.union.engine import LOOKING, UnionEngine
from layerproof.machines.union.lacking import as_expected, scene_without, stack_without
from layerproof.machines.union.observed import HIDDEN, Encoder, seen_of
from layerproof.machines.union.script import Shown, script
from layerproof.machines.union.stacks import PLAIN
from layerproof.machines.union.values import KEYS, Mounted, layer_request, request
from layerproof.runs.finding import Difference
from layerproof.runs.monitor import Bench
from layerproof.runs.trace import Event, Trace
from layerproof.subject import Answer, Doable, Exhausted, Judged, Observed, Sizes, Subject, anything

ROOM = Scene()
"""What random runs beside an engine have: a larger tree than those of the model alone."""

_OPERATIONS = 5000
"""Twice as many come to every rule and refusal by luck; an operation takes 2 ms."""

_NEEDS_IMAGE = {("rename-directory", "EXDEV")}
"""Refusals that only a union has."""


class UnionBeside:
    """A union file system beside containers over one image."""

    def __init__(self, engine: UnionEngine, run: Run) -> None:
        """Put the engine beside the run.

        Raises:
            WrongRequest: if the run does not say what the layers are.
        """
        if not isinstance(run, UnionReference):
            raise WrongRequest("the trace says nothing of layers, only what an image shows, and cannot be done on "
                               f"{engine.name}")
        self._engine, self._run = engine, run
        self._lacks = _lacks(engine)
        self._inodes = [Inodes() for _ in range(run.scene.containers)]
        self._numbers: list[dict[int, int]] = []

    def begin(self) -> Sequence[Difference]:
        """Mount the stack for each container; layers may not be merged as the model merges them."""
        run, paths = self._run, self._run.scene.paths
        shown = run.views.merger.shown(run.stack)
        upper = Layer((shown.nodes[shown.entries[0]][0],), {0: 0})
        reply = self._engine.begin([layer_request(one, paths) for one in run.stack], layer_request(upper, paths),
                                   paths.names, run.scene.containers)
        _check_reply(self._engine, reply, ("changed", "seen"))
        return self._compared(reply)

    def do(self, rule: Rule, arguments: Vector) -> Answer:
        """Do an operation in the mount."""
        self._view, self._linked = self._run.view(named_in(rule, arguments)["container"]), self._run.linked
        event = Event(rule.name, arguments, None)
        asked = request(rule, event, self._run.scene.paths, self._view)
        reply = self._engine.do(asked)
        _check_reply(self._engine, reply, ("errno", "value", "changed", "seen") if rule.name in LOOKING
                     else ("errno", "changed", "seen"))
        called = {"call": rule.name, "arguments": asked, "answered": reply["errno"] or reply.get("value")}
        return Answer(reply["errno"], seen=reply, called=called)

    def look(self) -> None:
        """Nothing: a mount that was silent is mounted anew."""

    def compare(self, rule: Rule, arguments: Vector, outcome: Outcome, answer: Answer) -> Sequence[Difference]:
        """The answer, what was looked at, what is seen, and what is stored below."""
        view, reply, said = self._view, answer.seen, named_in(rule, arguments)
        result = answers(outcome, answer.refusal, view.get(said["path"]) if "path" in said else None, self._linked)
        if rule.name in LOOKING and not result and outcome.refusal is None:
            result = looked(rule.name, said["path"], view, self._run.scene.paths, reply["value"])
        self._numbers = [dict(one.numbers) for one in self._inodes]
        return [*result, *self._compared(reply)]

    def _compared(self, reply: dict[str, Any]) -> list[Difference]:
        """In which what is seen and stored differs from the model."""
        paths, run = self._run.scene.paths, self._run
        result = [Difference("layer below", "unchanged", "changed", name, law="LOWER-2")
                  for name in reply["changed"]]
        for container, shown in enumerate(reply["seen"]):
            view = run.view(container)
            there = {**shown, "view": as_expected(self._lacks, view, paths, shown["view"])}
            result += views(container, view, paths, there, run.linked)
            result += self._inodes[container].compare(container, view, paths, there["view"], run.linked)
        return result

    def observed(self, before: Vector, outcome: Outcome, answer: Answer) -> Observed:
        """The state that the mounts show; an upper is made up where it shows something else than it should."""
        run, names = self._run, self._run.scene.paths.names
        base = outcome.state if answer.refusal == outcome.refusal else before
        encoder, made_up = Encoder(run, base), False
        for container, shown in enumerate(answer.seen["seen"]):
            expected = run.views.view(base, run.rigid, container)
            there = {"view": as_expected(self._lacks, expected, run.scene.paths, shown["view"])}
            known = {number: inode for inode, number in self._numbers[container].items()}
            number = {p: there["view"][name]["inode"] for p, name in enumerate(names) if name in there["view"]}
            view = {p: seen_of(there["view"][names[p]]) for p in number}
            if _agrees(expected, view, number, known):
                continue
            made_up = True
            encoder.write(container, view, expected, number, known)
        return Observed(encoder.state, HIDDEN if made_up else (), whole=False)

    def script(self, trace: Trace, differences: Sequence[Difference]) -> Callable[[], str | None]:
        """A script that mounts the same layers and does the same, if the engine can be mounted by one."""
        machine, plain = self._run.ground.machine, not self._engine.image
        mounting = getattr(self._engine, "mounting", None)
        if mounting is None:
            return lambda: None
        return lambda: script(Shown(plain, mounting, trace, differences), machine)

    def end(self) -> None:
        """The next stack is mounted afresh."""


def _agrees(expected: View, view: View, number: dict[int, int], known: dict[int, int]) -> bool:
    """Whether a container shows what is expected."""
    if expected.keys() != view.keys():
        return False
    return all(replace(one, inode=0, mode=one.mode if one.kind != SYMLINK else 0)
               == replace(view[p], inode=0, mode=view[p].mode if one.kind != SYMLINK else 0)
               and known.get(number[p], one.inode) == one.inode for p, one in expected.items())


_ATTRIBUTES = ("name", "version", "dialect", "capabilities", "image", "options")


def check_engine(machine: Machine, engine: Any) -> None:
    """See that an engine has what :class:`~layerproof.machines.union.engine.UnionEngine` asks.

    Raises:
        WrongRequest: if it has not, naming what is missing.
    """
    check_has(engine, _ATTRIBUTES, ("begin", "do"))
    check_capabilities(machine, engine, lambda rule: rule, lambda rule: "do")


def _check_reply(engine: UnionEngine, reply: Any, wanted: Sequence[str]) -> None:
    """See that an engine replies what :class:`~layerproof.machines.union.engine.UnionEngine` says.

    Raises:
        Unintelligible: if it does not, naming what it replied.
    """
    if not isinstance(reply, Mapping):
        raise Unintelligible(f"the engine {engine.name} replies {reply!r}, which is no mapping")
    for name in wanted:
        if name not in reply:
            raise Unintelligible(f"the engine {engine.name} replies {reply!r}, which says nothing of {name!r}")


def _scenes(subject: Subject, bench: Bench, engine: UnionEngine) -> st.SearchStrategy[Mounted]:
    lacks = _lacks(engine)
    room = scene_without(ROOM, lacks)
    if not engine.image:
        return st.just(Mounted(PLAIN, room))
    return scenes(room, bench).map(lambda scene: replace(scene, stack=stack_without(scene.stack, lacks)))


def _lacks(engine: UnionEngine) -> frozenset[str]:
    """What the engine lacks, if it says so."""
    lacks: frozenset[str] = getattr(engine, "lacks", frozenset())
    return lacks


def _unreachable(engine: UnionEngine, rules: Collection[str]) -> set[tuple[str, str]]:
    return set() if engine.image else _NEEDS_IMAGE


_FEW = {"Path": 2, "Container": 1, "Data": 1, "Mode": 1, "Owner": 1, "Time": 2, "Value": 1}
_EXHAUSTED = (Exhausted(_FEW | {"Path": 3}), Exhausted(_FEW | {"Container": 2}),
              Exhausted(_FEW | {"Data": 2, "Value": 2}))
"""A name in a directory; two containers; contents and attributes."""


def _room(paths: Paths, sizes: Sizes) -> Scene:
    """The tree of paths, and as many of everything else.

    Keys are always those that nodes of layers have; of times there is one beside that of the operation.
    """
    return Scene(paths, sizes["Container"], sizes["Data"], sizes["Mode"], sizes["Owner"], max(2, sizes["Time"]),
                 len(KEYS), sizes["Value"])


def _laid(sizes: Sizes) -> Sizes:
    """With one layer, and as many inodes as the paths and containers may have."""
    return _room(next(trees(sizes["Path"])), sizes).sizes


def _runs(subject: Subject, ground: GroundMachine, engine: UnionEngine) -> list[tuple[Mounted, Doable]]:
    """Every tree of paths, and all that a layer may show of it."""
    sizes, lacks, found = ground.layout.sizes, _lacks(engine), list[Mounted]()
    for paths in trees(sizes["Path"]):
        room = scene_without(_room(paths, sizes), lacks)
        for shown in images(paths, sizes["Data"], sizes["Time"]):
            nodes = tuple(replace(node, xattr=(0,) * len(KEYS)) for node, _ in shown.nodes)
            scene = Mounted(stack_without((Layer(nodes, shown.entries),), lacks), room)
            if scene not in found and (engine.image or len(nodes) == 1):
                found.append(scene)
    return [(scene, anything) for scene in found]


def judged(machine: Machine) -> Judged:
    """What judging a union file system asks."""
    return Judged(UnionBeside, lambda engine, rule: rule in engine.capabilities,
                  needs=lambda engine: check_engine(machine, engine),
                  sizes=lambda engine: scene_without(ROOM, _lacks(engine)).sizes,
                  exhausted=_EXHAUSTED, runs=_runs, laid=_laid, scenes=_scenes, unreachable=_unreachable,
                  operations=_OPERATIONS)
