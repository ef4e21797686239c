"""Leave-m-out (003, section 4.1.3): what losing a group of m players costs.

    phi_A = v(N) - v(N - A),   |A| = m
Estimand: removal of the group, exact: not the sum of its members' leave-one-out. Sign: positive = the
group helped. Scale: that of v. Cost: C(n, m) + 1 values; one a group where groups are given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate, Group
from metainfl.games.game import Game
from metainfl.games.samplers import size_in, subsets_of_size


def leave_m_out(game: Game, m: int, groups: Sequence[Sequence[int]] | None = None) -> Estimate:
    """Phi (groups,) or (groups, targets), exact, for all groups of m players or those given.

    Row order: `Estimate.groups`, lexicographic unless given.
    """
    ask = Asking(game)
    size_in(m, 1, ask.n)
    if groups is None:
        out = subsets_of_size(ask.n, m)
    else:
        out = np.zeros((len(groups), ask.n), dtype=bool)
        for row, g in enumerate(groups):
            members = set(g)
            if len(members) != m or len(g) != m or not members <= set(range(ask.n)):
                raise InvalidOption(
                    f"a group holds {m} different players between 0 and {ask.n - 1}, got {tuple(g)}"
                )
            out[row, list(members)] = True
        if not len(out):
            raise InvalidOption("no groups given; None takes all of them")
    found = ask.many(np.concatenate([np.ones((1, ask.n), dtype=bool), ~out]))
    names: list[Group] = [tuple(int(i) for i in np.flatnonzero(row)) for row in out]
    return ask.estimate(found[0] - found[1:], groups=names)
