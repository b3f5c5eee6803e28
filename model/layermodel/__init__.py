"""What a container store is: rules as Z3 terms, and the concrete data they speak of.

Nothing in this package knows how the rules are checked; that is :mod:`layerproof`.
"""
