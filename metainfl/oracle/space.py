"""The space that a method is asked about: drawn cases in which every field of every part is varied.

Each family is drawn in several designs, by seed. No two sizes of a wide case are alike, so that an index
or a factor taken from the wrong axis shows; in the others some are, in every pair that code may take for each
other, where an array turned round has the shape that is meant. `coverage` says which field is varied where.

    wide      more queries than supports, several outputs, labels that are probabilities, ragged tasks
              (padding of weight 0 at any place), weights other than 1, near 0 and above 2 among them,
              `direct`, an outer loss that is not the inner one, eleven or twelve steps with one rate a
              parameter, two of them 0, one precision a parameter (every other family), rank 3; three
              ragged targets, whose tasks have weights, which count for nothing
    narrow    more supports than queries, more than 16 of them, two of them equal, one output where the
              loss allows it, weights 1, four to nine steps with one rate and an inner regulariser, one
              precision a parameter for the other families, one target of 18 queries; eight tasks for
              regression (games over more than a handful); as many features as queries, and as ways for
              classification
    many      17 to 67 tasks, 131 where they cost least: more than any batch that is hard-wired, in one
              group more than anyone cuts off; weights of tasks alone other than 1; up to 36 parameters;
              `direct`, or one precision a parameter; one step; 17 targets of one shot and one query (a
              way); as many features as supports for regression
    least     a single task, of one shot (a way), 18 queries or more, two of them equal, and a single
              target; as many features as outputs (nine, six where they are embedded), and as supports for
              classification; `direct` 1
    stiff     total Hessian of condition 1e6, tasks that are not alike
    pair      two tasks, and as many of everything else as there can be two of; of the weights those of the
              supports alone are not 1; one rate a parameter without an inner regulariser, an outer loss
              that is not the inner one; targets of the same sizes as the tasks
    line      one feature, and one query a task; as many tasks as outputs; one precision a parameter beside
              `direct`; one step with one rate a parameter
    players   six tasks: for games alone, where ceil(0.7 T), its rounding and T - 1 are three numbers

Classes stand in another order in every task: nothing may be read off an instance's place. A parameter is
not regularised, as biases are not: of one precision a parameter one is 0, in line for regression, since games
are asked in wide and narrow, and of no task they have no value then.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from metainfl.errors import InvalidProblem
from metainfl.oracle.case import Case
from metainfl.oracle.drawn_data import (
    drawn_episodes,
    drawn_targets,
    one_query,
    ragged,
    repeated,
    softened,
    weights_of,
)
from metainfl.oracle.drawn_sizes import options, sizes, target_sizes
from metainfl_reference.conditioned import stretched
from metainfl_reference.errors import TruthError
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import build

DESIGNS = ("wide", "narrow", "many", "least", "stiff")
PLAYERS = "players"
FEW = ("pair", "line")  # of a few numbers each: what is wrong of one or of two is wrong here
TARGETS = {"wide": 3, "narrow": 1, "many": 17, "least": 1, PLAYERS: 2, "pair": 2, "line": 4}
STIFF = 1e6
ATTEMPTS = 16
REPEATED = {"narrow": "support", "least": "query"}  # where the last instance is the first once more
WEIGHTED = {"many": "task", "pair": "support"}  # what alone has other weights than 1
LEAST = 1e-3  # the largest entry of lam*
MOST = 3e3  # condition number of a case that is not stiff


@lru_cache(maxsize=1024)
def drawn_case(name: str, design: str, seed: int = 0) -> Case:
    """The named family in one of `DESIGNS`; the first of a few draws that certifies.

    Raises `InvalidProblem` for an unknown family or design.
    """
    every = (*DESIGNS, PLAYERS, *FEW)
    if name not in FAMILIES or design not in every:
        raise InvalidProblem(
            f"no case {name!r}, {design!r}: families {', '.join(FAMILIES)}; "
            f"designs {', '.join(every)}"
        )
    code = f"metainfl.oracle.drawn_case({name!r}, {design!r}, {seed})"
    last: TruthError | None = None
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng(
            [seed, sorted(FAMILIES).index(name), every.index(design), attempt]
        )
        try:
            case = replace(
                _draw(name, design, seed, rng), name=f"{name}[{seed}], {design}", code=code
            )
            # an ill-conditioned draw would test rounding, not the formula; at 0 an embedding sees nothing
            fine = case.condition <= (100 * STIFF if design == "stiff" else MOST)
            if fine and float(np.abs(case.solution.lam).max()) > LEAST:
                return case
        except TruthError as error:
            last = error
    raise InvalidProblem(
        f"{name}, {design}, seed {seed}: none of {ATTEMPTS} draws certifies: {last}"
    )


def _draw(name: str, design: str, seed: int, rng: np.random.Generator) -> Case:
    draw = int(rng.integers(2**31))
    if design == "stiff":
        family = stretched(name, draw, total=STIFF)
        seen = drawn_targets(name, family.episodes, draw, 2, target_sizes(name, design, {}))
        return Case("", family, "", target_episodes=seen)
    size = sizes(name, design, rng)
    episodes = drawn_episodes(name, draw, size)
    sizes_of_targets = target_sizes(name, design, size)
    seen, own = drawn_targets(name, episodes, draw, TARGETS[design], sizes_of_targets), None
    parts = options(name, design, seed, rng, size)
    weights = None
    if design == "wide":
        episodes, weights = ragged(softened(name, episodes, rng), rng)
        seen, own = ragged(softened(name, seen, rng), rng)
    elif design in REPEATED:
        episodes = repeated(episodes, REPEATED[design])
    elif design in WEIGHTED:
        weights = weights_of(WEIGHTED[design], episodes, rng)
    elif design == "line":
        episodes = one_query(episodes)
    family = build(name, episodes, **parts)
    return Case("", family, "", weights=weights, target_episodes=seen, target_weights=own)
