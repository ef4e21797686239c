"""The public names, against accidental change; and that none of them is imported before it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import metainfl

PUBLIC = [
    "BranchLost",
    "BrokenData",
    "Claim",
    "FromModule",
    "Interrupted",
    "InvalidOption",
    "InvalidProblem",
    "InvalidTasks",
    "Linear",
    "LinearEmbedding",
    "MetainflError",
    "Method",
    "MissingData",
    "NoAdaptation",
    "NotConverged",
    "NotFinite",
    "NotStationary",
    "Perturbation",
    "Problem",
    "Prototypes",
    "Proximal",
    "ProximalCG",
    "ProximalRidge",
    "RidgeHead",
    "SingularHessian",
    "Stored",
    "Tasks",
    "Unrolled",
    "claims",
    "cross_entropy",
    "curvature",
    "direct_if",
    "group",
    "influence",
    "instance_if_query",
    "instance_if_support",
    "load",
    "query",
    "removal",
    "save",
    "scores",
    "shift",
    "solve",
    "squared",
    "support",
    "symmetry",
    "task",
    "task_if",
    "task_if_cg",
]


def test_the_names_are_those_listed():
    """Guards against a name that goes, or comes, unnoticed: change the list with the changelog."""
    assert list(metainfl.__all__) == PUBLIC


def test_every_name_is_there_and_listed_everywhere():
    """Guards against a name that type checkers see and Python does not, or the other way round."""
    tree = ast.parse(Path(metainfl.__file__).read_text())
    checked = next(n for n in tree.body if isinstance(n, ast.If))
    homes = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == metainfl._HOME and sorted(homes) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(metainfl, name) is not None and name in dir(metainfl)
    with pytest.raises(AttributeError, match="nonsense"):
        metainfl.nonsense  # noqa: B018


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_and_command_line_wait_with_torch():
    """Guards the time to help and to import: modules are counted, seconds belong to the machine."""
    loaded = python(
        "import sys, metainfl; n = len(sys.modules); import metainfl.cli\n"
        "print(n, *(m for m in ('torch', 'numpy', 'scipy', 'sklearn', 'rich.console') if m in sys.modules))\n"
        "print(*(m for m in sys.modules if m.startswith('metainfl.')))"
    )
    assert int(loaded[0]) < 150
    rooms = {m.split(".")[1] for m in loaded[1:]}  # nothing heavy among them: those have no dot
    assert all(m.startswith("metainfl.") for m in loaded[1:])
    assert rooms == {"cli", "commands", "errors", "report", "scale"}


def test_a_function_is_not_replaced_by_its_room():
    """Guards a name that is both: importing the room `metainfl.influence` binds it in the package."""
    kinds = python(
        "import metainfl.influence.implicit, metainfl\n"
        "print(callable(metainfl.influence), callable(metainfl.task), metainfl.errors.__name__)\n"
        "from metainfl import influence; print(callable(influence))"
    )
    assert kinds == ["True", "True", "metainfl.errors", "True"]
