"""The public names, against accidental change; and that none of them is imported before it is used."""

import ast
import inspect
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

import metainfl

LISTED = Path(__file__).with_name("public_api.txt")


def described(name, value):
    """`name(arguments)`, and for a class its public methods, one a line; annotations as written."""
    if inspect.ismodule(value) or not callable(value):
        return [f"{name}: {type(value).__name__}"]
    if not inspect.isclass(value):
        return [f"{name}{signature(value)}"]
    if issubclass(value, BaseException):
        return [f"{name}: error, a {value.__mro__[1].__name__}"]
    out = [f"{name}{signature(value)}"]
    for own, member in sorted(inspect.getmembers(value)):
        cached = isinstance(member, cached_property)  # which is a routine from Python 3.13 on
        home = getattr(member.func if cached else member, "__module__", "metainfl")
        if own.startswith("_") or not home.startswith("metainfl"):
            continue
        if cached or isinstance(member, property):
            out.append(f"{name}.{own}")
        elif inspect.isroutine(member):
            out.append(f"{name}.{own}{signature(member)}")
    return out


def signature(value):
    """Names, kinds and defaults; annotations are the type checker's."""
    found = inspect.signature(value)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def listing():
    lines = [line for n in metainfl.__all__ for line in described(n, getattr(metainfl, n))]
    return "\n".join(lines) + "\n"


def test_names_and_arguments_are_those_listed():
    """Guards a name, argument or default that goes, comes or changes unnoticed.

    Meant? Then `python -m tests.test_public_api` writes the list again, and CHANGELOG.md says so.
    """
    assert listing() == LISTED.read_text()


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
    assert homes == metainfl._HOME and sorted(homes) == sorted(metainfl.__all__)
    for name in metainfl.__all__:
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
    assert rooms == {
        "carried", "cli", "commands", "errors", "plain", "report", "scale", "whole_file",
    }  # fmt: skip


def test_a_function_is_not_replaced_by_its_room():
    """Guards a name that is both: importing the room `metainfl.influence` binds it in the package."""
    kinds = python(
        "import metainfl.influence.implicit, metainfl\n"
        "print(callable(metainfl.influence), callable(metainfl.task), metainfl.errors.__name__)\n"
        "from metainfl import influence; print(callable(influence))"
    )
    assert kinds == ["True", "True", "metainfl.errors", "True"]


if __name__ == "__main__":
    LISTED.write_text(listing())
