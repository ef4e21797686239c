"""Games: the value of every subset of tasks or instances, by solving again, a closed form, or a rerun."""

from metainfl.games.density import gaussian_density
from metainfl.games.estimate import Estimate
from metainfl.games.game import Game, Table
from metainfl.games.neighbours import neighbours
from metainfl.games.one_step import one_step
from metainfl.games.quadratic import quadratic
from metainfl.games.replayed import replayed
from metainfl.games.solved import solved
from metainfl.games.stop import Stop
from metainfl.games.utility import Utility

__all__ = [
    "Estimate",
    "Game",
    "Stop",
    "Table",
    "Utility",
    "gaussian_density",
    "neighbours",
    "one_step",
    "quadratic",
    "replayed",
    "solved",
]
