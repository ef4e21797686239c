"""What was done to tasks is what the masks say, and nothing else was touched."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.data import concatenated, corrupt, darkened, episodes, noise_tasks, read_digits
from metainfl.errors import InvalidTasks


@pytest.fixture(scope="module")
def tasks():
    """Twenty tasks of three and four ways, five shots and six queries, padded."""
    return episodes(read_digits(), 20, ways=[3, 4] * 10, shots=5, queries=6)


@pytest.mark.parametrize("kind", ["shuffle", "redraw", "flip"])
@pytest.mark.parametrize("side", ["support", "query", "both"])
@pytest.mark.parametrize("form", ["one-hot", "numbers"])
def test_corruption(tasks, kind, side, form):
    """Another share than asked for, the other side, a mask that does not tell, padding relabelled."""
    if form == "numbers":
        tasks = mi.Tasks(
            tasks.support_x,
            tasks.support_y.argmax(-1),
            tasks.query_x,
            tasks.query_y.argmax(-1),
            support_weight=tasks.support_weight,
            query_weight=tasks.query_weight,
        )
    found = corrupt(tasks, tasks_share=0.3, within=0.4, side=side, kind=kind, seed=1)
    assert found.drawn.sum() == 6 and not (found.task & ~found.drawn).any()
    for s, each in (("support", 5), ("query", 6)):
        before, after = getattr(tasks, f"{s}_y"), getattr(found.tasks, f"{s}_y")
        mask, weight = getattr(found, s), getattr(tasks, f"{s}_weight")
        differs = (before != after) if form == "numbers" else (before != after).any(-1)
        assert torch.equal(mask, differs)
        assert not mask[~found.drawn].any() and not mask[weight == 0].any()
        if side not in (s, "both"):
            assert not mask.any()
            continue
        assert mask.any()
        chosen = [round(0.4 * each * w) for w in ([3, 4] * 10)]
        counts = mask.sum(1).tolist()
        for k in torch.nonzero(found.drawn)[:, 0].tolist():
            assert counts[k] == chosen[k] if kind == "flip" else counts[k] <= chosen[k]
            labels = after[k] if form == "numbers" else after[k].argmax(-1)
            assert int(labels[weight[k] > 0].max()) < [3, 4][k % 2]  # no class that the task lacks
            if kind == "shuffle":
                assert torch.equal(before[k].sum(0), after[k].sum(0))
        if form == "one-hot":
            assert torch.equal(after.sum(-1), before.sum(-1))
    assert torch.equal(found.tasks.query_x, tasks.query_x)
    assert torch.equal(found.tasks.query_weight, tasks.query_weight)


def test_labels_are_drawn_evenly():
    """Flips that favour the next class, redraws that leave the own one out: counts of 3,000 draws.

    Each count is binomial; 5 deviations of it are allowed, under fixed seeds.
    """
    x = torch.zeros(1, 3000, 1).double()
    y = torch.ones(1, 3000, dtype=torch.long)
    q = torch.arange(4)[None]
    tasks = mi.Tasks(x, y, x[:, :4], q)
    for kind, p in (("flip", [1 / 3, 0, 1 / 3, 1 / 3]), ("redraw", [1 / 4] * 4)):
        after = corrupt(tasks, tasks_share=1, within=1, side="support", kind=kind).tasks.support_y
        counts = np.bincount(after[0].numpy(), minlength=4)
        for count, share in zip(counts, p, strict=True):
            assert abs(count - 3000 * share) <= 5 * (3000 * share * (1 - share)) ** 0.5


def test_larger_shares_hold_smaller_ones(tasks):
    """A curve over shares whose points have nothing in common."""

    def flip(a, b, seed=0):
        return corrupt(tasks, tasks_share=a, within=b, kind="flip", seed=seed)

    small, large = flip(0.2, 0.2), flip(0.6, 0.6)
    for name in ("task", "support", "query", "drawn"):
        assert not (getattr(small, name) & ~getattr(large, name)).any()
    assert torch.equal(flip(0.2, 0.2).support, small.support)
    assert not torch.equal(flip(0.2, 0.2, 1).support, small.support)
    assert not flip(0, 0.5).task.any() and not flip(0.5, 0).task.any()


def test_darkened(tasks):
    """A share of the padding, images made lighter, other images at a larger ratio."""
    half = darkened(tasks, 0.25, 0.5, seed=3)
    for s, each in (("support", 5), ("query", 6)):
        before, after, mask = (
            getattr(tasks, f"{s}_x"),
            getattr(half.tasks, f"{s}_x"),
            getattr(half, s),
        )
        assert torch.equal(after[mask], before[mask] * 0.75) and torch.equal(
            after[~mask], before[~mask]
        )
        assert mask.sum(1).tolist() == [round(0.5 * each * w) for w in ([3, 4] * 10)]
        assert not mask[getattr(tasks, f"{s}_weight") == 0].any()
    more = darkened(tasks, 1.0, 0.75, side="query", seed=3)
    assert not (half.query & ~more.query).any() and not more.support.any()
    assert (more.tasks.query_x[more.query] == 0).all()
    assert torch.equal(darkened(tasks, 0.0, 1.0).tasks.query_x, tasks.query_x)


def test_noise_among_real_tasks():
    """Noise that is the same in every task, support that is the query; weights lost when joined."""
    real = episodes(read_digits(), 3, ways=3, shots=2, queries=2)
    real = real.reweighted(task=torch.tensor([1.0, 2.0, 0.0]))
    noise = noise_tasks(4, (8, 8), ways=3, shots=2, queries=2, low=-1, high=3)
    both = torch.cat([noise.support_x, noise.query_x], 1).flatten()
    assert len(both.unique()) == 4 * 12 * 64 and both.min() >= -1 and both.max() < 3
    # mean of 3,072 uniform numbers: deviation 4 / sqrt(12 n) = 0.021
    assert abs(both.mean() - 1) < 5 * 0.021
    mixed = concatenated(real, noise)
    assert mixed.n_tasks == 7 and mixed.w.tolist() == [1, 2, 0, 1, 1, 1, 1]
    assert torch.equal(mixed.query_x[:3], real.query_x)
    assert torch.equal(mixed.support_y[3:], noise.support_y)
    more = noise_tasks(6, (8, 8), ways=3, shots=2, queries=2, low=-1, high=3)
    assert torch.equal(more.query_x[:4], noise.query_x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: corrupt(t, tasks_share=1.2, within=0.1), "tasks_share must be a number between"),
        (lambda t: corrupt(t, tasks_share=0.2, within=-0.1), "within must be a number between"),
        (lambda t: corrupt(t, tasks_share=0.2, within=0.1, kind="swap"), "kind must be one of"),
        (lambda t: corrupt(t, tasks_share=0.2, within=0.1, side="test"), "side must be"),
        (lambda t: darkened(t, 2.0, 0.1), "darkness must be a number"),
        (lambda t: darkened(t, 0.1, 0.1, seed=-3), "seed must be"),
        (lambda t: noise_tasks(0, (8, 8)), "at least 1"),
        (lambda t: concatenated(), "nothing to concatenate"),
        (lambda t: concatenated(t, noise_tasks(1, (8, 8))), "support_x differs"),
    ],
)
def test_bad_requests(tasks, call, message):
    with pytest.raises(InvalidTasks, match=message):
        call(tasks)


def test_targets_that_are_no_labels_are_refused():
    x, y = torch.zeros(1, 4, 2).double(), torch.rand(1, 4, 2).double()
    with pytest.raises(InvalidTasks, match="must be one-hot"):
        corrupt(mi.Tasks(x, y, x, y), tasks_share=1, within=1)
    same = torch.zeros(1, 4, dtype=torch.long)
    with pytest.raises(InvalidTasks, match="one class only"):
        corrupt(mi.Tasks(x, same, x, same), tasks_share=1, within=1)
