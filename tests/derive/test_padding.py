"""Instances of weight 0 count for nothing, whatever is in them."""

import pytest
import torch

import metainfl as mi

D = torch.float64
ADAPTATIONS = [mi.NoAdaptation(), mi.Unrolled(2, 0.1), mi.Proximal(1.0)]


def data(classes):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, 3, dtype=D, generator=g)
    y = torch.randint(3, (4, 6), generator=g)
    return x, y if classes else torch.randn(4, 6, 3, dtype=D, generator=g)


def problem(adaptation, classes, qx, qy, weight):
    x, y = data(classes)
    tasks = mi.Tasks(x, y, qx, qy, query_weight=weight)
    loss = mi.cross_entropy if classes else mi.squared
    return mi.Problem(mi.Linear(3, 3), tasks, adaptation, inner_loss=loss, outer_reg=0.5)


def answers(p):
    lam = p.solve()
    asked = [mi.task(0), mi.task(2), mi.query(1, 0), mi.support(3, 1)]
    return lam, mi.influence(p, asked).value, mi.scores(p, asked, p.tasks.select([0, 1, 2])).value


def same(p, q):
    for a, b in zip(answers(p), answers(q), strict=True):
        assert torch.isfinite(a).all() and torch.allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("label", [-1, -100, 7])
def test_labels_of_padding_are_no_classes(adaptation, label):
    """Guards labels that are read at weight 0: `solve` worked, and influence was refused."""
    x, y = data(classes=True)
    weight = torch.ones(4, 6, dtype=D)
    weight[0, 4:] = weight[2, 0] = 0
    padded = y.masked_fill(weight == 0, label)
    same(problem(adaptation, True, x, padded, weight), problem(adaptation, True, x, y, weight))


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("k", [0, 3])
def test_a_task_of_which_no_query_instance_counts(adaptation, classes, k):
    """Guards a stand-in for padding that is padding itself: 0 times what overflows."""
    x, y = data(classes)
    weight = torch.ones(4, 6, dtype=D)
    weight[k] = 0
    big_x, big_y = x.clone(), y.clone()
    big_x[k], big_y[k] = 1e200, -1 if classes else 1e200
    same(
        problem(adaptation, classes, big_x, big_y, weight),
        problem(adaptation, classes, x, y, weight),
    )


class Unit(torch.nn.Module):
    """Inputs of length 1, then a linear layer: no number at 0."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3, bias=False, dtype=D)

    def forward(self, x):
        return self.layer(x / x.norm(dim=1, keepdim=True))


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("sides", [("support",), ("query",), ("support", "query")])
def test_what_stands_in_is_something_the_model_takes(adaptation, sides):
    """Guards zeros that stand where no instance of a task counts: a model may have no value there."""
    x, y = data(classes=False)
    weights = {f"{side}_weight": torch.ones(4, 6, dtype=D) for side in ("support", "query")}
    for side in sides:
        weights[f"{side}_weight"][1] = 0
    found = []
    for content in (0.0, 3.0):
        new = {side: (x.clone(), y.clone()) for side in ("support", "query")}
        for side in sides:
            new[side][0][1] = content
        tasks = mi.Tasks(*new["support"], *new["query"], **weights)
        p = mi.Problem(Unit(), tasks, adaptation, inner_loss=mi.squared, outer_reg=0.5)
        found.append((p.solve(), mi.influence(p, [mi.task(0), mi.query(2, 0)]).value))
    for a, b in zip(*found, strict=True):
        assert torch.isfinite(a).all() and torch.allclose(a, b, rtol=1e-9, atol=1e-11)
