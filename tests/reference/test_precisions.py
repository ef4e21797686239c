"""One precision a parameter: the reference's regulariser as a vector, each by a second route."""

import numpy as np
import pytest

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands import representer
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import OPTIONS, small, tiny
from metainfl_reference.perturbation import query, support, task
from metainfl_reference.second_route import highprec, richardson

NAMES = ["single_ridge", "single_softmax", "proximal_ridge", "proximal_softmax", "maml_softmax"]


def with_precisions(base):
    d_out = 0.3 + 0.5 * np.random.default_rng(0).random(base.n_meta)
    return FAMILIES[base.name](base.episodes, **{**OPTIONS[base.name], "d_out": d_out})


@pytest.mark.parametrize("name", NAMES)
def test_influence_is_the_slope_of_solving_again(name):
    """Guards H and grad F where the regulariser is a vector, by extrapolated re-solves."""
    family = with_precisions(small(name, 2))
    at = family.solve()
    pis = [task(0), query(1, 0)] + ([] if name.startswith("single") else [support(2, 1)])
    want = np.stack([richardson.solution_derivative(family, p, at)[0] for p in pis])
    got = family.influence(pis, at).value
    assert np.abs(got - want).max() <= 1e-9 * np.abs(want).max()


@pytest.mark.parametrize("name", ["single_softmax", "maml_linear"])
def test_the_bound_covers_eighty_digits(name):
    """Guards the certificate: lam* within its bound of mpmath's, which has the vector from the definition."""
    family = with_precisions(tiny(name))
    at = family.solve()
    truth = highprec.minimiser(family, at)
    assert np.linalg.norm(at.lam - truth) <= at.certificate.bound + 2e-16 * np.linalg.norm(truth)
    answer = family.influence([task(1)], at)
    want = highprec.solution_derivative(family, task(1), at)
    gap = np.linalg.norm(answer.value[0] - want)
    assert gap <= answer.bound[0] + 2e-16 * np.linalg.norm(want)


def test_a_vector_of_equal_precisions_is_the_number():
    base = small("proximal_ridge", 1)
    same = FAMILIES["proximal_ridge"](base.episodes, d_in=1.0, d_out=np.full(base.n_meta, 0.5))
    assert np.allclose(same.solve().lam, base.solve().lam, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", ["single_softmax", "maml_softmax"])
def test_representers_of_precisions_add_up(name):
    """Guards the decomposition with one precision a parameter: each component is divided by its own."""
    family = with_precisions(small(name, 2))
    at = family.solve()
    answer = representer.task_components(family, at)
    assert np.abs(answer.value.sum(0) - at.lam).max() <= 1e-10 and np.all(answer.bound >= 0)
    gone = np.where(np.arange(family.n_meta) == 1, 0, family.d_out)
    family.d_out = gone
    with pytest.raises(InvalidProblem, match="d_out > 0"):
        representer.task_components(family, at)


def test_alpha_needs_one_precision():
    """Guards numpy's own error of shapes: alpha has one number an instance and class."""
    base = small("single_softmax", 2)
    family = with_precisions(base)
    at, x = family.solve(), np.ones(base.episodes.query_x.shape[2])
    with pytest.raises(InvalidProblem, match=r"alpha_ij .* one d_out"):
        representer.values(family, at)
    with pytest.raises(InvalidProblem, match=r"alpha_ij .* one d_out"):
        representer.prediction_parts(family, at, x)
    d_out = np.full(base.n_meta, base.d_out)
    same = FAMILIES[base.name](base.episodes, **{**OPTIONS[base.name], "d_out": d_out})
    at = base.solve()
    want, got = representer.values(base, at), representer.values(same, same.solve())
    assert np.all(np.abs(got.value - want.value) <= got.bound + want.bound)
    base.d_out = 0.0
    with pytest.raises(InvalidProblem, match="d_out > 0"):
        representer.values(base, at)


def test_bad_precisions_are_named():
    base = small("single_ridge", 1)
    with pytest.raises(InvalidProblem, match="d_out must be finite and not negative"):
        FAMILIES["single_ridge"](base.episodes, d_out=-np.ones(base.n_meta))


def test_a_parameter_without_regulariser_is_certified_by_its_curvature():
    """Guards a bound over a modulus of 0: cross-entropy with one precision of 0 is not strongly convex."""
    base = small("single_softmax", 1)
    d_out = np.full(base.n_meta, 0.4)
    d_out[1] = 0.0
    family = small("single_softmax", 1, d_out=d_out)
    at = family.solve()
    assert at.certificate.kind == "Newton-Kantorovich" and at.certificate.bound < 1e-12
    near = np.abs(family.solve(start=at.lam + 0.1).lam - at.lam).max()
    assert near <= 1e-12 * np.abs(at.lam).max() + 2 * at.certificate.bound
