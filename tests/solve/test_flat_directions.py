"""CG along a symmetry: what rounding leaves there must not grow into the answer."""

import pytest
import torch

from metainfl.solve import CG
from metainfl.solve.operator import SymmetricOperator

D = torch.float64


def singular(p=27, f=3, condition=1e4):
    """Condition 1e4 off three flat directions, which the operator knows."""
    g = torch.Generator().manual_seed(0)
    q = torch.linalg.qr(torch.randn(p, p, dtype=D, generator=g))[0]
    values = torch.cat([torch.zeros(f, dtype=D), torch.logspace(0, 4, p - f, dtype=D)])
    return (q * values) @ q.T, q[:, :f]


@pytest.mark.parametrize("rtol", [1e-15, 1e-10])
def test_asking_for_rounding_does_not_find_the_symmetry(rtol):
    """Guards CG that wandered into the flat directions and called the matrix not positive definite."""
    matrix, flat = singular()
    noisy = matrix + 1e-13 * torch.randn(
        27, 27, dtype=D, generator=torch.Generator().manual_seed(1)
    )
    noisy = (noisy + noisy.T) / 2
    a = SymmetricOperator(27, noisy.__matmul__, matrix, flat=flat)
    x = torch.randn(27, 4, dtype=D, generator=torch.Generator().manual_seed(2))
    x = x - flat @ (flat.T @ x)
    found = CG(rtol=rtol)(a, matrix @ x).solution
    assert (found - x).norm() <= 1e-6 * x.norm() and (flat.T @ found).norm() <= 1e-12 * x.norm()
