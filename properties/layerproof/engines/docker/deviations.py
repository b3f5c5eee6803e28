"""Where Docker Engine is known to depart from the laws."""

from __future__ import annotations

from layerproof.runs.finding import Deviation

_FORCED = ("forced removal takes away an image that a stopped container uses; the container stays, its image does "
           "not")
_MEASURED = "measured: docker-20.10 (rmi --force with a created or exited container)"

DEVIATIONS = (
    Deviation("docker-force-stopped", "docker", "20.10", ("DEP-1",), _FORCED, _MEASURED, rules=("remove-by-id",)),
    Deviation("docker-force-stopped-tag", "docker", "20.10", ("DEP-1",), _FORCED, _MEASURED,
              rules=("remove-by-tag",)),
    Deviation(
        "docker-prune-untags", "docker", "20.10", ("OP-3",),
        "prune --all takes tags from images that it does not remove: one that a container uses keeps only its "
        "last tag, and one that another image was made from loses its tags",
        "moby PR#45839, PR#48076; measured: docker-20.10", rules=("prune-all",)),
)
