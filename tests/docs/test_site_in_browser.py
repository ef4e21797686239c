"""The site's own pages in a browser, where it has been built and one is here: three widths, two schemes."""

import re
from pathlib import Path

import pytest

from tests.report.browser import WIDTHS, dump, needs_browser

SITE = Path(__file__).parents[2] / "docs" / "_build"
PAGES = sorted(p for p in SITE.rglob("*.html") if "_static" not in p.parts)
SOME = [p for p in PAGES if p.parent == SITE] + [p for p in PAGES if p.parent != SITE][::16]
MEASURE = """
onload=()=>{document.getElementById('found').textContent=[...document.querySelectorAll('iframe')].map(f=>{
  const d=f.contentDocument.documentElement;
  return [d.scrollWidth-d.clientWidth,d.innerText.length,
    f.contentWindow.getComputedStyle(f.contentDocument.body).backgroundColor].join('|');}).join(';');}
"""


@needs_browser
@pytest.mark.slow
@pytest.mark.skipif(not SOME, reason="the site is not built: make site")
@pytest.mark.parametrize("page", SOME, ids=lambda p: str(p.relative_to(SITE)))
def test_pages_fit_and_say_nothing_on_the_console(page, tmp_path):
    """Guards tables and code that push a page wider than a phone, missing files, and one scheme for both."""
    frames = "".join(
        f'<iframe width="{w}" height="1500" src="{page.as_uri()}"></iframe>' for w in WIDTHS
    )
    path = tmp_path / "frames.html"
    path.write_text(f"<!doctype html>{frames}<pre id='found'></pre><script>{MEASURE}</script>")
    colours = set()
    for scheme in (0, 1):
        text, console = dump(
            f"file://{path}",
            "--allow-file-access-from-files",
            f"--blink-settings=preferredColorScheme={scheme}",
        )
        assert not console, console
        found = re.search(r'<pre id="found">(.*?)</pre>', text).group(1).split(";")
        for width, measured in zip(WIDTHS, found, strict=True):
            sideways, letters, colour = measured.split("|")
            assert sideways == "0" and int(letters) > 100, (width, scheme, measured)
            colours.add(colour)
    assert len(colours) == 2, colours
