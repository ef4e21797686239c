"""v(S) by replaying a training run without the players who are out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.games.game import Masks
from metainfl.games.of_problem import game_of
from metainfl.games.players import Players
from metainfl.games.target import Target, measure_of
from metainfl.games.utility import Utility
from metainfl.numbers import said
from metainfl.problem import Perturbation, Tasks
from metainfl.training.fingerprint import fingerprint
from metainfl.training.run import Run


class Replayable(Protocol):
    """What is asked of a run (`metainfl.training.Run`): its problem, and itself with other weights."""

    @property
    def lam(self) -> Tensor:
        """The last meta-parameters (p,)."""
        ...

    def problem(self) -> Problem:
        """Its problem, lam at the end of the run."""
        ...

    def replay(self, weights: Tasks) -> Replayable:
        """The same program, seed and start, with these tasks' weights."""
        ...


def replayed(
    run: Replayable, target: Target, players: Sequence[Perturbation] | None = None, **options: Any
) -> Utility:
    """The game v(S) = measure(lam_T(S)): the run's own program with the others' weights at 0.

    Nothing is assumed of a minimum. With nobody in, the run is that of the regulariser alone. Cost: one
    training run a subset. The store's identity holds the run's data, weights and last lam,
    and of a `Run` its whole program.
    """
    if not (callable(getattr(run, "replay", None)) and callable(getattr(run, "problem", None))):
        raise InvalidOption(
            "a run is a metainfl.training.Run, or what can replay(tasks) and has a problem(); got "
            + said(run)
        )
    value = _Replay(run, target, players)
    program = f" {fingerprint(run.program)} {run.done}" if isinstance(run, Run) else ""
    return game_of(value, run.problem(), target, f"replayed{program}", options)


class _Replay:
    """Mask -> worth of the rerun."""

    def __init__(
        self, run: Replayable, target: Target, players: Sequence[Perturbation] | None
    ) -> None:
        self.run, end = run, run.problem()
        self.players = Players(end.tasks, players)
        self.measure = measure_of(end, target)

    def __call__(self, mask: Masks) -> object:
        """V(S)."""
        return self.measure(self.run.replay(self.players.subset(mask)).lam)
