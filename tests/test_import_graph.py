"""Imports go one way: no circle of modules, counting those inside functions and under TYPE_CHECKING too."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOPS = {"metainfl": "metainfl", "reference": "metainfl_reference"}


def modules():
    """Every module of both packages: its name and its file."""
    found = {}
    for folder, top in TOPS.items():
        for file in (ROOT / folder).rglob("*.py"):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join((top, *(p for p in parts if p != "__init__")))] = file
    return found


def imported(tree, known):
    """Names of the modules that the code imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute here"
            for a in node.names:
                inside = f"{node.module}.{a.name}"
                if inside in known or node.module in known:
                    yield inside if inside in known else node.module


def graph():
    known = modules()
    trees = {name: ast.parse(file.read_text()) for name, file in known.items()}
    return {name: set(imported(tree, known)) - {name} for name, tree in trees.items()}


def test_no_circle_of_imports():
    """Guards rooms that cannot be understood, or moved, one without the other."""
    edges = graph()
    assert len(edges) > 400 and sum(map(len, edges.values())) > 1500
    try:
        tuple(TopologicalSorter(edges).static_order())
    except CycleError as circle:
        pytest.fail("circle of imports: " + " <- ".join(circle.args[1]))


def test_no_circle_of_rooms():
    """Guards two rooms that need one another, though no two of their files do."""
    edges = {}
    for name, others in graph().items():
        edges.setdefault(room(name), set()).update(room(o) for o in others)
    for name, others in edges.items():
        others.discard(name)
    assert edges["metainfl.training"] and "metainfl.training" in edges["metainfl.scale"]
    try:
        tuple(TopologicalSorter(edges).static_order())
    except CycleError as circle:
        pytest.fail("circle of rooms: " + " <- ".join(circle.args[1]))


def test_rooms_need_those_above_them_in_the_architecture():
    """Guards a page that no longer says how the house is built."""
    page = (ROOT / "docs/architecture.md").read_text().split("```")[1].split("reference/")[0]
    listed = re.findall(r"^  ([a-z]+)/", page, re.M)
    above = {f"metainfl.{r}": n for n, r in enumerate(listed)}
    upward = {
        (room(name), room(other))
        for name, others in graph().items()
        for other in others
        if above.get(room(name), len(above)) < above.get(room(other), -1)
    }
    assert not upward
    folders = {p.parent.name for p in (ROOT / "metainfl").glob("*/__init__.py")}
    assert set(listed) == folders


def room(name):
    """The folder right below the package that a module is in."""
    return ".".join(name.split(".")[:2])


def test_a_circle_would_be_seen():
    """Guards a test that cannot fail: an import inside a function, or for types alone, counts."""
    known = {"metainfl.a": None, "metainfl.b": None}
    late = "def f():\n    from metainfl.b import g\n"
    typed = "if TYPE_CHECKING:\n    import metainfl.b\n"
    for code in (late, typed, "from metainfl import b"):
        assert set(imported(ast.parse(code), known)) == {"metainfl.b"}


def test_the_reference_imports_nothing_of_production():
    """Guards a truth that is production's own word."""
    mixed = {
        (name, other)
        for name, others in graph().items()
        for other in others
        if name.startswith("metainfl_reference") and not other.startswith("metainfl_reference")
    }
    assert not mixed
