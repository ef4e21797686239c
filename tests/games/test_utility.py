"""The utility: what is known stays known, through kills, in parallel, and for one game only."""

import json

import numpy as np
import pytest

import metainfl as mi
from metainfl.games import Stop, Table, Utility
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods

N = 4


def worth(mask):
    return np.array([mask @ np.arange(1.0, N + 1), -float(mask.sum() ** 2)]) / 3


class Breaks:
    """Ctrl-C at the k-th call."""

    def __init__(self, k):
        self.left = k

    def __call__(self, mask):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return worth(mask)


def test_each_subset_is_computed_once():
    """Kind guarded: a mask that is asked for again and paid for again; values in another order."""
    told = []
    game = Utility(worth, N, progress=lambda *a: told.append(a))
    masks = all_subsets(N)
    found = game.many(np.concatenate([masks, masks[::-1]]))
    assert game.computed == 2**N and told[-1] == (2**N, 2**N, "v(1111)")
    assert (found[:16] == np.array([worth(m) for m in masks])).all()
    assert (found[16:] == found[15::-1]).all()
    assert (Utility(worth, N, progress=True).many(masks) == found[:16]).all()
    with pytest.raises(mi.InvalidOption, match="progress is"):
        Utility(worth, N, progress=3)
    first = methods.shapley(game)
    assert first.computed == 0 and first.calls == 2**N
    assert methods.shapley(Table(np.arange(4.0))).computed == -1


def test_what_was_stored_is_found_after_a_kill(tmp_path):
    """Kind guarded: a store that loses values, or takes half a line for one."""
    path = tmp_path / "new" / "game.jsonl"
    with pytest.raises(mi.Interrupted, match="the same call goes on") as caught:
        methods.shapley(Utility(Breaks(7), N, store=path, identity="a"))
    assert caught.value.result is None
    with path.open("a") as file:
        file.write('{"mask": "1111", "va')
    game = Utility(worth, N, store=path, identity="a")
    assert len(game.memo) == 7
    found = methods.shapley(game)
    assert found.computed == 2**N - 7
    assert (found.values == methods.shapley(Utility(worth, N)).values).all()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 1 + 2**N and lines[0] == {"players": N, "game": "a"}
    again = methods.shapley(Utility(Breaks(0), N, store=path, identity="a"))
    assert (again.values == found.values).all()  # bits, not digits


def test_another_games_file_is_refused_and_a_broken_one_named(tmp_path):
    """Kind guarded: values of other data taken for these."""
    path = tmp_path / "game.jsonl"
    Utility(worth, N, store=path, identity="a").many(all_subsets(N))
    for n, identity in ((N, "b"), (N + 1, "a")):
        with pytest.raises(mi.InvalidOption, match="another game"):
            Utility(worth, n, store=path, identity=identity)
    text = path.read_text().replace('"mask": "1010"', '"mask": 1010')
    path.write_text(text)
    with pytest.raises(mi.BrokenData, match=r"line 7"):
        Utility(worth, N, store=path, identity="a")
    path.write_text("not a game\n")
    with pytest.raises(mi.BrokenData, match="line 1"):
        Utility(worth, N, store=path, identity="a")


def test_interrupted_sampling_returns_what_is_done():
    """Kind guarded: an hour of values lost at Ctrl-C; a partial round counted as whole."""
    game = Utility(Breaks(14), N)
    with pytest.raises(mi.Interrupted, match="`result` holds") as caught:
        methods.banzhaf_msr(game, stop=Stop(seconds=60.0), seed=2)
    found = caught.value.result
    assert found is not None and found.stopped == "interrupted"
    fresh = methods.banzhaf_msr(Utility(worth, N), samples=found.units, seed=2)
    # the same units in other rounds: sums in another order
    assert np.abs(fresh.values - found.values).max() <= 1e-13
    with pytest.raises(mi.Interrupted, match="none: too few") as caught:
        methods.banzhaf_msr(Utility(Breaks(2), N), samples=100)
    assert caught.value.result is None


def test_what_is_no_value_is_named():
    """Kind guarded: NaN that a mean takes in; a mask of numbers where 1 - m is not its opposite."""
    with pytest.raises(mi.NotFinite, match="players 0000"):
        methods.shapley(Utility(lambda m: np.nan if not m.any() else 1.0, N))
    with pytest.raises(mi.InvalidOption, match="different shapes"):
        Utility(lambda m: np.zeros(1 + m.any()), N).many(all_subsets(N))
    with pytest.raises(mi.InvalidOption, match="one entry a target"):
        Utility(lambda m: np.zeros((2, 2)), N)([True] * N)
    for masks in (np.ones((1, N)), np.ones((1, N + 1), dtype=bool), np.ones(N, dtype=bool)):
        with pytest.raises(mi.InvalidOption, match="masks are booleans"):
            Utility(worth, N).many(masks)
    for bad in (
        lambda: Utility(worth, 0),
        lambda: Utility(3, N),
        lambda: Utility(worth, N, jobs=0),
    ):
        with pytest.raises(mi.InvalidOption):
            bad()
    for values in ([1.0], np.zeros(3), np.zeros((4, 1, 1))):
        with pytest.raises(mi.InvalidOption, match="2\\^n"):
            Table(values)
    with pytest.raises(mi.NotFinite):
        Table([0.0, np.inf])


def test_a_function_cannot_change_the_mask_that_is_remembered():
    """Kind guarded: a utility that writes into its argument."""

    def spoils(mask):
        value = float(mask.sum())
        mask[:] = True
        return value

    masks = all_subsets(N)
    assert (Utility(spoils, N).many(masks) == masks.sum(1)).all() and not masks[0].any()
