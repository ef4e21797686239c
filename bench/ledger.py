"""The README's figures from the committed ledger: python -m bench.ledger.

The ledger itself: metainfl bench --out bench/results/ledger (resumable; about ten minutes on two cores).
"""

import sys
from pathlib import Path

from bench.names import told
from metainfl.ledger.every import every_question
from metainfl.ledger.run import cells_of
from metainfl.ledger.store import Store
from metainfl.report.figures import draw

HERE = Path(__file__).parent
SHOWN = ("parts", "baselines")


def main():
    """Draw the figures that the README shows; 1 if the committed ledger lacks a cell."""
    store, missing = Store(HERE / "results" / "ledger"), 0
    for name in SHOWN:
        question = every_question()[name]
        cells = [c for _, c in cells_of([question], quick=False)]
        rows = store.of(cells)
        missing += len(cells) - len(rows)
        path = draw(question.name, question.draw, rows, HERE / "figures" / "ledger")
        print(f"{name}: {len(rows)} of {len(cells)} cells, {path}")
    return 1 if missing else 0


if __name__ == "__main__":
    told(__doc__)
    sys.exit(main())
