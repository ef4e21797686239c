"""Tasks and instances as players: which weights a subset leaves as they are, and which it sets to 0."""

from __future__ import annotations

from collections.abc import Sequence

from metainfl.errors import InvalidOption
from metainfl.games.game import Masks
from metainfl.problem import Perturbation, Tasks, task
from metainfl.problem.perturbation import parts
from metainfl.problem.weights import check, weight


class Players:
    """Perturbations (tasks, instances, groups of them) as players of a game on `tasks`.

    None: every task whose weight is not 0. A weight that several players name is there while one of them
    is in; weights that none names are always there.
    """

    def __init__(self, tasks: Tasks, players: Sequence[Perturbation] | None = None) -> None:
        if players is None:
            players = [task(k) for k in range(tasks.n_tasks) if float(tasks.w[k]) != 0]
        self.players = tuple(players)
        check(tasks, self.players)
        for p in self.players:
            for m in parts(p):
                if m.kind not in ("task", "support", "query"):
                    raise InvalidOption(
                        f"{m} is an input shift: it can be neither in nor out of a game"
                    )
                if weight(tasks, m) == 0:
                    raise InvalidOption(
                        f"{m} has weight 0: it is out of every subset, and no player"
                    )
        if len(set(self.players)) < len(self.players):
            raise InvalidOption("a player is named twice; list each once")
        self.tasks = tasks.select(range(tasks.n_tasks))  # a copy: values are remembered

    def __len__(self) -> int:
        return len(self.players)

    def subset(self, mask: Masks) -> Tasks:
        """The tasks with the weights of players who are out set to 0."""
        gone, kept = set[Perturbation](), set[Perturbation]()
        for p, is_in in zip(self.players, mask, strict=True):
            (kept if is_in else gone).update(parts(p))
        out = sorted(gone - kept)
        return self.tasks.scaled(out, 0.0) if out else self.tasks
