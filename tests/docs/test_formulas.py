"""The page of formulas: each file it names exists and cites that place, and the papers have what is cited."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.citations import cited, documented, numbers, written

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "formulas.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="not run from a checkout")

#: what the papers number
PRINTED = {
    "001": {
        "eq": "1 to 20", "Thm": "4.1, 4.3, 4.5 to 4.7, 5.1, A.1, A.3, A.5 to A.7", "Prop": "4.8, A.8",
        "Def": "4.2, 5.2, A.2, A.9", "Remark": "4.4, A.4", "Alg": "1 to 6",
        "sect": "1 to 7, 4.1 to 4.2, 5.1 to 5.2, 6.1 to 6.4, A.1 to A.3",
    },
    "002": {"eq": "1 to 18", "sect": "1 to 6, 4.1 to 4.3, 5.1 to 5.2"},
    "003": {
        "eq": "1 to 80", "Remark": "1 to 9", "Alg": "1 to 4",
        "sect": "1 to 8, 1.1 to 1.2, 3.1 to 3.3, 3.1.1 to 3.1.2, 4.1 to 4.3, 4.1.1 to 4.1.3, 4.2.1 to 4.2.3, "
        "4.3.1 to 4.3.3, 5.1 to 5.3, 5.1.1 to 5.1.2, 5.1.1.1 to 5.1.1.3, 5.1.2.1 to 5.1.2.3, 5.2.1 to 5.2.2, "
        "5.2.1.1 to 5.2.1.3, 5.2.2.1 to 5.2.2.3",
    },
    "004": {
        "eq": "2.1 to 2.3, 4.1, A.1 to A.7", "Thm": "1", "Alg": "1 to 4", "sect": "1 to 6, 5.1 to 5.2",
    },
}  # fmt: skip
EXIST = {(p, k, n) for p, kinds in PRINTED.items() for k, ns in kinds.items() for n in numbers(ns)}
CODE = sorted(f for room in ("metainfl", "reference") for f in (ROOT / room).rglob("*.py"))
#: rooms whose citations say what an estimator is held against, not where a formula stands
BESIDE = ("metainfl/oracle", "metainfl/experiments", "metainfl/ledger", "reference/errata")


def rows():
    """(paper or None, place, files) of each line."""
    for part in PAGE.read_text().split("\n## ")[1:]:
        paper = re.match(r"00[1-4]|", part)[0] or None
        for line in re.findall(r"^\| (.*) \|$", part, re.MULTILINE)[1:]:
            place, _, *files = (cell.strip() for cell in line.split("|"))
            named = [re.findall(r"`(.*?)`", cell) for cell in files]
            yield paper, place, [
                f"{room}/{name}" for room, names in zip(("metainfl", "reference"), named, strict=True)
                for name in names
            ]  # fmt: skip


ROWS = list(rows())


@pytest.mark.parametrize(
    ("paper", "place", "files"), ROWS, ids=[f"{p or 'other'}-{where}" for p, where, _ in ROWS]
)
def test_each_file_names_its_place(paper, place, files):
    """Guards a file that has moved, and a docstring that no longer says where its formula is from."""
    assert files
    for name in files:
        if paper is None:
            assert place in str(ast.get_docstring(ast.parse((ROOT / name).read_text()))), name
        else:
            wanted = set(cited(place, paper))
            assert wanted and wanted <= documented(ROOT / name), name


@pytest.mark.parametrize("room", ("metainfl", "reference", "docs", "tests"))
def test_the_papers_have_what_is_cited(room):
    """Guards a citation of an equation or section that the paper does not number."""
    paths = [p for p in (ROOT / room).rglob("*") if p.suffix in (".py", ".md")]
    wrong = {str(p.relative_to(ROOT)): bad for p in paths if (bad := written(p) - EXIST)}
    assert not wrong


def test_every_equation_that_code_cites_is_on_the_page():
    """Guards a page that new estimators have left behind."""
    listed = {place for paper, where, _ in ROWS if paper for place in cited(where, paper)}
    missing = {
        (place, str(p.relative_to(ROOT)))
        for p in CODE
        if not str(p.relative_to(ROOT)).startswith(BESIDE)
        for place in documented(p) - listed
        if place[1] in ("eq", "Thm", "Prop", "Def")
    }
    assert not missing


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(Chen et al. 2021; 003, eqs 57 to 59, 79)", "003 eq 57,58,59,79"),
        ("Theorem 5.1 of paper 001: H", "001 Thm 5.1"),
        ("(002, eqs 8-9), eq. 12", "002 eq 8,9,12"),
        ("(003, eq. 80 and Alg. 4)", "003 eq 80 Alg 4"),
        ("(Hara 2019, eq. 6; 003, section 5.2.2.3)", "003 sect 5.2.2.3"),
        ("004 (eqs 2.1 to 2.3)", "004 eq 2.1,2.2,2.3"),
        ("rate 0.001, eq. 3; 002-noise, section 5", ""),
    ],
    ids=["range", "paper after", "carried on", "two kinds", "other source", "dotted", "no paper"],
)
def test_citations_are_read(text, found):
    words = found.split()
    wanted = {
        (words[0], kind, n) for kind, ns in zip(words[1::2], words[2::2], strict=True) for n in ns.split(",")
    } if words else set()  # fmt: skip
    assert set(cited(text)) == wanted
