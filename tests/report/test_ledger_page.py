"""The report in a real browser: it opens, says nothing on the console, sorts and filters."""

import html
import re
import shutil
import subprocess

import pytest

from metainfl.ledger.question import every_question
from metainfl.report.figures import draw
from metainfl.report.ledger_page import Answer, page
from metainfl.report.tables import short

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
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


def browse(report, fragment=""):
    """The page's rows as the browser ends up showing them, and what it said on the console."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
               "--virtual-time-budget=3000", "--dump-dom", f"file://{report}{fragment}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    data = done.stdout.split('data-name="neumann"')[1]
    body = data.split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr( hidden=\"\")?>(.*?)</tr>", body, re.S)
    shown = [re.findall(r"<td[^>]*>(.*?)</td>", r, re.S) for hidden, r in rows if not hidden]
    return [[html.unescape(c) for c in row] for row in shown], console


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt install chromium")


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
