from __future__ import annotations

import copy
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layermodel.store.graph import dependency_graph, missing, sharing, unreachable
from layermodel.store.view import ContainerRow, ImageRow, LayerRow, LeaseRow, StoreView
from layerproof.machines.store.draw import (
    ABSENT,
    Change,
    difference,
    dot,
    from_json,
    label,
    mermaid,
    table,
    text_graph,
    to_json,
)
from views import damaged_views, store_views

ANY_VIEW = store_views() | damaged_views() | store_views(odd_names=True)

BEFORE = StoreView(
    {"layer-0": LayerRow((), 1200, "content-1"), "layer-1": LayerRow(("layer-0",), 30, "content-2"),
     "layer-2": LayerRow((), 5, "content-3"), "layer-3": LayerRow((), 6, "content-4")},
    {"image-0": ImageRow(("layer-0",), 1200, frozenset({"tag-0", "digest-2"}), frozenset()),
     "image-1": ImageRow(("layer-0", "layer-1"), 1230, frozenset(), frozenset({"image-0"}))},
    {"container-0": ContainerRow("image-0", ("layer-0",), "running", frozenset({"name-0"}), 12, "content-2"),
     "container-1": ContainerRow("image-9", ("layer-9",), "exited", frozenset(), 0, "nothing")},
    {"lease-0": LeaseRow(frozenset({"layer-2"}), frozenset({"image-0"}))}, 1241)
AFTER = StoreView(
    {name: row for name, row in BEFORE.layers.items() if name != "layer-1"},
    {"image-0": replace(BEFORE.images["image-0"], references=frozenset({"tag-0", "tag-1"}))},
    {"container-0": replace(BEFORE.containers["container-0"], status="exited", names=frozenset())},
    BEFORE.leases, 1211)


# Text.


def test_the_text_graph_shows_what_keeps_an_image_above_its_layers():
    expected = """\
2 images, 4 layers, 2 containers, 1 lease; usage 1,241 B

image-0  1,200 B
├── digest digest-2
├── tag tag-0
├── container container-0 called name-0, running, SizeRw 12 B
├── lease lease-0
└── layers, top first
    └── layer-0  1,200 B, shared with image-1

image-1  1,230 B, dangling
├── made from image-0
└── layers, top first
    ├── layer-1  30 B
    └── layer-0  1,200 B, shared with image-0

image-9  NOT PRESENT
├── container container-1, exited, SizeRw 0 B
└── layers, top first
    └── layer-9  NOT PRESENT

layers of no image
├── layer-2  5 B, held by lease-0
└── layer-3  6 B, reached by nothing"""
    assert expected == text_graph(BEFORE, width=100)


@settings(deadline=None)
@given(store_views() | damaged_views())
def test_the_text_graph_has_every_object_and_marks_what_is_absent_shared_or_unreached(view):
    text = text_graph(view, width=400)
    assert all(re.search(rf"\b{name}\b", text) for name in dependency_graph(view))
    absent = set(re.findall(rf"(\S+)  {ABSENT}", text))
    assert set(missing(view)) == absent
    shared = set(re.findall(r"(\S+)  [\d,]+ B, shared", text))
    assert {m for m, images in sharing(view).items() if len(images) > 1} <= shared
    assert unreachable(view) == set(re.findall(r"(\S+)  [\d,]+ B, reached by nothing", text))


@settings(deadline=None)
@given(ANY_VIEW)
def test_text_is_printable_and_keeps_to_the_width(view):
    for text in (text_graph(view, width=100), table(view, width=100), table(view, view, width=100)):
        lines = text.split("\n")
        assert all(line.isprintable() for line in lines)
        assert max(map(len, lines)) <= 100


def test_a_label_cuts_digests_short_and_escapes_what_cannot_be_printed():
    digest = "0123456789ab" + "c" * 52
    for name, expected in ((f"sha256:{digest}", "sha256:0123456789ab"), (digest, "0123456789ab"),
                           (f"sha512:{digest}{'d' * 64}", "sha512:0123456789ab"),
                           (f"repo@sha256:{digest}", "repo@sha256:0123456789ab"),
                           ("a\n\ud800é", r"a\n\ud800é")):
        assert expected == label(name)


# Graphviz and Mermaid.

DOT_NODE = re.compile(r'  (n\d+) \[label="((?:[^"\\]|\\.)*)", shape=(\w+)(, style=dashed, color=red)?\];')
DOT_EDGE = re.compile(r'  (n\d+) -> (n\d+) \[tooltip="[^"\\]*"\];')
DOT_SHAPES = {"cds": "reference", "component": "container", "hexagon": "lease", "box": "image",
              "cylinder": "layer"}
MERMAID_NODE = re.compile(r'  (n\d+)(>|\(\[|\{\{|\[\(|\[)"([^"]*)"(\]|\]\)|\}\}|\)\])')
MERMAID_EDGE = re.compile(r"  (n\d+) --> (n\d+)")
MERMAID_SHAPES = {">": "reference", "([": "container", "{{": "lease", "[": "image", "[(": "layer"}


def shown(view):
    """The graph as a picture ought to show it: nodes by their labels."""
    graph = dependency_graph(view)
    nodes = {label(n): (d["kind"], d["present"]) for n, d in graph.nodes(data=True)}
    return nodes, {(label(a), label(b)) for a, b in graph.edges}


def read_dot(text):
    first, second, *lines, last = text.splitlines()
    assert (first, second, last) == ("digraph store {", "  rankdir=LR;", "}")
    names, nodes, edges = {}, {}, set()
    for line in lines:
        if found := DOT_NODE.fullmatch(line):
            name = html.unescape(re.sub(r"\\(.)", r"\1", found[2].split(r"\n")[0]))
            names[found[1]], nodes[name] = name, (DOT_SHAPES[found[3]], found[4] is None)
        else:
            source, target = DOT_EDGE.fullmatch(line).groups()
            edges.add((names[source], names[target]))
    return nodes, edges


def read_mermaid(text):
    first, *lines = text.splitlines()
    assert first == "flowchart LR"
    names, kinds, edges, absent = {}, {}, set(), set()
    for line in lines:
        if found := MERMAID_NODE.fullmatch(line):
            name = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), found[3].split("<br/>")[0])
            names[found[1]], kinds[name] = name, MERMAID_SHAPES[found[2]]
        elif found := MERMAID_EDGE.fullmatch(line):
            edges.add((names[found[1]], names[found[2]]))
        elif found := re.fullmatch(r"  class ([n\d,]+) absent", line):
            absent = {names[n] for n in found[1].split(",")}
        else:
            assert line == "  classDef absent stroke:#c00,stroke-dasharray:5 5"
    return {name: (kind, name not in absent) for name, kind in kinds.items()}, edges


@given(store_views() | damaged_views())
def test_dot_reads_back_as_the_graph(view):
    assert shown(view) == read_dot(dot(view))


@given(store_views() | damaged_views())
def test_mermaid_reads_back_as_the_graph(view):
    assert shown(view) == read_mermaid(mermaid(view))


@pytest.mark.parametrize("name", [
    'a"b', "a\\", 'a\\"', "a&lt;b", "a&b;", "<b>", "a]b", "#35;", "`a`", "%%{init}%%", "a\nb", "{{x}}", "{}",
])
def test_labels_are_escaped(name):
    view = StoreView({}, {name: ImageRow((), 0, frozenset(), frozenset())}, {}, {}, 0)
    assert shown(view) == read_mermaid(mermaid(view))
    if r"\n" not in label(name):
        assert shown(view) == read_dot(dot(view))
    in_mermaid = MERMAID_NODE.fullmatch(mermaid(view).splitlines()[1])[3].removesuffix("<br/>0 B")
    assert not set("`\\<>%&{}[]\"") & set(in_mermaid)


@given(store_views(odd_names=True))
def test_pictures_of_odd_names_have_the_graphs_shape(view):
    graph = dependency_graph(view)
    lines = dot(view).splitlines()
    assert len(graph) == sum(DOT_NODE.fullmatch(line) is not None for line in lines)
    assert len(graph.edges) == sum(DOT_EDGE.fullmatch(line) is not None for line in lines)
    assert len(graph) + len(graph.edges) + 3 == len(lines)
    lines = mermaid(view).splitlines()
    assert len(graph) == sum(MERMAID_NODE.fullmatch(line) is not None for line in lines)
    assert len(graph.edges) == sum(MERMAID_EDGE.fullmatch(line) is not None for line in lines)


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
@settings(max_examples=20, deadline=None)
@given(store_views(odd_names=True))
def test_graphviz_accepts_dot(view):
    subprocess.run(["dot", "-Tcanon"], input=dot(view).encode(), check=True, capture_output=True)


# Tables.


def test_the_table_puts_before_and_after_side_by_side():
    expected = """\
     object        before                                   after
 ──────────────────────────────────────────────────────────────────────────────────────────────────
     image-0       1,200 B; layers layer-0                  1,200 B; layers layer-0
 -   image-1       1,230 B; layers layer-0 layer-1; made
                   from image-0

 *   container-0   *running; from image-0; *called          *exited; from image-0; *called nothing;
                   name-0; SizeRw 12 B; upper content-2     SizeRw 12 B; upper content-2
 -   container-1   exited; from image-9; SizeRw 0 B;
                   upper nothing

 -   digest-2      names image-0
     tag-0         names image-0                            names image-0
 +   tag-1                                                  names image-0

     layer-0       1,200 B; files content-1                 1,200 B; files content-1
 -   layer-1       30 B; on layer-0; files content-2
     layer-2       5 B; files content-3                     5 B; files content-3
     layer-3       6 B; files content-4                     6 B; files content-4

     lease-0       holds layer-2; holds image-0             holds layer-2; holds image-0

 *   usage         *1,241 B                                 *1,211 B"""
    assert expected == table(BEFORE, AFTER, width=100)


def test_the_table_has_the_repositories_that_names_do_not_tell():
    told = table(replace(BEFORE, repositories={"tag-0": "repository-1"}))
    assert re.search(r"^ tag-0 +names image-0; in repository-1$", told, re.MULTILINE)


def test_a_difference_says_which_fields_changed():
    expected = [
        Change("image", "image-1", "-", ("size", "layers", "ancestors")),
        Change("container", "container-0", "*", ("status", "names")),
        Change("container", "container-1", "-", ("status", "image", "layers", "names", "size_rw", "upper")),
        Change("reference", "digest-2", "-", ("images", "repository")),
        Change("reference", "tag-1", "+", ("images", "repository")),
        Change("layer", "layer-1", "-", ("size", "beneath", "files")),
        Change("usage", "usage", "*", ("bytes",)),
    ]
    assert expected == difference(BEFORE, AFTER)


VIEW_PAIRS = st.one_of(
    st.tuples(store_views(), store_views()),
    store_views().flatmap(lambda v: st.tuples(st.just(v), st.just(v))),
    store_views().flatmap(lambda v: st.tuples(
        st.just(v), st.integers(0, 9).map(lambda n: replace(v, usage=n, containers={})))))


@given(VIEW_PAIRS)
def test_stores_differ_just_if_they_are_not_equal(pair):
    before, after = pair
    assert (before != after) == bool(difference(before, after))


@given(VIEW_PAIRS)
def test_a_difference_the_other_way_round_swaps_the_marks(pair):
    before, after = pair
    swapped = [replace(c, mark={"+": "-", "-": "+", "*": "*"}[c.mark]) for c in difference(before, after)]
    assert swapped == difference(after, before)


def rows_of(text):
    """Mark, object, and the two cells of the rows of a table wide enough that none is broken."""
    lines = [line for line in text.splitlines()[2:] if line.strip()]
    columns = [text.splitlines()[0].index(title) for title in ("object", "before", "after")]
    return [(line[:columns[0]].strip(), *(line[a:b].strip() for a, b in nx.utils.pairwise([*columns, None])))
            for line in lines]


@settings(deadline=None)
@given(VIEW_PAIRS)
def test_the_table_marks_exactly_the_differences(pair):
    before, after = pair
    rows = rows_of(table(before, after, width=600))
    expected = [(c.mark, c.name) for c in difference(before, after)]
    assert expected == [(mark, name) for mark, name, _, _ in rows if mark]
    marked_fields = {c.name: len(c.fields) for c in difference(before, after) if c.mark == "*"}
    for mark, name, old, new in rows:
        assert [marked_fields.get(name, 0)] * 2 == [old.count("*"), new.count("*")]
        assert (mark == "+", mark == "-") == (not old, not new)
        assert mark or old == new
    names = {name for _, name, _, _ in rows}
    references = {r for v in pair for row in v.images.values() for r in row.references}
    objects = {n for v in pair for part in (v.images, v.layers, v.containers, v.leases) for n in part}
    assert objects | references | {"usage"} == names


@given(store_views())
def test_the_table_of_one_store_has_no_marks(view):
    assert "*" not in table(view)
    assert re.match(r" object +store$", table(view).splitlines()[0])


# JSON.


@settings(deadline=None)
@given(ANY_VIEW)
def test_json_round_trip(view):
    data = json.loads(json.dumps(to_json(view)))
    assert view == from_json(data)
    assert data == to_json(from_json(data))


def test_a_store_need_not_tell_the_repositories_that_names_tell():
    data = to_json(BEFORE)
    del data["repositories"]
    assert BEFORE == from_json(data)


def changed(path, value):
    """The JSON of a store with one value replaced, or taken away."""
    data = copy.deepcopy(to_json(BEFORE))
    *way, last = path
    inner = data
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return data


IMAGE, CONTAINER = ("images", "image-0"), ("containers", "container-0")


@pytest.mark.parametrize(("data", "sentence"), [
    ([], "the store must be an object, not []"),
    ({}, "the store lacks the key 'containers'"),
    (changed(["usage"], None), "the store lacks the key 'usage'"),
    (changed(["extra"], 1), "the store has an unknown key: 'extra'"),
    (changed(["usage"], "7"), "usage must be a whole number, not '7'"),
    (changed(["usage"], 7.0), "usage must be a whole number, not 7.0"),
    (changed(["usage"], True), "usage must be a whole number, not True"),
    (changed(["images"], []), "images must be an object, not []"),
    (changed(["images"], {1: {}}), "a key in images must be a string, not 1"),
    (changed(IMAGE, 3), "images['image-0'] must be an object, not 3"),
    (changed([*IMAGE, "size"], None), "images['image-0'] lacks the key 'size'"),
    (changed([*IMAGE, "parent"], "x"), "images['image-0'] has an unknown key: 'parent'"),
    (changed([*IMAGE, "layers"], "layer-0"), "images['image-0'].layers must be a list, not 'layer-0'"),
    (changed([*IMAGE, "layers"], ["layer-0", 1]), "images['image-0'].layers[1] must be a string, not 1"),
    (changed([*IMAGE, "references"], ["t", "t"]), "images['image-0'].references[1] repeats 't'"),
    (changed([*CONTAINER, "status"], "dead"), "containers['container-0'].status must be one of created, "
     "running, paused, exited, not 'dead'"),
    (changed([*CONTAINER, "image"], "layer-0"),
     "the name 'layer-0' stands for things of two kinds: image and layer"),
    (changed(["repositories"], []), "repositories must be an object, not []"),
    (changed(["repositories"], {"tag-0": 1}), "repositories['tag-0'] must be a string, not 1"),
    (changed(["repositories"], {"tag-9": "x"}), "repositories['tag-9'] is of a reference that names no image"),
    (changed(["layers", "layer-0", "beneath"], ["layer-1"]),
     "the layer 'layer-0' lies on nothing in one place and on 'layer-1' in another"),
])
def test_malformed_json_is_refused_in_one_sentence(data, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        from_json(data)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@settings(deadline=None)
@given(store_views(), st.data())
def test_any_other_json_is_a_value_error_or_a_store(view, data):
    malformed = to_json(view)
    part = data.draw(st.sampled_from(sorted(malformed)))
    if part not in ("usage", "repositories") and malformed[part]:
        name = data.draw(st.sampled_from(sorted(malformed[part])))
        field = data.draw(st.sampled_from(sorted(malformed[part][name])))
        malformed[part][name][field] = data.draw(JSON)
    else:
        malformed[part] = data.draw(JSON)
    try:
        read = to_json(from_json(malformed))
    except ValueError as error:
        sentence = str(error)
    else:
        sentence = ""
        assert read == to_json(from_json(read))
    assert sentence.isprintable()


def test_a_long_name_is_folded_only_where_there_is_no_room():
    name = "registry.example.com/a/longer/name:1"
    view = replace(BEFORE, images={i: replace(row, references=frozenset({name}) if "tag-0" in row.references
                                              else row.references) for i, row in BEFORE.images.items()})
    assert name in table(view, width=100)
    assert name not in table(view, width=60)
    assert max(map(len, table(view, width=60).split("\n"))) <= 60
