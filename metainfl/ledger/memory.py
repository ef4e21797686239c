"""Peak memory of a piece of work, in a process of its own.

On Linux the high-water mark of resident memory is reset first, so that importing does not count.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path


def growth(work: Callable[[], object]) -> float:
    """MiB by which resident memory rose above where it stood, at its highest while `work` ran."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():  # no way to reset: growth beyond the highest mark so far
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    reset.write_text("5")
    standing = _field(status, "VmRSS")
    work()
    return max(0.0, (_field(status, "VmHWM") - standing) / 1024)


def _field(status: Path, name: str) -> float:
    """One line of /proc/self/status, in KiB."""
    line = next(x for x in status.read_text().splitlines() if x.startswith(name))
    return float(line.split()[1])
