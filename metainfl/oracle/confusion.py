"""Names given against names deserved: what a diagnosis said of each wrong method whose fault is known.

right      it said what is wrong
withheld   "no known variant", with facts that narrow it down, or no diagnosis (the check's own words name
           what a method does to its surroundings)
wrong      it named another fault
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN = "no known"


@dataclass(frozen=True)
class Confusion:
    """For each kind of outcome the wrong methods and what was said of them."""

    right: dict[str, str]
    withheld: dict[str, str]
    wrong: dict[str, str]

    @property
    def share(self) -> float:
        """Of the wrong methods with a name of their own, those that were given it."""
        n = len(self.right) + len(self.withheld) + len(self.wrong)
        return len(self.right) / n if n else 1.0

    def __str__(self) -> str:
        """`names: 120 right, 30 withheld, 0 wrong`."""
        return (
            f"names: {len(self.right)} right, {len(self.withheld)} withheld, {len(self.wrong)} wrong, of "
            f"{len(self.right) + len(self.withheld) + len(self.wrong)} wrong methods whose fault has a name"
        )


def confusion(said: Mapping[str, str], deserved: Mapping[str, str]) -> Confusion:
    """Of diagnoses by mutant, against regular expressions of the right names.

    A mutant that is not in `deserved` has no name in the vocabulary: saying nothing is right of it, and any
    name is wrong; it counts for wrong names only.
    """
    out = Confusion({}, {}, {})
    for name, words in said.items():
        unnamed = not words or words.startswith(UNKNOWN)
        if name in deserved and not unnamed and re.search(deserved[name], words):
            out.right[name] = words
        elif not unnamed:
            out.wrong[name] = words
        elif name in deserved:
            out.withheld[name] = words
    return out
