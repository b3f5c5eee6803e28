"""Freed memory stays where it is for what is allocated next."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
if sys.argv[1:]:
    from layerproof.process.heap import keep_freed_memory
    keep_freed_memory()

def taken():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [bytes(1 << 18) for _ in range(200)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

taken()
print(taken())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not told anything")
def test_the_kernel_need_not_give_it_again():
    usual, kept = (int(subprocess.run([sys.executable, "-c", FAULTS, *more], check=True, capture_output=True).stdout)
                   for more in ([], ["kept"]))
    assert usual > 1000
    assert kept < usual / 10
