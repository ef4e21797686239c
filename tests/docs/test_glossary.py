"""The glossary of the site and the one that stands under the pages: one meaning a term."""

import re
from pathlib import Path

import pytest

from metainfl.report.glossary import TERMS

PAGE = Path(__file__).parent.parent.parent / "docs" / "glossary.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="not run from a checkout")


def test_both_say_the_same():
    """Guards a term that the documentation defines otherwise than the pages do."""
    told = dict(re.findall(r"\*\*(.+?)\*\*\n: (.+)", PAGE.read_text().replace("\\*", "*")))
    assert {name: told.get(name) for name in TERMS} == {
        n: meaning for n, (_, meaning) in TERMS.items()
    }
