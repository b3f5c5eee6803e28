"""Windows: the part of a union's state that a compiled rule asks about, as vectors of the machine.

Names are unbounded and the sorts of a compiled rule are finite. A rule is therefore run on a window: the paths on
the way to those that are named, and what else the rule asks about. Which paths there are is data to a compiled
rule, so that it is compiled once for all windows of a size. Nothing here says what an operation does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, cast

from layermodel.language.ground import GroundMachine, Vector
from layermodel.objects import CONTAINER
from layermodel.union.errors import NotSaid
from layermodel.union.layers import Attributes
from layermodel.union.rules import UNION
from layermodel.union.stored import Tree, moved_to, parent, way
from layermodel.union.words import ATTRIBUTES, PATH, inode, merged, seen

SIZES = (8, 16, 32, 64, 128, 256)
"""How many paths a window may have. Rules are compiled when a window of the size first needs them."""

_THE_KEY, _OTHER_KEYS = range(2)
# A call names one attribute at most. No rule tells the others apart, so that all of them are one element.


class Compiled:
    """The machine, laid out for so many paths. Each may have an inode of the image and one of the upper."""

    def __init__(self, paths: int) -> None:
        """Lay it out, and compile what is seen; rules are compiled when first asked for."""
        many = 4 * paths  # no rule speaks of all elements of these sorts, so that more of them cost nothing
        self.spare = 2 * paths  # an inode that nothing is
        sizes = {"Path": paths, "Layer": 1, "Container": 1, "Inode": 2 * paths + 1, "Data": many, "Mode": many,
                 "Owner": many, "Time": many, "Key": 2, "Value": many}
        self.ground = GroundMachine(UNION, sizes)
        self.paths = paths
        self.at = {name: offset for name, (_, offset, _) in self.ground.layout.slots.items()}
        c, p = CONTAINER.constant("?c"), PATH.constant("?p")
        self.seen, self.inode, self.merged = (
            self.ground.formula(term(UNION.state, c, p), ("?c", "?p")) for term in (seen, inode, merged))


@cache
def compiled(paths: int) -> Compiled:
    """The machine for windows of a size, which is kept."""
    return Compiled(paths)


@lru_cache(maxsize=1024)
def _shape(paths: int, parents: tuple[int, ...]) -> dict[int, int | bool]:
    """The rigid values that speak of paths only."""
    index, result = compiled(paths).ground.layout.index, dict[int, int | bool]()
    ways: list[list[int]] = []
    for path in range(paths):
        # Places of the window that are not used are names in the root, at which there is nothing.
        parent = parents[path] if path < len(parents) else 0
        ways.append([*(ways[parent] if path else []), path])
        result[index("parent", path)] = parent
        for other in ways[path]:
            result[index("under", other, path)] = True
    return result


@lru_cache(maxsize=64)
def _initial(paths: int, rigid: tuple[tuple[int, int | bool], ...]) -> Vector:
    values: defaultdict[int, int | bool] = defaultdict(int, rigid)
    return compiled(paths).ground.initial(cast(Vector, values), ())


class _Elements:
    """Numbers values as they come; the first is one of which rules speak (``union.words.SYMBOLS``)."""

    def __init__(self, first: Any) -> None:
        self.values = [first]
        self._number = {first: 0}

    def of(self, value: Any) -> int:
        number = self._number.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


_NOW = object()
"""The time of the operation; no time that was set is the same element."""


def surroundings(tree: Tree, paths: Iterable[str], move: tuple[str, str] | None = None) -> set[str]:
    """The paths, all on the way to them, and where the image is looked at for any of these.

    Args:
        move: a rename, from and to; the paths that these become are then needed, too. A new path of something may
            be one at which there is something already, if the target is in the source.
    """
    result, todo = set[str](), list(paths)
    while todo:
        new = set(way(todo.pop())) - result
        result |= new
        for path in new:
            # Nothing is where the image has nothing: has_source may be false for it, and the paths have an end.
            beneath = (tree.source(path), tree.redirects.get(path, ""))
            todo += [there for there in beneath if there in tree.lower.at]
            if move is not None and (path == move[0] or tree.holds(path)):
                there = moved_to(*move, path)
                todo += [] if there is None else [there]
    return result


class Window:
    """A part of a tree as vectors of the machine."""

    def __init__(self, tree: Tree, paths: Iterable[str], *, bare: bool = False, key: str | None = None,
                 creator: tuple[int, int] = (0, 0), move: tuple[str, str] | None = None) -> None:
        """Lay out the paths and all that are on the way to them.

        Args:
            bare: leave out the attributes; only what is where can then be asked.
            key: the extended attribute that is spoken of.
            creator: user and group of what is made.
            move: a rename, from and to, after which paths are asked of where they are then.

        Raises:
            NotSaid: if there are more paths than the largest window has.
        """
        self._tree, self._key = tree, key
        self.names = sorted(surroundings(tree, paths, move))
        size = next((size for size in SIZES if size >= len(self.names)), None)
        if size is None:
            raise NotSaid(f"the call concerns {len(self.names)} paths, and a window has {SIZES[-1]} at most")
        self.compiled = compiled(size)
        self.number = {name: n for n, name in enumerate(self.names)}
        self.inodes: list[int] = []
        self.element: dict[int, int] = {}
        self.state: list[int | bool] = [0] * self.compiled.ground.layout.lengths["S"]
        parents = tuple(self.number[parent(name)] for name in self.names)
        # Compiled rules do nothing with vectors but to index them; most rigid values are zero, and as many as
        # the third power of the paths, so that this one is not a tuple.
        self.rigid: defaultdict[int, int | bool] = defaultdict(int, _shape(size, parents))
        self.elements = {"content": _Elements(b""), "mode": _Elements(0), "owner": _Elements(creator),
                         "mtime": _Elements(_NOW), "xattr": _Elements(None)}
        self._lay_names()
        if not bare:
            self._lay_attributes()
        for one, other in () if move is None else (move, move[::-1]):
            self._moves(one, other)

    def _lay_names(self) -> None:
        tree, at, state = self._tree, self.compiled.at, self.state
        for n, name in enumerate(self.names):
            number = tree.lower.at.get(name)
            if number is not None:
                state[at["has_lower"] + n] = True
                state[at["lower"] + n] = self._inode(number)
            number = tree.upper.at.get(name)
            if number is not None:
                state[at["has_upper"] + n] = True
                state[at["upper"] + n] = self._inode(number)
            if name in tree.whiteouts:
                state[at["whiteout"] + n] = True
            if name in tree.opaque:
                state[at["opaque"] + n] = True
            redirect = tree.redirects.get(name)
            state[at["redirected"] + n] = redirect is not None
            state[at["redirect"] + n] = n if redirect is None else self.number[redirect]
            state[at["anchor"] + n] = self.number[tree.anchor(name)]
            source = self.number.get(tree.source(name))
            state[at["has_source"] + n] = source is not None
            state[at["source"] + n] = n if source is None else source

    def _inode(self, number: int) -> int:
        element = self.element.setdefault(number, len(self.inodes))
        if element == len(self.inodes):
            self.inodes.append(number)
            self.state[self.compiled.at["kind"] + element] = self._tree.kind[number]
        return element

    def _lay_attributes(self) -> None:
        tree, at = self._tree, self.compiled.at
        for element, number in enumerate(self.inodes):
            built, copied = tree.built.get(number), tree.copied.get(number)
            if built is not None:
                self.rigid[at["in_image"] + element] = True
                self.rigid[at["linked"] + element] = number in tree.linked
                self._put(self.state, "lower_", element, built)
            if copied is not None:
                self.state[at["copied"] + element] = True
                self._put(self.state, "", element, copied)

    def _put(self, values: Any, prefix: str, element: int, attributes: Attributes) -> None:
        at = self.compiled.at
        for name in ("content", "mode", "owner", "mtime"):
            values[at[prefix + name] + element] = self.elements[name].of(getattr(attributes, name))
        others = tuple(sorted((k, v) for k, v in attributes.xattrs.items() if k != self._key))
        there = at[f"{prefix}xattr"] + 2 * element
        mine = None if self._key is None else attributes.xattrs.get(self._key)
        values[there + _THE_KEY] = self.elements["xattr"].of(mine)
        values[there + _OTHER_KEYS] = self.elements["xattr"].of(others or None)

    def begin(self) -> Vector:
        """The machine's initial state, whose image is what the tree's image shows in the window."""
        at, rigid = self.compiled.at, self.rigid
        for n, name in enumerate(self.names):
            number = self._tree.lower.at.get(name)
            if number is not None:
                element = self.element[number]
                rigid[at["has_built"] + n] = True
                rigid[at["built"] + n] = element
                rigid[at["built_kind"] + element] = self._tree.kind[number]
                self._put(rigid, "built_", element, self._tree.built[number])
        return _initial(self.compiled.paths, tuple(sorted(rigid.items())))

    def shows(self, path: str) -> int | None:
        """The inode seen at a path, or None."""
        vectors = (self.state, self.state, self.rigid, (), (0, self.number[path]))
        return self.inodes[self.compiled.inode(*vectors)] if self.compiled.seen(*vectors) else None

    def merges(self, path: str) -> bool:
        """Whether the upper's directory at a path is merged with one of the image."""
        return bool(self.compiled.merged(self.state, self.state, self.rigid, (), (0, self.number[path])))

    def arguments(self, rule: str, traits: Vector, named: Mapping[str, Any]) -> Vector | None:
        """The arguments of a rule, with the inode that it makes or finds; None if the rule presupposes others."""
        found: dict[str, int] = {"container": 0, "key": _THE_KEY}
        for name, value in named.items():
            match name:
                case "path" | "target":
                    found[name] = self.number[value]
                case "content":
                    found[name] = self._content(value)
                case "time":
                    found[name] = self.elements["mtime"].of(value)
                case "value":
                    found[name] = self.elements["xattr"].of(value)
                case _:
                    found[name] = self.elements[name].of(value)
        there = self.shows(named["path"])
        ground = self.compiled.ground.rule(rule)
        for chosen in (*(() if there is None else (self.element[there],)), self.compiled.spare):
            found["inode"] = chosen
            arguments = tuple(found[p.name] for p in ground.rule.parameters)
            if ground.given(self.state, self.state, self.rigid, traits, arguments):
                return arguments
        return None

    def _content(self, value: bytes) -> int:
        contents, at = self.elements["content"], self.compiled.ground.layout.index
        mine = contents.of(value)
        # Which of the contents begin with which is only asked of the one that the call names.
        for number, other in enumerate(contents.values):
            self.rigid[at("starts", number, mine)] = value.startswith(other)
            self.rigid[at("starts", mine, number)] = other.startswith(value)
        return mine

    def _moves(self, source: str, target: str) -> None:
        """Say what becomes of paths when the source is renamed to the target; no other is asked of."""
        index = self.compiled.ground.layout.index
        for n, name in enumerate(self.names):
            there = moved_to(source, target, name)
            if there in self.number:
                arguments = (self.number[source], self.number[target], n)
                self.rigid[index("fits", *arguments)] = True
                self.rigid[index("moved", *arguments)] = self.number[there]

    def run(self, rule: str, traits: Vector, arguments: Vector) -> tuple[str | None, Vector]:
        """The refusal, or None, and the state after."""
        outcome = self.compiled.ground.rule(rule).run(
            cast(Vector, self.state), cast(Vector, self.rigid), traits, arguments)
        return outcome.refusal, outcome.state

    def write_back(self, after: Vector, now: int, new: int) -> dict[int, Attributes]:
        """Make the tree what the state after says, and return what the upper no longer holds.

        Args:
            now: the time of the operation, in nanoseconds since 1970.
            new: the number for an inode that is made.
        """
        tree, at, before = self._tree, self.compiled.at, self.state
        numbers = dict(enumerate(self.inodes)) | {self.compiled.spare: new}
        marks = ("has_upper", "upper", "whiteout", "opaque", "redirected", "redirect")
        for n, name in enumerate(self.names):
            has, upper, whiteout, opaque, redirected, redirect = (after[at[mark] + n] for mark in marks)
            if any(after[at[mark] + n] != before[at[mark] + n] for mark in marks):
                tree.mark(name, numbers[upper] if has else None, whiteout=bool(whiteout), opaque=bool(opaque),
                          redirect=self.names[redirect] if redirected else None)
        released = {}
        for element, number in numbers.items():
            if after[at["copied"] + element]:
                if any(after[slot] != before[slot] for slot in self._slots(element)):
                    tree.copied[number] = self._get(after, element, now)
                    tree.kind[number] = after[at["kind"] + element]
            elif before[at["copied"] + element]:
                released[number] = tree.copied.pop(number)
        return released

    def _slots(self, element: int) -> list[int]:
        at = self.compiled.at
        return [*(at[name] + element for name in ("copied", "kind", *ATTRIBUTES) if name != "xattr"),
                at["xattr"] + 2 * element, at["xattr"] + 2 * element + 1]

    def _get(self, after: Vector, element: int, now: int) -> Attributes:
        at = self.compiled.at
        content, mode, owner, mtime = (self.elements[name].values[after[at[name] + element]]
                                       for name in ("content", "mode", "owner", "mtime"))
        xattrs = self.elements["xattr"].values
        there = at["xattr"] + 2 * element
        found = dict(xattrs[after[there + _OTHER_KEYS]] or ())
        value = xattrs[after[there + _THE_KEY]]
        if value is not None and self._key is not None:
            found[self._key] = value
        return Attributes(content, mode, owner, now if mtime is _NOW else mtime, found)
