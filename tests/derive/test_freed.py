"""What one operation frees is there for the next one: a matter of time alone, so counted in pages."""

import os
import subprocess
import sys

import pytest

COUNT = """
import resource, torch
from metainfl.derive.freed import kept_by_the_allocator
torch.set_num_threads(1)
def taken():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        held = [torch.zeros(2**17, dtype=torch.float64).add_(1) for _ in range(16)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
kept_by_the_allocator()
taken()
print(taken())
"""


@pytest.mark.skipif(
    "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}), reason="no glibc"
)
def test_pages_are_kept_between_operations():
    """Twenty times sixteen blocks of 1 MiB, freed together: 4,096 pages each time, or at most once."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", "LD_"))}
    done = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, timeout=300, env=own
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 2 * 4096
