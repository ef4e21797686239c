"""A headless browser, where one is installed: a page at three widths, light and dark."""

import html
import re
import shutil
import subprocess

import pytest

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt install chromium")
WIDTHS = (390, 800, 1400)

# Frames from text share the origin of their page, so that it may measure them.
MEASURE = """
onload=()=>{document.getElementById('found').textContent=[...document.querySelectorAll('iframe')].map(f=>{
  const d=f.contentDocument,room=d.documentElement.clientWidth;
  const out=[...d.querySelectorAll('body *')].filter(n=>n.getBoundingClientRect().right>room+1
    &&!n.closest('.wide')&&!n.closest('figure'));
  const boxes=[...d.querySelectorAll('.wide,figure')].filter(n=>n.getBoundingClientRect().right>room+1);
  return [d.documentElement.scrollWidth-room,out.length,boxes.length,
    f.contentWindow.getComputedStyle(d.body).backgroundColor].join('|');}).join(';');}
"""


def dump(address, *options):
    """The page's text when its scripts have run, and what it said on the console."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
               "--virtual-time-budget=3000", *options, "--dump-dom", address]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def measured(page, folder, *, dark):
    """For each width: pixels that the page scrolls sideways, elements and boxes that stick out, colour."""
    frames = "".join(
        f'<iframe width="{w}" height="2000" srcdoc="{html.escape(page, quote=True)}"></iframe>'
        for w in WIDTHS
    )
    path = folder / "frames.html"
    path.write_text(f"<!doctype html>{frames}<pre id='found'></pre><script>{MEASURE}</script>")
    scheme = 0 if dark else 1
    text, console = dump(f"file://{path}", f"--blink-settings=preferredColorScheme={scheme}")
    assert not console, console
    found = re.search(r'<pre id="found">(.*?)</pre>', text).group(1)
    return dict(zip(WIDTHS, (f.split("|") for f in found.split(";")), strict=True))


def assert_readable(page, folder):
    """No sideways scrolling at any width, nothing on the console, and dark is another colour."""
    colours = set()
    for dark in (False, True):
        for width, (scroll, out, boxes, colour) in measured(page, folder, dark=dark).items():
            assert (scroll, out, boxes) == ("0", "0", "0"), (width, dark, scroll, out, boxes)
            colours.add(colour)
    assert len(colours) == 2
