"""Side by side: influence of 1,000 real digits on 100 test digits, ours and every library's.

python -m bench.peers   (needs the `peers` extra); writes bench/results/peers.json.
Softmax regression on 64 principal pixels, L2 0.01, float64. Times are of the second call of each, in one
run; errors are relative to the reference's dense solution, max norm.
"""

import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch

import metainfl as mi
from bench.names import told
from metainfl.oracle.peers.libraries import PEERS
from metainfl.oracle.peers.problem import PeerProblem
from metainfl.report.environment import environment

RESULT = Path(__file__).parent / "results" / "peers.json"


def ours(peer):
    """From tensors to scores: tasks, problem, one dense solve for all tests."""
    x, y, tx, ty = peer.tensors()
    eye = torch.eye(10, dtype=torch.float64)
    train = mi.Tasks(x[None, :0], eye[y][None, :0], x[None], eye[y][None])
    test = mi.Tasks(tx[:, None][:, :0], eye[ty][:, None][:, :0], tx[:, None], eye[ty][:, None])
    problem = mi.Problem(
        mi.Linear(peer.components, 10),
        train,
        mi.NoAdaptation(),
        inner_loss=mi.cross_entropy,
        outer_reg=peer.n * peer.d,
        lam=torch.tensor(peer.case.solution.lam),
        chunk=128,
        product="reverse",
    )
    every = [mi.query(0, j) for j in range(peer.n)]
    return peer.n * mi.scores(problem, every, test).value.numpy()


def timed(f):
    """(result of the second call, its seconds)."""
    f()
    started = time.perf_counter()
    out = f()
    return out, time.perf_counter() - started


def main():
    """Ours first, then each installed library; one line each."""
    peer = PeerProblem(n=1000, m=100, components=64)
    truth = peer.n * peer.truth
    scale = np.abs(truth).max()
    found, seconds = timed(lambda: ours(peer))
    rows = [{"library": "metainfl", "method": "influence scores, dense", "seconds": seconds,
             "error": float(np.abs(found - truth).max() / scale)}]  # fmt: skip
    print(rows[0], flush=True)
    for other in PEERS:
        row = {"library": other.library, "method": other.name}
        try:
            (scores, _), row["seconds"] = timed(lambda o=other: o.scores(peer))
            error = float(np.abs(scores - truth).max() / scale)
            row["error"] = error if np.isfinite(error) else "nan"
            row["slower than ours"] = row["seconds"] / seconds
        except Exception as failure:
            row["failed"] = f"{type(failure).__name__}: {str(failure).splitlines()[0][:90]}"
        rows.append(row)
        print(row, flush=True)
    RESULT.write_text(json.dumps({"rows": rows, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    told(__doc__)
    warnings.simplefilter("ignore")
    main()
