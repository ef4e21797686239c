"""Every name that a script outside the packages takes from them exists: site, gallery, benchmarks."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    [
        *(ROOT / "docs").glob("*.py"),
        *(ROOT / "docs/gallery").glob("*.py"),
        *(ROOT / "bench").rglob("*.py"),
    ]
)
OURS = ("metainfl", "metainfl_reference", "bench")


def taken(path):
    """(module, name) of each `from ... import ...` of ours; name is None for `import ...`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, None) for a in node.names if a.name.split(".")[0] in OURS)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_script_takes_only_names_that_exist(path):
    """Guards the scripts that only `make site` or a benchmark runs, when a name moves to another room."""
    for module, name in taken(path):
        found = importlib.import_module(module)
        if name and not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
