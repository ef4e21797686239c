"""Kind guarded: code that is sent by value, a closure say, and forgets the file that it stands in."""

import functools
from pathlib import Path

import pytest

from metainfl.oracle import check_method

HERE = Path(__file__).name


def made(words):
    def closure(problem, perturbations):
        raise ValueError(words)

    return closure


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (made("no such scale"), "closure"),
        (functools.partial(lambda i, problem, perturbations: [][i], 3), "<lambda>"),
    ],
)
def test_an_error_shows_the_line_of_its_own_file(method, name):
    report = str(check_method(method, quick=True, checks=["returns_an_array"]))
    line = next(row for row in report.splitlines() if HERE in row and "in " in row)
    assert f", in {name}: " in line and ("raise ValueError(words)" in line or "[][i]" in line)
