"""The removal of what killed runs left on a Docker Engine that is shared with others."""

from __future__ import annotations

from layerproof.engines.docker.engine import DockerEngine
from layerproof.engines.docker.leftovers import left_behind
from layerproof.engines.registry import Cleaned
from layerproof.errors import WrongRequest


def cleanup(*, socket: str | None = None, timeout: float = 60.0) -> Cleaned:
    """Remove what runs left whose process is gone, and nothing else.

    Raises:
        WrongRequest: if no socket is said: a private engine is gone with all that was in it.
        EngineUnreachable: if the engine does not answer.
    """
    if socket is None:
        raise WrongRequest("--cleanup needs --socket: a private Docker Engine leaves nothing behind")
    done = Cleaned()
    with DockerEngine(socket=socket, timeout=timeout) as engine:
        for left in left_behind(engine.api):
            things, run = list(left.names()), left.mark.prefix.removesuffix("-")
            if not left.ended:
                why = "goes on" if left.ended is False else "may go on, on another machine or in a container"
                done.kept += [f"{thing}: the run {run} {why}" for thing in things]
                continue
            there = engine.remove_left(left)
            short = {one.removeprefix("sha256:")[:12] for one in there}
            for thing in things:
                if thing.split()[1] in short:
                    done.refused.append(f"{thing}: somebody else uses it")
                else:
                    done.removed.append(thing)
    return done
