"""How the documentation site is built: `make site`. Nothing here needs a network."""

import re
from importlib.metadata import version as installed
from pathlib import Path

from metainfl.experiments.results import results
from metainfl.report.reproduce_page import page

project = "metainfl"
author = "The metainfl authors"
version = release = installed("metainfl")

extensions = ["sphinx.ext.autodoc", "myst_parser", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "gallery/*.md", "gallery/*.rst"]
html_theme = "furo"
html_title = "metainfl"
html_show_sourcelink = False
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "imported-members": True}
nitpicky = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "filename_pattern": r"plot_.*\.py",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "reset_modules": (),
}


def _prose(paragraph):
    """Words stay words: what reST would read as markup is escaped, `code` becomes code."""
    parts = re.split(r"`([^`]+)`", paragraph)
    words = [re.sub(r"([\\*|_])", r"\\\1", part) for part in parts[::2]]
    code = [f"\\ ``{part}``\\ " for part in parts[1::2]] + [""]
    return "".join(w + c for w, c in zip(words, code, strict=True))


def _paragraphs(lines):
    block = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def plain(app, what, name, obj, options, lines):
    """Docstrings are plain text: paragraphs as such, formulas and tables (indented, spaced) as they are."""
    out = []
    for block in _paragraphs(lines):
        if any(re.search(r"^\s|\S {2,}\S", line) for line in block):
            out += [".. code-block:: text", "", *("   " + line for line in block), ""]
        else:
            out += [_prose(" ".join(block)), ""]
    lines[:] = out


def claims(app, error):
    """Beside the pages: the papers' claims with tables and figures, as `metainfl reproduce` writes them."""
    if error is None:
        folder = Path(__file__).parent.parent / "bench" / "results" / "reproduce"
        found = results(folder)
        text = page(found, folder, found[0]["environment"])
        (Path(app.outdir) / "claims.html").write_text(text, encoding="utf-8")


def setup(app):
    """Registers the reader of docstrings, and the page of claims."""
    app.connect("autodoc-process-docstring", plain)
    app.connect("build-finished", claims)
