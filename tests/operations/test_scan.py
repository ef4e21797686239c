"""torch's own samples of operations that were once wrong without a word, or failed without a name: each is
right now in every way in which derivatives are taken, or refused by name.

Guards the kind: a derivative of torch that is wrong in one order, or in one batching, only. The whole table
is bench/results/operations.json; `python -m bench.operations` makes it.
"""

import json

import pytest

from bench.operation_samples import operations
from bench.operation_ways import Ways, said
from bench.operations import RESULT, of_operation
from metainfl import operations as replaced
from metainfl.errors import NotDerived

RIGHT = (
    "cholesky_inverse",
    "linalg.solve",
    "linalg.slogdet",
    "nn.functional.conv_transpose1d",
    "nn.functional.hardsigmoid",
    "nn.functional.multilabel_margin_loss",
    "nn.functional.multi_margin_loss",
    "nn.functional.soft_margin_loss",
    "roll",
    "select_scatter",
    "view_as_complex",
)
REFUSED = (
    "_batch_norm_with_update",
    "as_strided",
    "linalg.eigvals",
    "nn.CTCLoss",
    "nn.functional.fractional_max_pool2d",
    "nn.functional.max_unpool3d",
    "scatter_reduce.prod",
)
PLANNED = ("index_reduce.amin",)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*RIGHT, *REFUSED, *PLANNED])
def test_what_once_failed(name):
    """Errors are at most 1e-5 of what differences of order 2 to 4 give, in every way."""
    if name not in operations():
        pytest.skip("not in this torch")
    found = of_operation(name, 1)
    wanted = "right" if name in RIGHT else "refused" if name in REFUSED else "right as planned"
    assert found["verdict"] in (wanted, "right"), found
    assert not any("Error: " in str(way) for way in found["ways"].values()), found["ways"]


def test_the_committed_table_holds_nothing_wrong():
    """Nor anything that ended its process."""
    rows = json.loads(RESULT.read_text())["operations"]
    bad = {n: r for n, r in rows.items() if r["verdict"] in ("wrong", "failed")}
    assert len(rows) > 600 and not bad, bad


@pytest.mark.filterwarnings("ignore")
def test_the_scan_sees_a_wrong_operation(monkeypatch):
    """Without our formulas, torch's batched forward mode of a linear solve is off by a factor."""
    monkeypatch.setattr(replaced, "INSTEAD", {})
    from bench.operation_samples import problem_of

    operation = next(operations()["linalg.solve"](1))
    errors = Ways(problem_of(operation, 1, chunk=1)).all()
    wrong = {n for n, e in errors.items() if not isinstance(e, str) and e > 1e-5}
    if not wrong:
        pytest.skip("this torch has mended linalg.solve")
    assert wrong <= {"parameters, 2, many", "outputs, 2, many"}


def test_a_failure_of_torch_has_our_name():
    assert said(NotDerived("no derivative")) == "no derivative"
    assert said(RuntimeError("no derivative")).startswith("RuntimeError: ")
