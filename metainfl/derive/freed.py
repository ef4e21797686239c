"""Memory that an operation frees, kept for the next one.

glibc gives blocks above 128 KiB back to the system as they are freed, and the next operation gets its own
page by page, zeroed, which is a large part of a product with small layers. It stops doing so up to the size
of the largest block it has seen freed, at most 32 MiB. One such block, never written to, is shown to it here;
what users set for their allocator (MALLOC_TRIM_THRESHOLD_, GLIBC_TUNABLES, another allocator) stays.
"""

from __future__ import annotations

from functools import cache

import torch

LARGEST = 2**25 - 2**16  # bytes: glibc's own bound of 32 MiB, less what it writes around a block


@cache
def kept_by_the_allocator() -> None:
    """Once a process: nothing but the time of what follows changes."""
    torch.empty(LARGEST, dtype=torch.uint8, device="cpu")
