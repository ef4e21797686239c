"""How long a cell takes, relative to others: what a progress bar counts by.

Seconds on one core, the mean over the committed run (bench/results/ledger). Only their ratios matter, so
a faster machine changes nothing; a cell that is missing here counts one second.
"""

from __future__ import annotations

from typing import Any

SECONDS: dict[str, float | dict[str, float]] = {
    "baselines": {"maml_softmax": 0.8, "prototypes": 0.9, "proximal_softmax": 1.8},
    "conditioning": 0.24,
    "cost": 2.7,
    "damping": 0.1,
    "fit": 0.1,
    "freezing": 3.6,
    "groups": {"proximal_softmax": 5.3, "maml_softmax": 0.5},
    "inner-steps": {"proximal_softmax": 0.8},
    "neumann": {"proximal_softmax": 26.0, "proximal_ridge": 1.1, "single_softmax": 0.7},
    "parts": {
        "digits": 2.0,
        "proximal_softmax": 1.5,
        "maml_softmax": 0.3,
        "prototypes": 0.3,
        "proximal_ridge": 0.24,
    },
    "precision": {"proximal_softmax": 0.4},
    "sizes": 0.04,
    "stationarity": {"proximal_softmax": 0.3},
}
SMALL = 0.1  # a family that is not listed


def cost(question: str, cell: dict[str, Any]) -> float:
    """Relative cost of one cell, in seconds of the committed run."""
    known = SECONDS.get(question, 1.0)
    if isinstance(known, dict):
        return known.get(str(cell.get("family")), SMALL)
    return known
