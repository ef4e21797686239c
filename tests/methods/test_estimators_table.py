"""The committed table of estimators: every entry is in it, and what it says of accuracy comes back."""

import json
from pathlib import Path

import pytest

from bench.estimators import shown
from bench.estimators.__main__ import RESULT, TRIALS
from bench.estimators.measure import accuracy, growth
from bench.estimators.survey import TABLE_1, beside
from metainfl.methods.catalogue import ENTRIES

COMMITTED = json.loads(RESULT.read_text())
ROWS = {r["name"]: r for r in COMMITTED["rows"]}
NAME = {e.name: e.place.rpartition(".")[2] for e in ENTRIES}
QUICK = {
    "TracIn",
    "HyDRA, fast",
    "Shapley",
    "k-NN Shapley",
    "LeafRefit",
    "RelatIF",
    "TRAK",
    "LiSSA-IF",
}


def test_every_estimator_is_in_it():
    """Guards an entry of the catalogue that the table forgets, or that refused where it was measured."""
    assert set(NAME.values()) == set(TRIALS)
    assert list(ROWS) == [e.name for e in ENTRIES]
    assert not [r for r in ROWS.values() if "refused" in r]


@pytest.mark.parametrize(
    "entry", [e if e.name in QUICK else pytest.param(e, marks=pytest.mark.slow) for e in ENTRIES],
    ids=lambda e: e.name,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_its_accuracy_comes_back(entry):
    """Guards a table that is no longer true. Exact ones stay exact; the rest are told to two digits, and
    draws and solvers of other versions may move them by a tenth of what they miss by."""
    found, row = accuracy(entry.load(), TRIALS[NAME[entry.name]]), ROWS[entry.name]
    for key in ("error", "rank", "removal"):
        assert (found[key] is None) == (row[key] is None), key
    if row["error"] is not None:
        assert found["error"] < 1e-9 if row["error"] < 1e-9 else found["error"] < 1.1 * row["error"]
    for key in ("rank", "removal"):
        if row[key] is not None:
            assert abs(found[key] - row[key]) < 0.05, key


def test_exact_ones_are_exact():
    """Guards a table in which an estimator that claims an exact answer misses it."""
    loose = {n for n, r in ROWS.items() if r["error"] is not None and r["error"] > 1e-8}
    said = {n for n, r in ROWS.items() if "approximates" in r["estimand"]}
    drawn = {e.name for e in ENTRIES if e.reads in ("game", "own game")}
    cut = {
        "TracInCP",
        "TracInRP",
        "Cook's distance",
        "Cook's distance, shift",
    }  # by what their names say
    assert loose <= said | drawn | cut


def test_growth_is_a_slope_or_counted():
    """Guards exponents read from the wrong pair."""
    assert growth([[1, 1.0], [2, 4.0], [4, 16.0]]) == pytest.approx(2)
    assert growth([[3, 8], [4, 16], [5, 32]]) == "2^n"


def test_it_stands_beside_table_1():
    """Guards a method of the survey's Table 1 that is left out, and a page that is not what was measured."""
    lines = beside(COMMITTED["rows"], COMMITTED["survey"])
    assert [r["method"] for r in lines] == list(TABLE_1) and len(lines) == 7
    page = Path(RESULT.with_suffix(".md")).read_text()
    assert shown.table(COMMITTED["rows"]) in page
    assert shown.against_survey(COMMITTED["rows"], COMMITTED["survey"]) in page
