"""Functions of an operator: against eigendecompositions, on matrices that break short recurrences."""

import pytest
import torch

from metainfl.errors import InvalidOption, NotConverged, NotFinite, SingularHessian
from metainfl.solve.function import functions
from metainfl.solve.operator import SymmetricOperator
from tests.helpers import assert_close


def operator(values, seed=0):
    n = len(values)
    draw = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(n, n, generator=draw, dtype=torch.float64))[0]
    a = (q * values) @ q.T
    b = torch.randn(n, 2, generator=draw, dtype=torch.float64)
    return SymmetricOperator(n, lambda v: a @ v, b[:, 0]), a, b, q


SPECTRA = {
    "indefinite": torch.linspace(-1, 3, 60, dtype=torch.float64),
    "repeated": torch.tensor([0.0] * 20 + [1.0] * 20 + [5.0] * 3, dtype=torch.float64),
    "spread": torch.logspace(-6, 3, 50, dtype=torch.float64),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_exponential_and_its_integral(name):
    """Guards lost orthogonality and an early stop; 1e-7 is rtol = 1e-9 with the growth of two looks."""
    values = SPECTRA[name]
    a, _, b, q = operator(values)
    fs = [lambda x: torch.exp(-2 * x), lambda x: 1 / (x + 1.5)]
    for f, found in zip(fs, functions(a, b, fs, rtol=1e-9), strict=True):
        assert_close(found, (q * f(values)) @ (q.T @ b), 1e-7, name)
    one = functions(a, b[:, 0], fs[:1], rtol=1e-9)[0]
    assert one.shape == (len(values),)


def test_zero_vectors_steps_and_options():
    """Guards 0/0 for b = 0, products that are not needed, and a cut that is silent."""
    a, _, b, _ = operator(SPECTRA["repeated"])
    assert not functions(a, torch.zeros_like(b), [torch.exp])[0].any()
    a.products = 0
    functions(a, b[:, 0], [torch.exp])
    assert a.products <= 5  # three different eigenvalues
    hard, _, b, _ = operator(SPECTRA["spread"])
    with pytest.raises(NotConverged, match="after 7 products"):
        functions(hard, b, [lambda x: 1 / x], max_steps=7)
    with pytest.raises(InvalidOption, match="rtol"):
        functions(hard, b, [torch.exp], rtol=0)


def test_what_has_no_value_is_named():
    """Guards NaN in, or a function without a value at an eigenvalue, that comes out as numbers or NaN."""
    a, _, b, _ = operator(SPECTRA["indefinite"])
    broken = b.clone()
    broken[3, 1] = float("nan")
    with pytest.raises(NotFinite, match="row 3, column 1"):
        functions(a, broken, [torch.exp])
    with pytest.raises(NotFinite, match=r"function 1 .* eigenvalue -"):
        functions(a, b, [torch.exp, torch.log])
    with pytest.raises(NotFinite, match="function 0"):
        functions(a, b, [torch.log], max_steps=12)
    singular, _, b, _ = operator(SPECTRA["repeated"])
    for f in (lambda x: 1 / x, torch.log):
        with pytest.raises((SingularHessian, NotFinite), match="eigenvalue"):
            functions(singular, b, [f])
    functions(singular, b, [torch.exp, lambda x: x.abs().sqrt()])
