"""Tables are whole in a pipe, and readable on a narrow terminal."""

from metainfl.report.environment import as_text
from metainfl.report.tables import Grid, ledger_grid, scoreboard_grid, show, survey_grid

LONG = "a sentence that is longer than the eighty columns that a pipe is said to have, with [brackets] too"
GRID = Grid(("name", "words", "number"), [("one", LONG, "3"), ("two", "short", "-")], ("number",))


def test_nothing_is_cut_in_a_pipe(capsys):
    show(GRID)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and LONG in lines[1] and lines[1].rstrip().endswith("3")


def test_blocks_on_a_narrow_terminal(capsys):
    """Guards a table that runs over: each row becomes its own lines, empty entries left out."""
    show(GRID, width=40)
    text = capsys.readouterr().out
    assert "name    one" in text and "number  3" in text and "number  -" not in text
    assert "a sentence" in text and "[brackets]" in text and max(map(len, text.splitlines())) <= 40


def test_a_table_where_it_fits(capsys):
    show(GRID, width=140)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_numbers_that_are_not_there_are_dashes():
    row = dict(method="m", family="f", perturbations=3, t1_error=1e-12, t2_error=None, t2_spearman=None,
               claim="c", claim_error=0.0, tolerance=1e-9, verdict="holds", seconds=0.5)  # fmt: skip
    assert list(survey_grid([row]).rows[0]) == [
        "m", "f", "3", "1.0e-12", "-", "-", "c", "0", "1.0e-09", "holds", "0.50 s"
    ]  # fmt: skip
    score = dict(library="l", version="1", method="m", verdict="exact", error=float("nan"), rescaled=None,
                 spearman=0.5, seconds=1.0, computes="x")  # fmt: skip
    assert list(scoreboard_grid([score]).rows[0][3:6]) == ["-", "-", "0.500"]


def test_a_failed_row_of_the_ledger_says_why():
    grid = ledger_grid(
        ("family", "T1 error"), [{"family": "a", "T1 error": 0.5}, {"family": "b", "failed": "no"}]
    )
    assert list(grid.titles) == ["family", "T1 error", "failed"]
    assert [list(r) for r in grid.rows] == [["a", "0.5", ""], ["b", "-", "no"]]


def test_environment_as_text():
    text = as_text({"python": "3.11", "cuda_device": None, "versions": {"metainfl": "1"}})
    assert text.splitlines() == ["metainfl     1", "python       3.11", "cuda_device  none"]
