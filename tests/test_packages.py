"""The wheel holds every package of the tree: a room left out would import only from a checkout."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_package_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = set()
    for top, name in (("metainfl", "metainfl"), ("reference", "metainfl_reference")):
        for init in (ROOT / top).rglob("__init__.py"):
            found.add(".".join((name, *init.parent.relative_to(ROOT / top).parts)))
    assert set(declared["packages"]) == found


def test_citation_carries_the_version():
    """Guards a citation that names another release than the one at hand."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


def test_issue_templates_ask_for_the_environment():
    """Guards a template whose command does not exist any more."""
    from metainfl.cli import app

    names = {c.name or c.callback.__name__ for c in app.registered_commands}
    assert "report-environment" in names
    templates = list((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(templates) >= 3
    assert all("`metainfl report-environment`" in t.read_text() for t in templates)
