"""Sorts that several machines speak of."""

from layermodel.language.rules import Sort

LAYER = Sort("Layer", "a layer as its chain ID names it")
CONTAINER = Sort("Container", "a container")
