"""What one rank does in test_ranks: every kind of shared loop, against this process alone."""

import json
import os
import sys

import torch

import metainfl as mi
from metainfl.derive.cross import columns
from metainfl.methods.run import sgd_influence, tracin, training_loss
from metainfl.problem.tasks import Tasks
from metainfl.scale.ranks import ranks
from metainfl.training import SGD, Adam, Recipe, train
from tests.training.helpers import network


def ragged(tasks):
    """The tasks in two sizes."""
    names = ("support_x", "support_y", "query_x", "query_y")
    sizes = [(4, 5) if i < 3 else (6, 6) for i in range(tasks.n_tasks)]
    return Tasks.ragged(
        [
            {n: getattr(tasks, n)[i, : s if n[0] == "s" else q] for n in names}
            for i, (s, q) in enumerate(sizes)
        ]
    )


def questions(problem):
    """name -> a tensor, each by another way of going over tasks."""
    lam = problem.lam
    v = torch.linspace(-1, 1, 3 * len(lam), dtype=lam.dtype).reshape(len(lam), 3)
    pis = [
        mi.task(1),
        mi.support(0, 2),
        mi.query(problem.tasks.n_tasks - 1, 1),
        mi.shift("query", 2, 0, 1),
    ]
    target = problem.tasks.select([0, 2])
    tape = problem.products(lam)
    few = problem.replaced(keep=20_000).products(lam)
    yield "gradient", problem.gradient(lam)
    yield "losses", problem.losses(lam)
    yield "one task", problem.losses(lam, problem.tasks.select([1]))
    yield "task gradients", problem.task_gradients(lam)
    yield "fresh", problem.hessian_product(lam, v)
    yield "tape", tape(v)
    yield "tape again", tape(v[:, 0])
    yield "tape, not all kept", few(v)
    yield "hessian", problem.hessian(lam)
    yield "columns", columns(problem, pis)
    yield "influence", mi.influence(problem, pis, allow_nonstationary=True, damping=50.0).value
    yield "scores", mi.scores(problem, pis, target, allow_nonstationary=True, damping=50.0).value


def runs():
    """Of training runs: the end, the adjoint, the tangent, estimates."""
    for name, optimiser, product in (("adam", Adam(), "reverse"), ("sgd", SGD(), "forward")):
        recipe = Recipe(optimiser=optimiser, rate=0.02, steps=5, batch_size=4)
        run = train(network(tasks=7, product=product, chunk=2), recipe, progress=False)
        pis = [mi.task(1), mi.support(0, 2), mi.query(6, 1)]
        targets = run.problem().tasks.select([0, 2])
        key = f"{name}, {product}: "
        yield key + "end", run.lam
        yield key + "adjoint", run.scores(targets, pis, progress=False).value
        yield key + "tangent", run.influence(pis).value
        yield key + "tracin", tracin(run, pis, targets)
        yield key + "loss", training_loss(run, pis, targets)
        yield key + "seeds", torch.stack([r.lam for r in run.over_seeds([3, 4])])
        yield (
            key + "removals",
            run.replay_many([mi.task(1), mi.group([mi.task(2), mi.query(0, 1)])]),
        )
        if name == "sgd":
            yield key + "sgd-influence", sgd_influence(run, pis, targets)


def everything():
    equal = network(tasks=7)
    equal.lam = 0.3 * torch.arange(equal.n_meta, dtype=torch.float64).cos()
    uneven = equal.replaced(tasks=ragged(equal.tasks))
    for name, problem in (
        ("", equal),
        ("ragged ", uneven),
        ("two tasks ", equal.replaced(tasks=equal.tasks.select([0, 1, 3]))),
    ):
        for key, value in questions(problem):
            yield name + key, value
    yield from runs()


def main(out):
    with ranks(timeout=120):
        shared = dict(everything())
    gaps = {}
    if os.environ["RANK"] == "0":  # that the ranks have the same is seen by `sums`
        alone = dict(everything())
        gaps = {n: float((shared[n] - alone[n]).norm() / alone[n].norm()) for n in alone}
    sums = {n: t.double().sum().item().hex() for n, t in shared.items()}
    with open(f"{out}.{os.environ['RANK']}", "w") as f:
        json.dump({"gaps": gaps, "sums": sums}, f)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1])
