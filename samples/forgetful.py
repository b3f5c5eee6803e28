"""A faulty engine: the engine in a folder, but a container that is stopped loses what was written in it."""

from layerproof import DirectoryEngine


class Forgetful(DirectoryEngine):
    """Loses what was written."""

    def stop(self, container: str) -> None:
        """Stop a container, and lose what was written in it."""
        super().stop(container)
        self.write(container, {})
