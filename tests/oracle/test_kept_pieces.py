"""What specimens start from is kept for the same problem alone: every part of it counts."""

import pytest
import torch

from metainfl.oracle.mutants import kept
from metainfl.oracle.space import drawn_case

CASE = drawn_case("maml_softmax", "wide")
CHANGES = {
    "outer_reg": lambda p: p.replaced(outer_reg=p.outer_reg * 2),
    "direct": lambda p: p.replaced(direct=p.direct + 1),
    "lam": lambda p: p.replaced(lam=p.lam + 1e-12),
    "product": lambda p: p.replaced(product="forward"),
    "chunk": lambda p: p.replaced(chunk=2),
    "inner loss": lambda p: p.replaced(inner_loss=lambda a, b: (a - b).square().sum(-1)),
    "task weights": lambda p: p.replaced(tasks=p.tasks.reweighted(task=2 * p.tasks.w)),
    "fewer tasks": lambda p: p.replaced(tasks=p.tasks.select([0, 1])),
    "precision": lambda p: p.replaced(tasks=p.tasks.to(dtype=torch.float32)),
    "symmetry": lambda p: p.replaced(symmetry=lambda lam: lam[:, None]),
    "rate": lambda p: p.replaced(
        adaptation=type(p.adaptation)(3, 0.1, inner_reg=p.adaptation.inner_reg)
    ),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_another_problem_is_another(changed):
    problem = CASE.problem()
    assert kept.fingerprint(problem) == kept.fingerprint(CASE.problem())
    assert kept.fingerprint(CHANGES[changed](problem)) != kept.fingerprint(problem)


def test_answers_are_copies_of_what_is_computed():
    problem, pis = CASE.problem(), CASE.perturbations(["task", "support"])
    first = kept.columns(problem, pis)
    assert torch.equal(first, kept.cross.columns(problem, pis))
    first.zero_()
    again = kept.columns(CASE.problem(), pis)
    assert torch.equal(again, kept.cross.columns(problem, pis)) and again.any()
    assert torch.equal(kept.columns(problem, pis[::-1]), again.flip(0))
    kept.hessian(problem).zero_()
    assert torch.equal(kept.hessian(problem), problem.hessian(problem.lam))


def test_a_closure_is_told_by_what_it_closes_over():
    def scaled(by):
        return lambda a, b: by * (a - b).square().sum(-1)

    one, same, other = (CASE.problem().replaced(inner_loss=scaled(s)) for s in (1.0, 1.0, 2.0))
    assert kept.fingerprint(one) == kept.fingerprint(same) != kept.fingerprint(other)


def test_what_cannot_be_compared_is_computed_each_time():
    calls = []

    def counted(a, b, calls=calls):
        calls.append(1)
        return (a - b).square().sum(-1)

    problem = CASE.problem().replaced(inner_loss=counted, product="forward")
    problem.strange = object()
    with pytest.raises(kept.Incomparable):
        kept.fingerprint(problem)
    kept.hessian(problem)
    seen = len(calls)
    kept.hessian(problem)
    assert len(calls) > seen > 0
