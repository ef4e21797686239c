"""python -m bench.estimators: see the package."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from bench.estimators import games, instances, minimisers, runs, shown, survey, trees
from bench.estimators.measure import measured
from metainfl.methods.catalogue import ENTRIES
from metainfl.report.environment import environment

RESULT = Path(__file__).parents[1] / "results" / "estimators.json"
TRIALS = {
    **minimisers.TRIALS, **instances.TRIALS, **runs.TRIALS, **games.TRIALS, **trees.TRIALS
}  # fmt: skip


def main() -> int:
    """Measure, keep each row as it comes, print the table; 1 if an estimator refused."""
    parser = argparse.ArgumentParser(prog="python -m bench.estimators", description=__doc__)
    parser.add_argument("--show", action="store_true", help="from the committed JSON")
    parser.add_argument(
        "--again", nargs="*", default=[], help="names whose rows are measured anew; 'all'"
    )
    parser.add_argument(
        "--accuracy", action="store_true", help="errors and ranks anew, costs as they are"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {"rows": []}
    if "all" in args.again:
        known = {"rows": []}
    of = {r["name"]: r for r in known["rows"] if r["name"] not in args.again}
    wide = known.get("survey") or survey.measured()
    for i, entry in enumerate(ENTRIES, 1):
        if args.show or (entry.name in of and not args.accuracy):
            continue
        trial = TRIALS[entry.place.rpartition(".")[2]]
        of[entry.name] = measured(entry, trial, of.get(entry.name))
        print(f"{i} of {len(ENTRIES)}: {entry.name}", flush=True)
        rows = [of[e.name] for e in ENTRIES if e.name in of]
        kept = {"rows": rows, "survey": wide, "environment": environment()}
        RESULT.write_text(json.dumps(kept, indent=1) + "\n")
    rows = [of[e.name] for e in ENTRIES if e.name in of]
    first, second = shown.table(rows), shown.against_survey(rows, wide)
    print(f"{first}\n\n{shown.WORDS}\n{second}")
    RESULT.with_suffix(".md").write_text(f"{first}\n\n```text\n{shown.WORDS}```\n\n{second}\n")
    refused = [r for r in rows if "refused" in r]
    for r in refused:
        print(f"{r['name']}: {r['refused']}")
    return bool(refused)


if __name__ == "__main__":
    raise SystemExit(main())
