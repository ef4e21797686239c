"""The scoreboard: library, version, method, verdict, error, what it computes, time."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from metainfl.oracle.measure import distance, spearman
from metainfl.oracle.peers.libraries import PEERS, Peer
from metainfl.oracle.peers.problem import PeerProblem
from metainfl.oracle.peers.recognise import EQUAL, recognise
from metainfl.oracle.random_state import keep_rng


@dataclass(frozen=True)
class Score:
    """One line. Errors are relative norms over the whole (training, test) matrix."""

    library: str
    version: str
    method: str
    verdict: str
    error: float
    rescaled: float
    spearman: float
    computes: str
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """Plain data; nan becomes null."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


def installed(peer: Peer) -> bool:
    """Its library can be imported."""
    return importlib.util.find_spec(peer.library) is not None


def scoreboard(
    problem: PeerProblem | None = None,
    peers: Sequence[Peer] = PEERS,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Iterator[Score]:
    """Every installed library's methods on one problem."""
    problem = problem or PeerProblem()
    found = [p for p in peers if installed(p)]
    for done, peer in enumerate(found):
        progress(done, len(found), f"{peer.library} {peer.name}")
        yield judge(peer, problem)


def judge(peer: Peer, problem: PeerProblem) -> Score:
    """`exact`, `WRONG` (an exact claim that fails), `approximates`, or `raises`."""
    try:
        released = version(peer.package or peer.library)
    except PackageNotFoundError:
        released = "?"
    want, nan = problem.n * problem.truth, float("nan")
    started = time.perf_counter()
    try:
        with keep_rng():
            scores, batch = peer.scores(problem)
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())}"[:90]
        row = (peer.library, released, peer.name, "raises", nan, nan, nan, words)
        return Score(*row, time.perf_counter() - started)
    seconds = time.perf_counter() - started
    if scores.shape != want.shape or not np.isfinite(scores).all():
        words = f"shape {scores.shape}" if scores.shape != want.shape else "NaN or inf"
        return Score(peer.library, released, peer.name, "WRONG", nan, nan, nan, words, seconds)
    d = distance(scores, want)
    verdict = "approximates"
    if peer.exact:
        verdict = "exact" if d.relative <= EQUAL else "WRONG"
    rank = spearman(scores.ravel(), want.ravel())
    words = recognise(problem, scores, batch)
    return Score(
        peer.library, released, peer.name, verdict, d.relative, d.rescaled, rank, words, seconds
    )
