"""Results that a folder holds, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metainfl.errors import InvalidOption
from metainfl.experiments.registry import EXPERIMENTS
from metainfl.plain import from_json
from metainfl.pools.aside import set_aside
from metainfl.problem.files import place

Result = dict[str, Any]
KEYS = ("name", "place", "about", "size", "seeds", "claims", "tables")  # that the page reads


def results(out: str | Path) -> list[Result]:
    """All results that are in a folder, by name; a file that was cut is set aside, and told.

    Folders that are no experiment's are somebody else's: nothing in them is looked at.
    """
    places = sorted(place(out, "folder", InvalidOption).glob("*/result.json"))
    found = (_read(p) for p in places if p.parent.name.rpartition("-")[0] in EXPERIMENTS)
    return [r for r in found if r is not None]


def _read(path: Path) -> Result | None:
    try:
        result: Result = from_json(path.read_text())
        missing = [k for k in KEYS if k not in result]
        if not isinstance(result, dict) or missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        return result
    except (ValueError, TypeError) as error:
        name, _, size = path.parent.name.rpartition("-")
        again = f"metainfl reproduce {name} --size {size} makes it again from its cells"
        set_aside(path, error, again)
        return None
