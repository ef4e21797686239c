"""Error of estimators that read a game, against the number of values they ask for.

python -m bench.games          measure, write JSON, print the table
python -m bench.games --show   print from the committed JSON
One problem: ten regression tasks, proximal ridge, minus the loss of a task that is not among them; all
2^10 values are known, so that every estimator's own estimand is. Errors are relative to the spread of that
estimand over the players, root mean square over players and seeds.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from bench.known_game import N, enumerated, sampled, setting
from bench.names import told
from metainfl import games
from metainfl.report.environment import environment

RESULT = Path(__file__).parent / "results" / "games.json"
SEEDS = 40
BUDGETS = (64, 128, 256, 512)


def row(name, estimator, wanted, game, budget, seeds):
    """Error, stated error, coverage and calls at one budget."""
    stop = games.Stop(calls=budget)
    found = [estimator(game, stop=stop, seed=s) for s in range(seeds)]
    off = np.array([f.values - wanted.values for f in found])
    spread = wanted.values.std()
    inside = [(np.abs(f.values - wanted.values) <= f.interval()[1] - f.values) for f in found]
    return {
        "estimator": name,
        "budget": budget,
        "calls": float(np.mean([f.calls for f in found])),
        "error": float(np.sqrt(np.mean(off**2)) / spread),
        "bias": float(np.abs(off.mean(axis=0)).max() / spread),
        "stated": float(np.sqrt(np.mean([f.errors**2 for f in found])) / spread),
        "covered": float(np.mean(inside)),
        "rank": float(np.mean([spearmanr(f.values, wanted.values).statistic for f in found])),
    }


def measure(budgets=BUDGETS, seeds=SEEDS):
    """All rows."""
    game, problem, target = setting()
    rows = [
        row(name, estimator, wanted, game, budget, seeds)
        for name, (estimator, wanted) in sampled(game).items()
        for budget in budgets
    ]
    return {
        "environment": environment(),
        "players": N,
        "seeds": seeds,
        "exact": enumerated(game, problem, target),
        "rows": rows,
    }


def show(data):
    """Two tables in text."""
    print(f"{'exact value':28} {'calls':>6}  rank with Shapley  with removal")
    for r in data["exact"]:
        print(
            f"{r['value']:28} {r['calls']:6d}  {r['rank_with_shapley']:17.3f}  {r['rank_with_removal']:12.3f}"
        )
    print(f"\n{'estimator':28} {'budget':>6} {'calls':>6}  error  bias  stated  covered   rank")
    for r in data["rows"]:
        print(
            f"{r['estimator']:28} {r['budget']:6d} {r['calls']:6.0f}  {r['error']:5.3f} {r['bias']:5.3f}"
            f"  {r['stated']:6.3f}  {r['covered']:7.3f}  {r['rank']:5.3f}"
        )


def rounded(x):
    """Four digits are what the seeds leave certain."""
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return float(f"{x:.4g}") if isinstance(x, float) else x


if __name__ == "__main__":
    told(__doc__, "--show")
    if "--show" not in sys.argv:
        RESULT.write_text(json.dumps(rounded(measure()), indent=1) + "\n")
    show(json.loads(RESULT.read_text()))
