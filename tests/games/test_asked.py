"""Games of what is no problem, no run and no value."""

import pytest

import metainfl as mi
from metainfl import games
from metainfl.oracle import small_case


def target(lam):
    return float(lam.sum())


@pytest.mark.parametrize(
    "make",
    [games.solved, games.quadratic, lambda p, t: games.one_step(p, t, 0.1)],
)
def test_a_game_of_no_problem(make):
    """Guards "'NoneType' object has no attribute 'replaced'"."""
    with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl\.Problem, got"):
        make(None, target)


def test_a_game_of_no_run_and_of_no_values():
    for wrong in (None, small_case("maml_softmax").problem()):
        with pytest.raises(mi.InvalidOption, match=r"a run is a metainfl\.training\.Run"):
            games.replayed(wrong, target)
    for wrong in ("ab", [0, "x"], [[0, 1], [2]]):
        with pytest.raises(mi.InvalidOption, match="values of a game are numbers"):
            games.Table(wrong)
