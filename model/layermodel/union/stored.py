"""The state of a union as dictionaries: what the image shows and what the upper holds, with payload for elements.

Nothing here says what an operation does, or what is seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from layermodel.union.layers import Attributes


def parent(path: str) -> str:
    """The directory that a path is a name in; the root's is the root."""
    return path.rpartition("/")[0]


def joined(directory: str, name: str) -> str:
    """The path of a name, or of a path, in a directory."""
    return f"{directory}/{name}" if directory and name else directory or name


def within(path: str, directory: str) -> bool:
    """Whether the path is in the directory, at any depth."""
    return path != directory and (not directory or path.startswith(directory + "/"))


def way(path: str) -> list[str]:
    """The path and all that are on the way to it, which begins at the root."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:n]) for n in range(len(parts) + 1)]


def moved_to(source: str, target: str, path: str) -> str | None:
    """What becomes of a path when the source is renamed to the target, if it is the source or in it."""
    if path == source:
        return target
    return joined(target, path[len(source):].lstrip("/")) if within(path, source) else None


class _Names:
    """Which inode is at which path, read both ways, and what is in which directory."""

    def __init__(self) -> None:
        self.at: dict[str, int] = {}
        self.of: dict[int, set[str]] = {}
        self.inside: dict[str, set[str]] = {}

    def enter(self, path: str) -> None:
        if path:
            self.inside.setdefault(parent(path), set()).add(path)

    def leave(self, path: str) -> None:
        if path:
            self.inside[parent(path)].discard(path)
            if not self.inside[parent(path)]:
                del self.inside[parent(path)]

    def put(self, path: str, number: int | None) -> None:
        """Have this inode at the path, or none."""
        old = self.at.pop(path, None)
        if old is not None:
            self.of[old].discard(path)
            if not self.of[old]:
                del self.of[old]
        if number is not None:
            self.at[path] = number
            self.of.setdefault(number, set()).add(path)

    def below(self, path: str) -> Iterator[str]:
        """All paths in a directory, at any depth."""
        todo = [path]
        while todo:
            for child in sorted(self.inside.get(todo.pop(), ())):
                yield child
                todo.append(child)


class Tree:
    """What the image shows and what the upper holds.

    Attributes:
        lower, upper: what is where, by number of inode.
        built, copied: the attributes of inodes in the image and in the upper.
        whiteouts, opaque: paths at which the upper has these marks.
        redirects: directories of the upper that are redirected, and to where in the image.
        kind: of each inode, as the machine numbers kinds.
        linked: inodes of the image that have several names in their layer.
        names: how many names an inode of the image has in its layer.
        merged: directories of the image that several of its layers have a part in.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lower, self.upper = _Names(), _Names()
        self.built: dict[int, Attributes] = {}
        self.copied: dict[int, Attributes] = {}
        self.whiteouts: set[str] = set()
        self.opaque: set[str] = set()
        self.redirects: dict[str, str] = {}
        self.kind: dict[int, int] = {}
        self.linked: set[int] = set()
        self.names: dict[int, int] = {}
        self.merged: set[int] = set()

    def mark(self, path: str, number: int | None, *, whiteout: bool = False, opaque: bool = False,
             redirect: str | None = None) -> None:
        """Have the upper hold this at a path."""
        self.upper.put(path, number)
        for marks, there in ((self.whiteouts, whiteout), (self.opaque, opaque)):
            if there:
                marks.add(path)
            else:
                marks.discard(path)
        self.redirects.pop(path, None)
        if redirect is not None:
            self.redirects[path] = redirect
        was = path in self.upper.inside.get(parent(path), ())
        if number is not None or whiteout or opaque:
            self.upper.enter(path)
        elif was:
            self.upper.leave(path)

    def anchor(self, path: str) -> str:
        """The directory from which the image is looked at for the path: the nearest above that is redirected."""
        if self.redirects:
            for step in reversed(way(path)[:-1]):
                if step in self.redirects:
                    return step
        return ""

    def source(self, path: str) -> str:
        """Where the image is looked at for the path: where it is from its anchor."""
        anchor = self.anchor(path)
        return joined(self.redirects[anchor], path[len(anchor) + 1:]) if anchor in self.redirects else path

    def inside(self, directory: str) -> list[str]:
        """The paths in a directory at which there may be something to see, sorted."""
        beneath = self.redirects.get(directory, self.source(directory))
        names = {path.rpartition("/")[2] for path in self.lower.inside.get(beneath, ())}
        return sorted({joined(directory, name) for name in names} | self.upper.inside.get(directory, set()))

    def paths(self, number: int) -> set[str]:
        """The paths at which an inode may be seen: in the upper, and all that look where the image has it."""
        result = set(self.upper.of.get(number, ()))
        for there in self.lower.of.get(number, ()):
            found = {there} | {joined(path, there[len(redirect) + 1:]) for path, redirect in self.redirects.items()
                               if within(there, redirect)}
            result |= {path for path in found if self.source(path) == there}
        return result

    def holds(self, path: str) -> bool:
        """Whether the upper has something or a whiteout at the path, or the image where it is looked at for it."""
        return path in self.upper.at or path in self.whiteouts or self.source(path) in self.lower.at
