"""What this process does with memory that was freed."""

from __future__ import annotations

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Their numbers in ``<malloc.h>`` of the GNU C library."""

_CHUNK = 1 << 25
"""Bytes: more than this the library takes for no threshold of what it maps by itself."""


def keep_freed_memory() -> None:
    """Have the C library keep what is freed for what is allocated next, where it is one that can be told so.

    Z3 makes a context for each obligation and frees it after. The GNU C library would give that memory back and
    have the kernel clear it anew for the next: a seventh of the processor time of a check.
    """
    import ctypes  # takes a while, and most commands have no need of it

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in ((_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, _CHUNK), (_MMAP_THRESHOLD, _CHUNK)):
            mallopt(parameter, value)
