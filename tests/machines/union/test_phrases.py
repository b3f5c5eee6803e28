"""The rule book of the union says what the rules say."""

from dataclasses import replace

import pytest
from z3 import And, If, Implies, Not, Or

from layermodel.language.rules import RuleKind, exists, forall
from layermodel.objects import CONTAINER
from layermodel.union.rules import UNION
from layermodel.union.words import DIRECTORY, FIFO, PATH, SYMLINK, attribute, below, inode, merged, seen
from phrases import Reader, complaints


def at(s, container, path, kind):
    """The container sees something of the kind at the path."""
    return And(seen(s, container, path), s.kind(inode(s, container, path)) == kind)


def strictly_under(s, path, other):
    return And(s.under(other, path), path != other)


def in_the_way(s, path, container):
    return exists(PATH, lambda q: And(
        strictly_under(s, path, q), seen(s, container, q), Not(at(s, container, q, DIRECTORY)),
        Not(at(s, container, q, SYMLINK))))


def links_break(s, container, i):
    return And(s.linked(i), Not(s.copied(container, i)), Not(s.index))


def new(s, i):
    return And(Not(s.in_image(i)), Not(exists(CONTAINER, lambda c: s.copied(c, i))))


def own(s, i, container, path):
    """The inode that the upper has for what is at the path, or will have."""
    here = inode(s, container, path)
    return If(links_break(s, container, here), new(s, i), i == here)


def one_inode(s, c, p, q):
    return And(seen(s, c, p), seen(s, c, q), inode(s, c, p) == inode(s, c, q))


def content(s, c, p):
    return attribute(s, "content")(c, inode(s, c, p))


def has_a_part(s, c, p):
    return Or(below(s, c, p), merged(s, c, p))


SEES = r"the (container) sees "
LEXICON = {
    SEES + r"something at the (path|target)": seen,
    SEES + r"nothing at the (path|target)": lambda s, c, p: Not(seen(s, c, p)),
    SEES + r"a directory at the (path|target)": lambda s, c, p: at(s, c, p, DIRECTORY),
    SEES + r"no directory at the (path)": lambda s, c, p: Not(at(s, c, p, DIRECTORY)),
    SEES + r"something else than a directory at the (path|target)": lambda s, c, p: And(
        seen(s, c, p), Not(at(s, c, p, DIRECTORY))),
    SEES + r"something else than a symlink at the (path)": lambda s, c, p: And(
        seen(s, c, p), Not(at(s, c, p, SYMLINK))),
    SEES + r"a symlink at the (path)": lambda s, c, p: at(s, c, p, SYMLINK),
    SEES + r"no symlink at the (path)": lambda s, c, p: Not(at(s, c, p, SYMLINK)),
    SEES + r"a FIFO at the (path)": lambda s, c, p: at(s, c, p, FIFO),
    SEES + r"no FIFO at the (path)": lambda s, c, p: Not(at(s, c, p, FIFO)),
    SEES + r"something under the (path|target)": lambda s, c, p: exists(PATH, lambda x: And(
        strictly_under(s, x, p), seen(s, c, x))),
    SEES + r"a directory for the (path|target) to be in": lambda s, c, p: at(s, c, s.parent(p), DIRECTORY),
    SEES + r"no directory for the (path|target) to be in": lambda s, c, p: Not(at(s, c, s.parent(p), DIRECTORY)),
    SEES + r"another directory at the (target) than at the (path)": lambda s, c, q, p: And(
        at(s, c, q, DIRECTORY), inode(s, c, p) != inode(s, c, q)),
    SEES + r"one inode at the (path) and at the (target)": one_inode,
    r"on the way to the (path|target) the (container) sees something that is neither a directory nor a symlink":
        in_the_way,
    r"the (path|target) is the root": lambda s, p: p == s.root,
    r"the (path|target) is not the root": lambda s, p: p != s.root,
    r"the (path) is the (target)": lambda s, p, q: p == q,
    r"the (target) is not the (path)": lambda s, q, p: p != q,
    r"the (path|target) is under the (path|target)": strictly_under,
    r"the (target) is not under the (path)": lambda s, q, p: Not(strictly_under(s, q, p)),
    r"the (inode) is new": new,
    r"the (inode) is the one that the (container) sees there or \(if copy-up breaks that one's hard links where hard "
    r"links do not survive copy-up \[not index\]\) a new one": lambda s, i, c: own(s, i, c, PATH.constant("?path")),
    r"copy-up does not break that inode's hard links \(it is copied up or has none or hard links survive copy-up "
    r"\[index\]\)": lambda s: Not(links_break(s, CONTAINER.constant("?container"), inode(
        s, CONTAINER.constant("?container"), PATH.constant("?path")))),
    r"the (container) does not see one inode at the (path) and at the (target)": lambda s, c, p, q: Not(
        one_inode(s, c, p, q)),
    r"copy-up breaks that inode's hard links \(it is not copied up and has some and hard links do not survive copy-up "
    r"\[not index\]\)": lambda s: links_break(s, CONTAINER.constant("?container"), inode(
        s, CONTAINER.constant("?container"), PATH.constant("?path"))),
    r"the (content) is that of the (path)'s file and more": lambda s, k, p: And(
        s.starts(content(s, CONTAINER.constant("?container"), p), k),
        content(s, CONTAINER.constant("?container"), p) != k),
    r"the (content) is a beginning of that of the (path)'s file": lambda s, k, p: s.starts(
        k, content(s, CONTAINER.constant("?container"), p)),
    r"the (content) is not empty": lambda s, k: k != s.empty,
    r"the (time) is not that of the operation": lambda s, t: t != s.now,
    r"the (value) is one": lambda s, v: v != s.unset,
    r"what the (container) sees at the (path) has no value under the (key)": lambda s, c, p, x: attribute(
        s, "xattr")(c, inode(s, c, p), x) == s.unset,
    r"the image has a part in the (container)'s directory at the (path)": lambda s, c, p: And(
        at(s, c, p, DIRECTORY), has_a_part(s, c, p)),
    r"the image has no part in the (container)'s directory at the (path)": lambda s, c, p: Not(has_a_part(s, c, p)),
    r"whatever the (container) sees or has a whiteout of under the (path) has a place under the (target)":
        lambda s, c, p, q: forall(PATH, lambda x: Implies(
            And(s.under(p, x), Or(seen(s, c, x), s.whiteout(c, x))), s.fits(p, q, x))),
}
READER = Reader(UNION, LEXICON)


@pytest.mark.parametrize("name", [r.name for r in UNION.rules])
def test_a_phrase_says_what_the_condition_says(name):
    assert [] == complaints(READER, UNION.rule_by_name[name])


@pytest.mark.parametrize(("name", "refusal", "says", "complaint"), [
    ("rename-directory", "EXDEV", "the image has a part in the container's directory at the path, and the target is "
     "not the path", "does not speak of redirect_dir"),
    ("rmdir", "ENOTEMPTY", "there is a name in the directory", "does not speak of the container"),
    ("link", "EEXIST", "the container sees something at the path", "does not speak of the target"),
    ("link", "EPERM", "the container sees nothing at the path", "is not what the condition says"),
    ("list", "ENOTDIR", "the container sees something else than a directory at the path", "is not what the condition"),
    ("rename", "ENOTDIR", "the container sees a directory for the path to be in, and on the way to the target the "
     "container sees something that is neither a directory nor a symlink", "is not what the condition says"),
    ("chmod", "ENOENT", "the container sees nothing at the path", "is not what the condition says"),
])
def test_a_phrase_that_says_something_else_is_found(name, refusal, says, complaint):
    right = UNION.rule_by_name[name]

    def body(s, *arguments):
        effect = right.body(s, *arguments)
        return replace(effect, refusals=tuple(
            replace(r, says=says) if r.name == refusal else r for r in effect.refusals))

    assert any(complaint in one for one in complaints(READER, replace(right, body=body)))


@pytest.mark.parametrize("name", [r.name for r in UNION.rules])
def test_a_rule_is_of_the_kind_that_it_says(name):
    rule = UNION.rule_by_name[name]
    updates = rule.step(UNION.state).effect.updates
    assert (rule.kind is RuleKind.LOOKS) == (not updates)
    assert ("kind" in updates) or rule.kind is not RuleKind.MAKES
    assert ("redirected" in updates) or rule.kind is not RuleKind.TAKES
    assert not rule.sweeps
