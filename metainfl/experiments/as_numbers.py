"""The intervals that a text tells, as numbers: what result.json has beside its words.

`MNIST: difference 0.011 +- 0.0079 (5 seeds)` is {"of": "MNIST: difference", "value": 0.011, "low": 0.0031,
"high": 0.0189, "n": 5}: the mean, the ends of its 95 % interval, and the seeds, rounded as they are told; low
and high are None where one seed tells no interval. The cells beside it hold every digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?"
#: `str` of a metainfl.metrics.intervals.Interval
TOLD = re.compile(rf"(?P<mean>{NUMBER}) \+- (?P<half>{NUMBER}|unknown) \((?P<n>\d+) seeds\)")
BETWEEN = " ;,."


def intervals(text: str) -> list[dict[str, Any]]:
    """Those that stand in the text, in its order, each with the words before it; empty where none does."""
    found, end = [], 0
    for told in TOLD.finditer(text):
        found.append({"of": text[end : told.start()].strip(BETWEEN), **_numbers(told)})
        end = told.end()
    return found


def rows(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table with numbers, without `of`, in place of cells that are an interval."""
    return [{k: _cell(v) for k, v in row.items()} for row in table]


def _cell(value: Any) -> Any:
    told = TOLD.fullmatch(value) if isinstance(value, str) else None
    return value if told is None else _numbers(told)


def _numbers(told: re.Match[str]) -> dict[str, Any]:
    mean, n = float(told["mean"]), int(told["n"])
    if told["half"] == "unknown":
        return {"value": mean, "low": None, "high": None, "n": n}
    half = float(told["half"])
    low, high = (float(f"{end:.12g}") for end in (mean - half, mean + half))
    return {"value": mean, "low": low, "high": high, "n": n}
