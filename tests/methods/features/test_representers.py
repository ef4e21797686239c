"""Representers: their parts are the reference's, and add up to the prediction."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

import metainfl as mi
from metainfl.methods.features import (
    alphas,
    head,
    high_dimensional,
    representer_points,
    rps_lje,
    task_rows,
)
from metainfl.oracle import small_case
from metainfl_reference.episodes import Episodes
from metainfl_reference.estimands import representer
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.perturbation import query
from tests.helpers import assert_close

SINGLE = ["single_ridge", "single_softmax"]
X = np.random.default_rng(5).standard_normal((4, 3))


@pytest.mark.parametrize("name", SINGLE)
def test_parts_are_the_reference_s_and_add_up(name):
    """Guards the sign, 1/outer_reg, and weights left out of alpha."""
    case = small_case(name)
    problem = case.problem()
    at = torch.tensor(X)
    parts = representer_points(problem, at)
    tolerance = 100 * case.tolerance()
    for m, row in enumerate(X):
        want = representer.prediction_parts(case.family, case.solution, row).value
        assert_close(parts[:, :, m], want, tolerance)
    assert_close(alphas(problem), representer.values(case.family, case.solution).value, tolerance)
    assert_close(parts.sum((0, 1)), problem.setting.model(problem.lam, at), tolerance)


@pytest.mark.parametrize("name", ["maml_softmax", "proximal_ridge", "prototypes"])
def test_rows_of_tasks_add_up_to_lam(name):
    """Guards meta-learners: the total gradient, not the partial one, decomposes lam."""
    case = small_case(name)
    rows = task_rows(case.problem())
    want = representer.task_components(case.family, case.solution).value
    assert_close(rows, want, 100 * case.tolerance())
    assert_close(rows.sum(0), case.solution.lam, 100 * case.tolerance())


def test_representers_refuse_what_they_are_not_of():
    """Guards a decomposition that would not add up, given without a word."""
    case = small_case("single_ridge")
    problem = case.problem()
    moved = problem.replaced(lam=problem.lam + 1)
    with pytest.raises(mi.NotStationary):
        representer_points(moved, torch.tensor(X))
    with pytest.raises(mi.InvalidProblem, match="outer_reg > 0"):
        alphas(problem.replaced(outer_reg=0.0))
    with pytest.raises(mi.InvalidProblem, match="linear models"):
        alphas(small_case("maml_softmax").problem())


@pytest.mark.parametrize("name", SINGLE)
def test_lje_adds_up_to_a_newton_step(name):
    """Guards a share of lam that is not handed out: off the minimiser by numpy, at it to the prediction."""
    case = small_case(name)
    problem, at = case.problem(), torch.tensor(X)
    d, c = case.family.episodes.query_x.shape[2], case.family.episodes.query_y.shape[2]
    here = rps_lje(problem, at).sum((0, 1))
    assert_close(here, X @ case.solution.lam.reshape(d, c), 1000 * case.tolerance())
    moved = problem.replaced(lam=problem.lam + 0.3)
    h, g = moved.hessian(moved.lam).numpy(), moved.gradient(moved.lam).numpy()
    stepped = moved.lam.numpy() - np.linalg.solve(h, g)
    parts = rps_lje(moved, at)
    assert_close(parts.sum((0, 1)), X @ stepped.reshape(d, c), 1e-11)
    # alpha_i = part / (x_i . x_t): one instance by the formula with features in the denominator
    x, y = case.family.episodes.query_x, case.family.episodes.query_y
    n = x.shape[0] * x.shape[1]
    out = x[1, 0] @ moved.lam.numpy().reshape(d, c)
    slope = out - y[1, 0] if name == "single_ridge" else np.exp(out) / np.exp(out).sum() - y[1, 0]
    own = np.outer(x[1, 0], slope).reshape(-1) + case.family.d_out * moved.lam.numpy() / n
    row = (moved.lam.numpy() / n - np.linalg.solve(h, own)).reshape(d, c)
    alpha = row / x[1, 0][:, None]
    assert_close(parts[1, 0], np.einsum("md,d,dc->mc", X, x[1, 0], alpha), 1e-10)


def test_lasso_by_scikit_learn():
    """Guards the kernel of the L1 norm against a solver of another house; tolerance: its duality gap."""
    rng = np.random.default_rng(0)
    x, theta = rng.standard_normal((40, 12)), np.zeros(12)
    theta[:4] = [2, -1.5, 1, 0.7]
    y = x @ theta + 0.1 * rng.standard_normal(40)
    fit = Lasso(alpha=0.1, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y)
    w = torch.tensor(fit.coef_)[:, None]
    assert 0 < int((w == 0).sum()) < 12
    tx, at = torch.tensor(x), torch.tensor(rng.standard_normal((5, 12)))
    slopes = tx @ w - torch.tensor(y)[:, None]
    parts = high_dimensional(w, tx, slopes, at, strength=0.1 * 40)  # scikit-learn's loss is a mean
    assert_close(parts.sum(0), at @ w, 1e-7)
    with pytest.raises(mi.NotStationary, match="multiply strength by n"):
        high_dimensional(w, tx, slopes, at, strength=0.1)


def test_nuclear_norm_by_soft_thresholding():
    """Guards the nuclear kernel: with orthonormal inputs the minimiser is the thresholded SVD of X'Y."""
    rng = np.random.default_rng(1)
    x = np.linalg.qr(rng.standard_normal((20, 5)))[0]
    y = rng.standard_normal((20, 4))
    u, s, v = np.linalg.svd(x.T @ y, full_matrices=False)
    strength = float(s[1] + s[2]) / 2
    theta = torch.tensor((u * np.maximum(s - strength, 0)) @ v)
    assert int(torch.linalg.matrix_rank(theta)) == 2
    tx, at = torch.tensor(x), torch.tensor(rng.standard_normal((3, 5)))
    slopes = tx @ theta - torch.tensor(y)
    parts = high_dimensional(theta, tx, slopes, at, strength=strength, regulariser="nuclear")
    assert_close(parts.sum(0), at @ theta, 1e-12)
    # one instance by another formula of the root: eigenvectors of theta theta'
    values, vectors = np.linalg.eigh((theta @ theta.T).numpy())
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    want = np.outer(at.numpy() @ root @ x[3], -slopes[3].numpy() / strength)
    assert_close(parts[3], want, 1e-7)  # square root of eigenvalues that are rounding: sqrt(eps)


def test_parts_of_what_is_not_finite_are_refused():
    """Guards parts of NaN, a check that NaN turns off, and shapes that torch would name or broadcast."""
    theta, x = torch.tensor([[0.5]]).double(), torch.tensor([[1.0], [1.0]]).double()
    slopes, at = torch.tensor([[-0.25], [-0.25]]).double(), x[:1]
    good = {"theta": theta, "x": x, "slopes": slopes, "at": at}
    for regulariser in ("lasso", "nuclear"):
        assert_close(
            high_dimensional(**good, strength=0.5, regulariser=regulariser).sum(), 0.5, 1e-12
        )
        for name, t in good.items():
            bad = t.clone()
            bad[0, 0] = torch.nan
            with pytest.raises(mi.InvalidOption, match=rf"^{name} is not finite at index \[0, 0\]"):
                high_dimensional(**(good | {name: bad}), strength=0.5, regulariser=regulariser)
    for rtol in (float("nan"), -1.0):
        with pytest.raises(mi.InvalidOption, match="rtol"):
            high_dimensional(**(good | {"theta": 2 * theta}), strength=0.5, rtol=rtol)
    for strength in (float("nan"), float("inf"), 0.0):
        with pytest.raises(mi.InvalidOption, match="strength"):
            high_dimensional(**good, strength=strength)
    for wrong in ({"at": torch.ones(1, 2).double()}, {"at": at[0]}, {"slopes": slopes[:, 0]}):
        with pytest.raises(mi.InvalidOption, match="do not fit"):
            high_dimensional(**(good | wrong), strength=0.5)


def test_head_of_a_network():
    """Guards the layout of the head: its influence is the reference's on the features, bias as one more."""
    draw = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3)
    ).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=draw, dtype=torch.float64)
    case = small_case("single_softmax")
    e = case.family.episodes
    x = torch.randn(*e.query_x.shape[:2], 4, generator=draw, dtype=torch.float64)
    y = torch.tensor(e.query_y)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(
        net, tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=0.5,
        lam=mi.FromModule(net).current(),
    )  # fmt: skip
    own = head(problem)
    out = own.setting.model(own.lam, own.tasks.query_x[0])
    assert_close(out, net(x[0]).detach(), 1e-14)
    own.solve()

    f = own.tasks.query_x.numpy()
    twin = SingleSoftmax(Episodes(f[:, :0], e.query_y[:, :0], f, e.query_y), d_out=0.5)
    at = twin.solve()

    want = twin.influence([query(1, 0), query(2, 2)], at).value
    got = mi.influence(own, [mi.query(1, 0), mi.query(2, 2)]).value
    assert_close(got, want, 1e-10)
    with pytest.raises(mi.InvalidProblem, match="one layer as it is"):
        head(case.problem())


@pytest.mark.parametrize("of", [representer_points, rps_lje])
def test_padding_is_not_read(of):
    """Guards labels of padding, which are no class, and its inputs, which may overflow."""
    problem = small_case("single_softmax").problem()
    t = problem.tasks
    labels, live = t.query_y.argmax(2), torch.ones_like(t.query_weight)
    live[1, -1] = live[0, 0] = 0
    whole = problem.replaced(
        tasks=mi.Tasks(t.support_x, t.support_y.argmax(2), t.query_x, labels, query_weight=live)
    )
    whole.solve()
    x, y = t.query_x.clone(), labels.clone()
    x[live == 0], y[live == 0] = 1e200, -100
    padded = whole.replaced(
        tasks=mi.Tasks(t.support_x, t.support_y.argmax(2), x, y, query_weight=live)
    )
    found = of(padded, torch.tensor(X))
    assert torch.equal(found, of(whole, torch.tensor(X))) and (found[live == 0] == 0).all()
