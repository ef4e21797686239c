"""Intervals in words and as numbers are the same ones."""

import json
from pathlib import Path

import pytest

from metainfl.experiments import as_numbers
from metainfl.metrics.intervals import Interval, interval

RESULTS = Path(__file__).parents[2] / "bench" / "results" / "reproduce"


@pytest.mark.parametrize("mean", [0.0, -0.0123456, 0.5, 47.7, 1234567.0, 1.5e-15, -2e300])
@pytest.mark.parametrize("half", [0.0, 3.3e-06, 0.19, 34.4, 2.5e7])
def test_what_is_written_is_read(mean, half):
    """Guards a form of number that is written and not read, and ends that are not the mean and its half.

    Three digits of the mean are told and two of the half width: 0.005 and 0.05 of each.
    """
    text = f"Omniglot: gap {Interval(mean, half, 5)}; MNIST {Interval(-mean, half, 20)}, at most"
    one, other = as_numbers.intervals(text)
    assert (one["of"], other["of"]) == ("Omniglot: gap", "MNIST") and (one["n"], other["n"]) == (
        5,
        20,
    )
    for found, value in ((one, mean), (other, -mean)):
        room = 0.005 * abs(mean) + 0.05 * half
        assert abs(found["value"] - value) <= 0.005 * abs(mean)
        assert abs(found["low"] - (value - half)) <= room
        assert abs(found["high"] - (value + half)) <= room


def test_one_seed_has_no_ends():
    """Guards an infinity, which JSON does not have."""
    [found] = as_numbers.intervals(f"gap {interval([0.25])}")
    assert found == {"of": "gap", "value": 0.25, "low": None, "high": None, "n": 1}
    assert as_numbers.intervals("-") == [] == as_numbers.intervals("dot product 3e-15")


def test_cells_of_a_table():
    """Guards text that is taken for a number because an interval stands in it."""
    row = {"score": "dot product", "labelled": 20, "gap": str(interval([1.0, 2.0, 3.0]))}
    row["both"] = f"{row['gap']} and {row['gap']}"
    [found] = as_numbers.rows([row])
    assert found == {**row, "gap": {"value": 2.0, "low": -0.5, "high": 4.5, "n": 3}}


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/result.json")), ids=lambda p: p.parent.name)
def test_every_interval_that_was_told_is_found(path):
    """Guards an experiment that tells its intervals in a form of its own."""
    result = json.loads(path.read_text())
    for claim in result["claims"]:
        assert len(as_numbers.intervals(claim["ours"])) == claim["ours"].count("+-")
    for table in result["tables"]:
        for row, found in zip(table["rows"], as_numbers.rows(table["rows"]), strict=True):
            told = [k for k, v in row.items() if "+-" in str(v)]
            assert all(isinstance(found[k], dict) for k in told)
