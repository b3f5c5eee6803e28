"""Stores drawn as SVG: whatever is there is in the drawing, and what differs is said in it, in words."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from layermodel.store.graph import dependency_graph
from layermodel.store.view import ImageRow, LayerRow, StoreView, store_view
from layerproof.machines.store.draw import difference, label
from layerproof.machines.store.figure import figures
from small import TWO, steps, store
from views import store_views

SVG = "{http://www.w3.org/2000/svg}"
EMPTY = StoreView({}, {}, {}, {}, 0)


def drawn(text):
    """Each box by its first line: its other lines, and how thick its border is; and what edges say."""
    root = ElementTree.fromstring(text)
    boxes, edges = {}, []
    for group in root.findall(f"{SVG}g"):
        box, said = group.find(f"{SVG}rect"), group.find(f"{SVG}title").text
        if box is None:
            edges.append((said, group.get("stroke-width")))
        else:
            name, *others = said.split("; ")
            boxes[name] = (others, box.get("stroke-width"), tuple(int(box.get(a)) for a in ("x", "y")))
    return boxes, edges


@pytest.mark.parametrize("seed", range(4))
def test_what_differs_is_marked_in_words_and_nothing_else_is(seed):
    ground = store(TWO)
    for _, before, rigid, _, _, outcome in steps(ground, 40, seed):
        views = [store_view(ground, state, rigid) for state in (before, before, outcome.state)]
        first, expected, observed = map(drawn, figures(views))
        assert not any("≠" in " ".join(lines) for lines, _, _ in first[0].values())
        for (boxes, _), one, other in ((expected, views[1], views[2]), (observed, views[2], views[1])):
            here = {label(name) for name in dependency_graph(one)}
            assert here <= boxes.keys()
            changed = {label(c.name) for c in difference(other, one)} & here
            assert changed == {name for name, (lines, _, _) in boxes.items()
                               if lines and lines[0].startswith("≠") and lines != ["≠ not here"]}
            gone = {label(name) for name in dependency_graph(other)} - here
            assert gone == {name for name, (lines, _, _) in boxes.items() if lines == ["≠ not here"]}
            assert changed == {name for name, (_, border, _) in boxes.items() if border == "3"}


@settings(max_examples=50, deadline=None)
@given(store_views(odd_names=True), store_views(odd_names=True))
def test_whatever_things_are_called_it_is_a_drawing_and_two_of_them_lie_alike(one, other):
    roots = [ElementTree.fromstring(text) for text in figures([one, other])]
    assert roots[0].get("viewBox") == roots[1].get("viewBox")
    _, _, wide, high = map(int, roots[0].get("viewBox").split())
    for root, view in zip(roots, (one, other), strict=True):
        boxes = [tuple(int(box.get(a)) for a in ("x", "y", "width", "height")) for box in root.iter(f"{SVG}rect")]
        assert len(boxes) >= len(dependency_graph(view))
        assert len(boxes) == len(set(boxes))
        assert all(x + w <= wide and y + h <= high for x, y, w, h in boxes)
        for group in root.findall(f"{SVG}g"):
            if (box := group.find(f"{SVG}rect")) is not None:
                top, low = int(box.get("y")), int(box.get("y")) + int(box.get("height"))
                assert all(top + 10 <= int(line.get("y")) <= low - 4 for line in group.findall(f"{SVG}text"))


def test_what_is_needed_is_below_what_needs_it():
    ground = store(TWO)
    for _, _, rigid, _, _, outcome in steps(ground, 60, 1):
        view = store_view(ground, outcome.state, rigid)
        boxes, edges = drawn(figures([view])[0])
        graph = dependency_graph(view)
        assert len(edges) == len(graph.edges)
        assert all(boxes[label(a)][2][1] < boxes[label(b)][2][1] for a, b in graph.edges)


def test_what_is_needed_and_gone_is_said_to_be():
    whole = StoreView({"layer-0": LayerRow((), 3, "content-1")}, {"image-0": ImageRow(("layer-0",), 3, frozenset(), frozenset())},
                      {}, {}, 3)
    boxes = drawn(figures([whole, replace(whole, layers={}, usage=0)])[1])[0]
    assert ["≠ NOT PRESENT"] == boxes["layer-0"][0]
    assert ["3 B"] == boxes["image-0"][0]
    alone = drawn(figures([replace(whole, layers={})])[0])[0]
    assert (["NOT PRESENT"], "1.5") == alone["layer-0"][:2]


def test_an_empty_store_says_so():
    root = ElementTree.fromstring(figures([EMPTY])[0])
    assert "nothing" in root.get("aria-label")
    assert "usage 0 B" in "".join(root.itertext())
