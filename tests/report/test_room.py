"""report/ renders plain data: it asks no other room, so that every room may use it without a circle."""

import ast
from pathlib import Path

import metainfl.report

FILES = sorted(Path(metainfl.report.__file__).parent.glob("*.py"))


def test_report_imports_no_other_room():
    """Guards a writer that knows the oracle or the ledger; imports inside functions count too."""
    named = set()
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named.add(node.module)
    own = {name for name in named if name.startswith("metainfl")}
    assert (
        len(FILES) > 5
        and own
        and all(name.startswith("metainfl.report.") or name == "metainfl.plain" for name in own)
    )
