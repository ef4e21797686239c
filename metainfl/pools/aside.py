"""Files of a store that cannot be read: set aside under another name and told, and their work done again."""

from __future__ import annotations

import warnings
from itertools import count
from pathlib import Path

from metainfl.errors import SetAside


def set_aside(path: Path, why: object, again: str) -> None:
    """Rename `path` to NAME.aside (.aside1 where that is taken), and say so; `again` is what happens now."""
    every = (path.with_name(f"{path.name}.aside{n or ''}") for n in count())
    kept = next(p for p in every if not p.exists())
    path.replace(kept)
    words = str(why).strip().splitlines()
    warnings.warn(
        f"{path} cannot be read ({words[0][:200] if words else 'empty'}): set aside as {kept.name}; {again}",
        SetAside,
        stacklevel=2,
    )
