"""The report in a real browser: it opens, says nothing on the console, sorts and filters."""

import html
import re

import pytest

from metainfl.ledger.every import every_question
from metainfl.report.figures import draw
from metainfl.report.ledger_page import Answer, page
from metainfl.report.tables import short
from tests.report.browser import assert_readable, dump, needs_browser

ROWS = [
    {"family": "proximal_ridge", "terms": 5, "T1 error": 0.02, "predicted error": 0.05, "LiSSA error": None},
    {"family": "proximal_ridge", "terms": 50, "T1 error": 3e-9, "predicted error": 1e-8, "LiSSA error": 0.4},
    {"family": "proximal_softmax", "terms": 5, "T1 error": 0.3, "predicted error": 0.5, "LiSSA error": 0.6},
    {"family": "proximal_softmax", "terms": 50, "failed": "NotConverged: <b>diverges</b> & more"},
]  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    question = every_question()["neumann"]
    figure = draw(question.name, question.draw, ROWS, folder)
    answer = Answer(question.name, question.asks, question.read, question.columns, ROWS, figure)
    (folder / "report.html").write_text(page([answer], {"python": "3.11", "<x>": 1}, wanted=7))
    return folder / "report.html"


def test_the_page_is_whole_and_escapes(report):
    text = report.read_text()
    assert (
        "&lt;b&gt;diverges&lt;/b&gt;" in text and "<b>diverges" not in text and "&lt;x&gt;" in text
    )
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text)  # nothing from a network
    assert "prefers-color-scheme:dark" in text and "viewport" in text
    assert text.count("<svg") == 1 and "#262626" not in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_numbers_are_short():
    assert [short(x) for x in (0.5, 3, 1.23456e-9, 123456.0, 0.0)] == [
        "0.5",
        "3",
        "1.2e-09",
        "1e+05",
        "0",
    ]


def test_says_what_failed_first_and_what_is_missing(report):
    """Guards failures that stand at the end of a long table, and a page of half a run that looks whole."""
    text = report.read_text()
    assert text.index("Cells without a number") < text.index("Which one for me?")
    for words in ("<b>4</b> cells computed", "<b>1</b> without a number", "<b>3</b> not computed yet",
                  "neumann: proximal_softmax, 50", "Written <time>20"):  # fmt: skip
        assert words in text


def browse(report, fragment=""):
    """The page's rows as the browser ends up showing them, and what it said on the console."""
    text, console = dump(f"file://{report}{fragment}")
    data = text.split('data-name="neumann"')[1]
    body = data.split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr( hidden=\"\")?>(.*?)</tr>", body, re.S)
    shown = [re.findall(r"<td[^>]*>(.*?)</td>", r, re.S) for hidden, r in rows if not hidden]
    return [[html.unescape(c) for c in row] for row in shown], console


@needs_browser
def test_readable_at_every_width(report, tmp_path):
    """Guards a page that scrolls sideways on a phone or clips its table on a desk."""
    assert_readable(report.read_text(), tmp_path)


@needs_browser
def test_opens_without_a_console_message(report):
    rows, console = browse(report)
    assert not console and len(rows) == 4


@needs_browser
def test_sorts_by_number_not_by_text(report):
    rows, console = browse(report, "#neumann?sort=T1%20error")
    assert not console and [r[2] for r in rows[:3]] == ["3.0e-09", "0.02", "0.3"]
    rows, _ = browse(report, "#neumann?sort=-T1%20error")
    assert [r[2] for r in rows[:3]] == ["0.3", "0.02", "3.0e-09"]


@needs_browser
def test_filters_by_words(report):
    rows, console = browse(report, "#neumann?filter=softmax")
    assert not console and [r[0] for r in rows] == ["proximal_softmax"] * 2
    rows, _ = browse(report, "#neumann?filter=ridge%2050&sort=terms")
    assert [r[:2] for r in rows] == [["proximal_ridge", "50"]]
