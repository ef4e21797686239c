"""JSON as the standard has it. Numbers that it lacks are the words "Infinity", "-Infinity" and "NaN".

`float` and JavaScript's `Number` read these words as the numbers that they name, and so does
`from_json`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from metainfl.whole_file import whole_file

WORDS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def as_json(value: Any, **layout: Any) -> str:
    """One JSON value."""
    return json.dumps(_worded(value), allow_nan=False, **layout)


def write_json(path: Path, value: Any) -> None:
    """A file of one indented JSON value: the new one or the old one, never half of one, where that can be."""
    text = as_json(value, indent=1) + "\n"
    if path.exists() and not path.is_file():  # a pipe or a device: it cannot be replaced
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()  # what a link points at, not the link
    try:
        with whole_file(path) as half:
            half.write_text(text, encoding="utf-8")
    except PermissionError:  # a file that may be written, in a folder that may not
        path.write_text(text, encoding="utf-8")


def from_json(written: str | bytes) -> Any:
    """What `as_json` wrote, with the numbers for the words. Raises ValueError."""
    return _numbers(json.loads(written))


def _worded(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {_worded(k): _worded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_worded(v) for v in value]
    return value


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        return WORDS.get(value, value)
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return value
