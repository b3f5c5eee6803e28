"""Write images.tar as `docker save base:1 app:1` would: two images, the second made from the first."""

from pathlib import Path

from layermodel.formats.content import ArchiveEntry, ImageSpec, archive

BASE = ImageSpec(({"bin/sh": b"#" * 7200},), "base")
APP = ImageSpec((*BASE.layers, {"app": b"#" * 900}), "app")


def images() -> bytes:
    """The archive, the same bytes each time."""
    return archive([ArchiveEntry(BASE, ("base:1",)), ArchiveEntry(APP, ("app:1",), BASE.image_id)])


if __name__ == "__main__":
    Path(__file__).with_name("images.tar").write_bytes(images())
