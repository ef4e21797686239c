"""The pages of the site: each is one program, its links lead somewhere, and all of them are in the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="not run from a checkout")

SOURCES = sorted([*DOCS.glob("*.md"), *(DOCS / "api").glob("*.md")])
#: the tutorial has a test of its own in tests/test_readme.py, which reads what it prints
RUN = [p for p in SOURCES if "```python\n" in p.read_text() and p.name != "judge_your_method.md"]


def programs(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda p: p.stem)
def test_every_block_runs_from_top_to_bottom(page):
    """Guards code on a page that no longer runs, or whose assertion no longer holds."""
    names = {"__name__": "page"}
    for code in programs(page):
        exec(compile(code, page.name, "exec"), names)


def headings(page):
    """Anchors as the site makes them from headings."""
    return {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in page.read_text().splitlines()
        if re.match(r"#{1,3} ", line)
    }


@pytest.mark.parametrize("page", SOURCES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    """Guards a link to a page, file or heading that is not there (offline: addresses are left alone)."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+://", link):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def toctree(page):
    """Sources that a page's index names, `_gallery/index` being written by the build."""
    for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line and not line.startswith(":") and not line.startswith("_gallery/"):
                yield (page.parent / f"{line}.md").resolve()


def test_every_page_is_in_the_index():
    """Guards a page that nobody can reach, or an entry without a page."""
    index = DOCS / "index.md"
    named = {index.resolve(), *toctree(index), *toctree(DOCS / "api" / "index.md")}
    assert named == {p.resolve() for p in SOURCES}


def test_rooms_of_the_api_exist():
    """Guards an API page of a room that has moved."""
    from importlib import import_module

    for page in (DOCS / "api").glob("*.md"):
        for name in re.findall(r"automodule:: (\S+)", page.read_text()):
            assert import_module(name).__doc__


def test_gallery_compiles_and_every_example_draws():
    """Guards an example that only the build would find broken; the build runs them (make site)."""
    found = sorted((DOCS / "gallery").glob("plot_*.py"))
    assert len(found) >= 3
    for path in found:
        compile(path.read_text(), path.name, "exec")
        assert "plt." in path.read_text()


def test_commands_named_on_pages_exist():
    """Guards a command of the command line, or a target of make, that is gone."""
    from metainfl.cli import app

    names = {c.name or c.callback.__name__.replace("_", "-") for c in app.registered_commands}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in SOURCES:
        if page.name == "architecture.md":
            continue
        text = page.read_text()
        for name in re.findall(r"[`$] ?metainfl ([a-z][a-z-]+)", text):
            assert name in names, (page.name, name)
        for name in re.findall(r"[`$] ?make ([a-z][a-z-]+)", text):
            assert name in targets, (page.name, name)


def test_site_is_built_by_ci_with_warnings_as_errors():
    """Guards a site that nobody builds: the test above reads sources only."""
    assert "make site" in (ROOT / ".ci" / "run").read_text()
    recipe = (ROOT / "Makefile").read_text().split("\nsite:")[1].split("\n\n")[0]
    assert " -W " in recipe
