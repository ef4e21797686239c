"""Splits, episodes and rotations are what they say, by the seed alone."""

from itertools import combinations

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.adaptation import Unrolled
from metainfl.data import (
    LabelledData,
    draw,
    episodes,
    pixels,
    read_digits,
    split_classes,
    stacked,
    with_rotations,
)
from metainfl.errors import InvalidTasks
from metainfl.training.networks import mlp
from tests.helpers import assert_close


def numbered(classes=6, each=8, size=3):
    """Byte images whose first pixel is their class and whose second is their number; class 2 is small."""
    labels = torch.cat([torch.full((3 if c == 2 else each,), c) for c in range(classes)])
    labels = labels[torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))]
    x = torch.zeros(len(labels), size, size, dtype=torch.uint8)
    x[:, 0, 0], x[:, 0, 1] = labels.to(torch.uint8), torch.arange(len(labels)).to(torch.uint8)
    return LabelledData("numbered", x, labels, tuple(f"c{c}" for c in range(classes)))


def test_episodes_hold_what_they_say():
    """Support that leaks into query, targets that are not the images' classes, a class drawn twice."""
    data = numbered()
    drawn = draw(data, 20, ways=3, shots=2, queries=3, seed=5)
    for e in drawn:
        assert e.support_x.shape == (6, 1, 3, 3) and e.query_x.shape == (9, 1, 3, 3)
        assert len(e.classes.unique()) == 3 and 2 not in e.classes  # class 2 has 3 images only
        both = torch.cat([e.support_index, e.query_index])
        assert len(both.unique()) == 15
        for x, y, i in (
            (e.support_x, e.support_y, e.support_index),
            (e.query_x, e.query_y, e.query_index),
        ):
            assert torch.equal((x[:, 0, 0, 0] * 255).round().long(), e.classes[y.argmax(1)])
            assert torch.equal((x[:, 0, 0, 1] * 255).round().long(), i)
        assert (e.support_y.sum(0) == 2).all() and (e.query_y.sum(0) == 3).all()
    assert len({tuple(e.classes.tolist()) for e in drawn}) > 10
    tasks = episodes(data, 20, ways=3, shots=2, queries=3, seed=5)
    assert torch.equal(tasks.query_x, torch.stack([e.query_x for e in drawn]))
    assert (tasks.support_weight == 1).all()


def test_what_a_seed_decides():
    """A task that depends on how many others are drawn, support that moves with queries, global state."""
    data = numbered()
    np.random.seed(1)
    torch.manual_seed(1)
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    few = episodes(data, 3, ways=3, shots=2, queries=2, seed=5)
    many = episodes(data, 7, ways=3, shots=2, queries=3, seed=5)
    assert torch.equal(few.support_x, many.support_x[:3])
    assert torch.equal(few.query_x[:, ::2], many.query_x[:3, ::3])
    other = episodes(data, 3, ways=3, shots=2, queries=2, seed=6)
    assert not torch.equal(few.support_x, other.support_x)
    assert np.array_equal(states[0], np.random.get_state()[1])
    assert torch.equal(states[1], torch.get_rng_state())


def test_given_classes():
    """All 252 five-way tasks of the digits, each set of classes once."""
    sets = list(combinations(range(10), 5))
    tasks = episodes(read_digits(), classes=sets, shots=1, queries=2, dtype=torch.float32)
    assert tasks.support_x.shape == (252, 5, 8, 8) and tasks.support_x.dtype == torch.float32
    drawn = draw(read_digits(), classes=sets[:3], shots=1)
    assert [e.classes.tolist() for e in drawn] == [list(s) for s in sets[:3]]


def test_ragged_tasks_are_exact():
    """Padding that counts: losses and gradients are those of each task alone."""
    data = read_digits()
    options = {"ways": [2, 3, 3, 2], "shots": [1, 2, 1, 3], "queries": [4, 1, 2, 2], "seed": 3}
    drawn = draw(data, 4, **options)
    tasks = episodes(data, 4, **options)
    assert tasks.support_x.shape == (4, 6, 8, 8) and tasks.query_y.shape == (4, 8, 3)
    assert tasks.support_weight.sum(1).tolist() == [2, 6, 3, 6]
    assert tasks.query_weight.sum(1).tolist() == [8, 3, 6, 4]
    net = mlp((64, 5, 3))

    def build(t):
        return mi.Problem(net, t, Unrolled(2, 0.1), inner_loss=mi.cross_entropy, outer_reg=0.1)

    problem = build(tasks)
    lam = mi.FromModule(net).current()
    together = problem.task_gradients(lam)
    for k, e in enumerate(drawn):
        alone = build(stacked([e])).task_gradients(lam)[0]
        assert_close(together[k], alone, 1e-13)  # the same sums in another order


def test_stacking_what_was_drawn_apart():
    """Tasks of separate draws, whose targets have different numbers of columns."""
    data = numbered()
    two, four = draw(data, 1, ways=2, queries=1), draw(data, 1, ways=4, queries=1)
    tasks = stacked([*two, *four])
    assert tasks.query_y.shape == (2, 4, 4) and tasks.query_weight.sum(1).tolist() == [2, 4]
    assert (
        torch.equal(tasks.query_y[0, :2, :2], two[0].query_y)
        and (tasks.query_y[0, :, 2:] == 0).all()
    )
    flat = draw(data, 1, ways=2, inputs=lambda x: x.flatten(1).double())
    with pytest.raises(InvalidTasks, match="different shapes"):
        stacked([*two, *flat])


def test_splits_share_no_class():
    """A rotated copy in another part than its class; a part that is not what was asked for."""
    data = with_rotations(numbered())
    train, val, test = split_classes(data, (3, 1, 2), seed=1)
    parts = [set(p.families) for p in (train, val, test)]
    assert [len(p) for p in parts] == [3, 1, 2] and len(set.union(*parts)) == 6
    assert [len(p.classes) for p in (train, val, test)] == [12, 4, 8]
    for part in (train, test):
        for c, name in enumerate(part.classes):
            mine = (
                part.x[part.labels == c].flatten(1).max(1).values
            )  # of each image its number or class
            whole = data.x[data.labels == data.classes.index(name)].flatten(1).max(1).values
            assert torch.equal(mine, whole)
    shares = split_classes(numbered(), (0.5, 0.34), seed=1)
    assert [len(p.classes) for p in shares] == [3, 2]
    again = split_classes(data, (3, 1, 2), seed=1)[0].classes
    assert again == train.classes
    assert any(split_classes(data, (3, 1, 2), seed=s)[0].classes != again for s in range(2, 6))


def test_rotations():
    """A turn the other way, colours turned for places, a fourth turn that is not the first."""
    data = numbered(2)
    turned = with_rotations(data, (0, 1, 3))
    n = len(data)
    assert turned.classes == ("c0", "c1", "c0@90", "c1@90", "c0@270", "c1@270")
    assert torch.equal(
        turned.x[n : 2 * n, 2, 0], data.x[:, 0, 0]
    )  # anticlockwise: top left, bottom left
    assert torch.equal(turned.x[2 * n :, 0, 2], data.x[:, 0, 0])
    assert torch.equal(turned.labels[n : 2 * n], data.labels + 2)
    colours = data.mapped(lambda x: x[..., None].expand(-1, -1, -1, 3).contiguous())
    assert torch.equal(with_rotations(colours, (1,)).x[..., 2], with_rotations(data, (1,)).x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: episodes(d), "n_tasks must be a whole number of at least 1, got None"),
        (lambda d: episodes(d, 2.5), "n_tasks must be a whole number of at least 1, got 2.5"),
        (lambda d: episodes(d, 2, ways=1.5), "ways must be whole numbers of at least 1, got 1.5"),
        (lambda d: episodes(d, 2, shots=float("inf")), "shots must be whole numbers of at least 1"),
        (lambda d: pixels(d.x, 2.5), "size must be a whole number of at least 1, got 2.5"),
        (lambda d: episodes(d, 2, ways=6, shots=2, queries=2), "5 classes of at least 4 instances"),
        (lambda d: episodes(d, 2, ways=7, queries=1), "6 classes of at least 2"),
        (lambda d: episodes(d, 2, shots=[1, 2, 3]), "3 for 2 tasks"),
        (lambda d: episodes(d, 2, shots=[1, 0]), "whole numbers of at least 1"),
        (lambda d: episodes(d, 2, seed=-1), "seed must be"),
        (lambda d: episodes(d, classes=[[0, 0]]), "different classes"),
        (lambda d: episodes(d, classes=[[0, 9]]), "has classes 0 to 5"),
        (lambda d: episodes(d, classes=[[0, 2]], shots=3), "c2 of numbered has too few"),
        (lambda d: episodes(d, 3, classes=[[0, 1]]), "given for 1 tasks"),
        (lambda d: split_classes(d, (4, 3)), "6 families of classes, 7"),
        (lambda d: split_classes(d, (0.7, 0.7)), "sum to at most 1"),
        (lambda d: split_classes(d, (1, 0)), "must be positive"),
        (lambda d: with_rotations(d, (1, 5)), "different numbers of quarter"),
        (lambda d: with_rotations(d.mapped(lambda x: x[:, :2])), "square images"),
        (lambda d: d.only([1, 1]), "different numbers below 6"),
        (lambda d: pixels(d.x[:, None, :, :2]), "colours last"),
    ],
)
def test_what_cannot_be_drawn(call, message):
    with pytest.raises(InvalidTasks, match=message):
        call(numbered())
