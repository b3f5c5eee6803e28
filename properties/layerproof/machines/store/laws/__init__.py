"""The laws of the store machine: the catalogue that ``layerproof laws`` prints."""

from layerproof.laws.law import Catalogue
from layerproof.machines.store.laws import dependency, operations, read_only, sizes

STORE_LAWS = Catalogue(dependency.LAWS + read_only.LAWS + sizes.LAWS + operations.LAWS)
"""The laws of the store machine."""
