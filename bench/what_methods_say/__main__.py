"""python -m bench.what_methods_say: see the package."""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import torch

from bench.what_methods_say import figure
from bench.what_methods_say.measure import Draw
from bench.what_methods_say.settings import SETTINGS
from bench.what_methods_say.summary import shown, table
from metainfl.ledger.store import Store
from metainfl.report.environment import environment

RESULTS = Path(__file__).parents[1] / "results"
FIGURES = Path(__file__).parents[1] / "figures"


def main() -> None:
    """Measure what is missing, write the table, draw the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.what_methods_say")
    parser.add_argument("--size", choices=("small", "paper"), default="small")
    parser.add_argument("--settings", nargs="*", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after these")
    parser.add_argument("--show", action="store_true", help="from the cells that there are")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    store, until = Store(RESULTS / "what_methods_say"), time.monotonic() + 60 * args.minutes
    left = 0
    if not args.show:
        draws = [
            Draw(SETTINGS[name], seed, args.size)
            for name in args.settings
            for seed in range(SETTINGS[name].seeds[args.size])
        ]
        for draw in sorted(draws, key=lambda d: d.seed):  # every setting once before any twice
            for cell, compute in draw.cells():
                if store.has(cell):
                    continue
                if time.monotonic() > until:
                    left += 1
                    continue
                started = time.monotonic()
                store.add(cell, compute(), time.monotonic() - started)
    rows = [{**r["cell"], **r["result"]} for r in store.rows.values()]
    found = {"settings": table(rows), "environment": environment()}
    (RESULTS / "what_methods_say.json").write_text(json.dumps(found, indent=1) + "\n")
    print(shown(found["settings"]))
    figure.draw_all(found["settings"], rows, FIGURES)
    print(f"{left} cells left" if left else "all cells done")


if __name__ == "__main__":
    main()
