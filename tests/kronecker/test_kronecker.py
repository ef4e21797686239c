"""K-FAC and EK-FAC against their dense definitions, and against the truth where they are exact."""

import numpy as np
import pytest
import torch
from torch.func import jacrev, vmap

import metainfl as mi
from metainfl.adaptation import (
    ApproximateProximal,
    KroneckerInverse,
    approximately,
    diagonal_inverse,
    exact_inverse,
)
from metainfl.curvature import exact, gauss_newton, kronecker
from metainfl.kronecker import Recipe, draws
from metainfl.kronecker.fisher import output_factors
from metainfl.methods import (
    classical_if,
    ekfac_if,
    inner_if,
    instance_if_frozen,
    instance_if_support,
    task_if_paper,
)
from metainfl.oracle import small_case
from tests.helpers import assert_close, relative

FISHERS = ("type-2", "sampled", "empirical")
EYE = torch.eye(24, dtype=torch.float64)
LOSSES = {"squared": mi.squared, "cross_entropy": mi.cross_entropy}


def network_problem(loss):
    """Three tasks of a network with two linear layers, one with a bias, at some lam."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2, bias=False)
    ).double()
    y = torch.softmax(torch.randn(3, 6, 2, dtype=torch.float64), 2)
    tasks = mi.Tasks(
        torch.randn(3, 0, 3, dtype=torch.float64),
        y[:, :0],
        torch.randn(3, 6, 3, dtype=torch.float64),
        y,
        task_weight=torch.tensor([0.5, 1.0, 2.0]),
    )
    lam = mi.FromModule(net).current()
    return mi.Problem(net, tasks, mi.NoAdaptation(), inner_loss=loss, outer_reg=0.3, lam=lam)


def dense_fisher(problem, fisher, seed=0):
    """sum_n w_n sum_k (dy/dtheta' c_k)(...)' with full Jacobians."""
    t, lam, model = problem.tasks, problem.lam, problem.setting.model
    x, y = t.query_x.flatten(0, 1), t.query_y.flatten(0, 1)
    w = (t.w[:, None] * t.view().query_weight).flatten()
    outputs = model(lam, x)
    noise = draws(outputs.shape, seed, lam)
    c = output_factors(problem.outer_loss, outputs, y, fisher, noise)
    jacobian = vmap(lambda xi: jacrev(lambda th: model(th, xi[None])[0])(lam))(x)
    g = torch.einsum("nop,nok->npk", jacobian, c)
    return torch.einsum("n,npk,nqk->pq", w, g, g)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("fisher", FISHERS)
def test_ekfac_is_the_fisher_diagonal_in_the_kronecker_basis(loss, fisher):
    problem = network_problem(LOSSES[loss])
    found = kronecker(problem, Recipe(fisher))
    full, want = dense_fisher(problem, fisher), torch.zeros(24, 24, dtype=torch.float64)
    for place, (qa, qg, _) in zip(found.layers.places, found.parts, strict=True):
        index = place.flatten()
        q = torch.kron(qa, qg)
        block = full[index[:, None], index]
        want[index[:, None], index] = q @ torch.diag((q.T @ block @ q).diagonal()) @ q.T
    want = want + problem.outer_reg * EYE
    assert_close(found.dense(), want, 1e-12)
    b = torch.randn(24, 2, dtype=torch.float64)
    assert_close(found.damped(0.1).inverse(b), torch.linalg.solve(want + 0.1 * EYE, b), 1e-11)
    kfac = kronecker(problem, Recipe(fisher, corrected=False))
    blocks = [torch.kron(qa @ torch.diag(s.sum(1)) @ qa.T, qg @ torch.diag(s.sum(0)) @ qg.T) / s.sum()
              for qa, qg, s in kfac.parts]  # fmt: skip
    for place, block in zip(kfac.layers.places, blocks, strict=True):
        index = place.flatten()
        own = (
            kfac.dense()[index[:, None], index]
            - problem.outer_reg * EYE[: len(index), : len(index)]
        )
        assert_close(own, block, 1e-11)
        assert_close(torch.trace(own), torch.trace(full[index[:, None], index]), 0.5)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_which_fisher_is_which(loss):
    """type-2 is Gauss-Newton; the sampled one tends to it; the empirical one does not."""
    problem = network_problem(LOSSES[loss])
    want = gauss_newton(problem).dense() - problem.outer_reg * EYE
    assert_close(dense_fisher(problem, "type-2"), want, 1e-12)
    many = [dense_fisher(problem, "sampled", seed) for seed in range(400)]
    noise = torch.stack(many).std(0).norm() / 20
    assert float((torch.stack(many).mean(0) - want).norm()) < 4 * float(noise)
    assert float((dense_fisher(problem, "empirical") - want).norm()) > 10 * float(noise)


def test_exact_where_it_is_exact():
    """One linear layer under the squared loss: K-FAC and EK-FAC are the Hessian."""
    case = small_case("single_ridge", 2)
    pis = case.perturbations(("query", "task"))
    truth = case.truth("derivative", pis)
    assert_close(classical_if(case.problem(), pis), truth, 1e-12)
    for corrected in (True, False):
        assert_close(ekfac_if(corrected=corrected)(case.problem(), pis), truth, 1e-12)
    off = ekfac_if("empirical")(case.problem(), pis).numpy()
    assert np.abs(off - truth).max() > 0.05 * np.abs(truth).max()
    soft = small_case("single_softmax", 2)
    pis = soft.perturbations(("query",))
    gap = np.abs(ekfac_if()(soft.problem(), pis).numpy() - soft.truth("derivative", pis)).max()
    assert 1e-3 < gap / np.abs(soft.truth("derivative", pis)).max() < 1  # and not where it is not


def test_inner_inverses():
    """EK-FAC is exact inside proximal ridge; any inverse but the exact one misses on softmax."""
    case = small_case("proximal_ridge", 3)
    problem = case.problem()
    state = approximately(KroneckerInverse())(problem.adaptation).prepare(
        problem.setting, problem.lam, problem.tasks.view()
    )
    want = approximately(exact_inverse)(problem.adaptation).prepare(
        problem.setting, problem.lam, problem.tasks.view()
    )
    assert_close(state[1], want[1], 1e-11)
    pis = case.perturbations(["task"])
    assert relative(task_if_paper(problem, pis), case.truth("derivative", pis)) > 0.1
    soft = small_case("proximal_softmax", 3)
    lam = torch.tensor(soft.solution.lam)
    for inverse in (KroneckerInverse(), KroneckerInverse("empirical"), diagonal_inverse):
        other = soft.problem().replaced(adaptation=ApproximateProximal(1.0, inverse))
        gap = other.gradient(lam).norm() / other.task_gradients(lam).norm()
        assert 1e-4 < float(gap) < 1
    held = soft.problem().replaced(adaptation=ApproximateProximal(1.0, exact_inverse))
    assert float(held.gradient(lam).norm()) < 1e-12  # the Jacobian is exact, its derivative missing
    missing = held.hessian(lam) - soft.problem().hessian(lam)
    assert float(missing.norm()) > 1e-3


def test_what_freezing_the_inner_inverse_costs():
    ridge, soft = small_case("proximal_ridge", 1), small_case("proximal_softmax", 1)
    for case in (ridge, soft):
        general = case.problem().replaced(
            adaptation=mi.Proximal(1.0), lam=torch.tensor(case.solution.lam)
        )
        pis = case.perturbations(["support"])
        truth = case.truth("derivative", pis)
        assert_close(instance_if_support(general, pis), truth, 1e-10)
        frozen = instance_if_frozen(general, pis).numpy()
        gap = np.abs(frozen - truth).max() / np.abs(truth).max()
        assert gap < 1e-10 if case is ridge else 1e-2 < gap < 1
    from metainfl.oracle.variants import VARIANTS

    named = next(
        f for words, f in VARIANTS.items() if words.startswith("inner inverse held while P")
    )
    assert_close(frozen, named(soft, pis), 1e-9)


def test_inner_if_and_refusals():
    case = small_case("proximal_softmax", 1)
    pis = case.perturbations(["support"])[:3]
    want = np.stack(
        [case.family.task(p.task, case.solution.lam).theta_by_support()[:, p.instance] for p in pis]
    )
    assert_close(inner_if(case.problem(), pis), want, 1e-11)
    for call in (
        lambda: inner_if(case.problem(), [mi.task(0)]),
        lambda: instance_if_frozen(case.problem(), [mi.task(0)]),
        lambda: instance_if_frozen(small_case("maml_softmax").problem(), pis),
        lambda: kronecker(case.problem(), Recipe()),
        lambda: approximately(exact_inverse)(mi.NoAdaptation()),
        lambda: kronecker(network_problem(mi.squared), Recipe("type-3")),
    ):
        with pytest.raises(mi.InvalidProblem):
            call()
    conv = torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
    tasks = mi.Tasks(
        torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 2), torch.ones(1, 2, 1, 3), torch.zeros(1, 2, 2)
    )
    problem = mi.Problem(
        conv, tasks, mi.NoAdaptation(), outer_reg=1.0, lam=mi.FromModule(conv).current()
    )
    with pytest.raises(mi.InvalidProblem, match=r"linear layers; '0\.bias'"):
        kronecker(problem, Recipe())
    assert exact(network_problem(mi.squared)).size == 24


def test_absurd_padding_does_not_count():
    """Guards 0 times the square of something absurd, and a task without any weight, whose factors are 0."""
    problem = network_problem(mi.cross_entropy)
    t = problem.tasks
    w, x, y = t.query_weight.clone(), t.query_x.clone(), t.query_y.clone()
    w[:, -1] = 0
    plain = problem.replaced(tasks=t.reweighted(query=w))
    x[:, -1], y[:, -1] = 1e200, 1e200
    padded = problem.replaced(tasks=mi.Tasks(t.support_x, t.support_y, x, y, t.w, query_weight=w))
    eye = torch.eye(problem.n_meta, dtype=torch.float64)
    for fisher in FISHERS:
        want, got = (kronecker(p, Recipe(fisher)) @ eye for p in (plain, padded))
        assert_close(got, want, 1e-14)
    case = small_case("proximal_softmax")
    inner = case.problem()
    u = inner.tasks.support_weight.clone()
    u[1] = 0
    inner = inner.replaced(tasks=inner.tasks.reweighted(support=u))
    setting, view = inner.setting, inner.tasks.view()
    _, found = ApproximateProximal(inner.adaptation.inner_reg, KroneckerInverse()).prepare(
        setting, inner.lam, view
    )
    q = found.shape[1]
    want = torch.eye(q, dtype=torch.float64) / inner.adaptation.inner_reg
    assert_close(found[1], want, 1e-14)
