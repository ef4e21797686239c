"""The page of one verdict: header, failures first, glossary; the glossary itself."""

import re
from datetime import UTC, datetime

import pytest

from metainfl.report.document import document
from metainfl.report.glossary import TERMS, terms
from metainfl.report.verdict_page import page
from tests.report.browser import assert_readable, needs_browser

CODE = "method(metainfl.oracle.small_case('proximal_ridge', 0).problem(), [metainfl.task(0)])" * 3
CHECKS = [
    {"status": "pass", "name": "is_quiet", "meaning": "says nothing", "group": "contract", "lines": []},
    {"status": "skip", "name": "other_device", "meaning": "m", "group": "g", "lines": ["no <device>"]},
    {"status": "fail", "name": "agrees_with_the_truth", "meaning": "equals the estimand", "group": "truth",
     "lines": ["median ratio -1", f"reproduce: {CODE}"]},
]  # fmt: skip
FOUND = {
    "method": "a_method_with_a_name_that_is_longer_than_any_phone_is_wide_" * 2,
    "verdict": "does not hold its claim: 1 checks fail; Gamma taken for the Hessian",
    "quick": False,
    "seed": 7,
    "seconds": 12.34,
    "measurements": [{"truth": "T2", "where": "x" * 80, "error": 0.5, "spearman": None}],
    "environment": {"python": "3.11", "versions": {"metainfl": "0.1.0", "torch": "2.4"}},
}


@pytest.fixture(scope="module")
def text():
    return page(FOUND, CHECKS, "derivative, exact")


def test_a_header_says_what_was_run(text):
    """Guards a page without method, claim, seed, versions, date and counts: one found on a disk later."""
    head = text[: text.index("<section")]
    for words in ("which claims: derivative, exact", "seed 7", "all families", "in 12.3 s", "metainfl 0.1.0",
                  "torch 2.4", "<b>1</b> checks fail", "<b>1</b> checks skipped"):  # fmt: skip
        assert words in head
    assert re.search(r"Written <time>\d{4}-\d\d-\d\d \d\d:\d\d UTC", head)


def test_failures_come_first(text):
    order = [text.index(name) for name in ("agrees_with_the_truth", "is_quiet", "other_device")]
    assert order == sorted(order) and "no &lt;device&gt;" in text


def test_its_terms_are_explained_and_no_others(text):
    """Guards words that a newcomer cannot look up, and a glossary longer than its page."""
    words = text[text.index("Terms used here") :]
    assert "<dt>Gamma</dt>" in words and "<dt>estimand</dt>" in words and "<dt>T2</dt>" in words
    assert "<dt>LDS</dt>" not in words


def test_terms_are_read_from_visible_text_only():
    hidden = "<style>.LDS{}</style><p class='Gamma'>nothing</p><script>let CG</script>"
    assert terms(hidden) == []
    assert [name for name, _ in terms("<p>inverse held, LDS</p>")] == ["LDS", "inverse held"]
    drawn = "<td>proximal_ridge, stiff</td><td>many steps, a narrow bound</td>"
    assert [name for name, _ in terms(drawn)] == ["wide, narrow, many, stiff"]
    assert [n for n, _ in terms("metasmoothness 0.9, direct 0.2, a game")] == [
        "direct", "metasmoothness", "game"]  # fmt: skip
    assert all(meaning.endswith(".") for _, meaning in TERMS.values())


def test_the_same_data_and_time_give_the_same_page():
    noon = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)
    pages = {document("a", "b", {"rows": 1}, [], {}, written=noon) for _ in range(2)}
    assert len(pages) == 1 and "2030-01-02 12:00 UTC" in pages.pop()


@needs_browser
def test_readable_at_every_width(text, tmp_path):
    """Guards long names and lines of code that push a page past the edge of a phone."""
    assert_readable(text, tmp_path)
