"""Finding a user's object from `package.module:object` or `file.py:object`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from metainfl.commands.blame import users_line, words
from metainfl.commands.refusal import Refused


def load(target: str, *, callable_only: bool = True) -> Any:
    """What `target` names, a callable unless told otherwise; a sentence where there is none."""
    where, found, name = target.partition(":")
    if not (found and name and where):
        raise Refused(
            f"{target!r} is not of the form package.module:object or file.py:object; "
            "give both the place and the name"
        )
    file = where.endswith(".py")
    if file and not Path(where).is_file():
        raise Refused(f"there is no file {where}; check the path, seen from {Path.cwd()}")
    if not file and (Path(where).is_file() or where.startswith(".") or os.sep in where):
        raise Refused(f"{where} is no Python file; name one that ends in .py")
    module = run(f"importing {where}", _from_file if file else _from_name, where)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            raise Refused(f"{where} has no {name!r}; it has {_own(module, name)[:300]}")
        value = getattr(value, part)
    if callable_only and not callable(value):
        raise Refused(
            f"{target!r} is a {type(value).__name__}, not a callable; name a function, or an object "
            "with __call__"
        )
    return value


def _own(module: ModuleType, like: str) -> str:
    """Names that the module defines itself, those like the one asked for first."""
    names = [
        n for n, v in vars(module).items()
        if not n.startswith("_") and not isinstance(v, ModuleType)
        and getattr(v, "__module__", module.__name__) == module.__name__
    ]  # fmt: skip
    close = get_close_matches(like, names, n=3)
    return ", ".join(close + [n for n in names if n not in close]) or "nothing of its own"


def run(doing: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """call(*arguments), its exceptions as a sentence that names the line in the user's file."""
    try:
        return call(*arguments)
    except Refused:
        raise
    except SyntaxError as error:
        place = doing if error.lineno is None else f"{error.filename}, line {error.lineno}"
        raise Refused(f"{place}: {error.msg}; correct it and run the command again") from error
    except ModuleNotFoundError as error:
        raise Refused(
            f"{doing}: {error}; install it, or run the command where it can be imported"
        ) from error
    except SystemExit as error:
        raise Refused(
            f"{doing} ends the program (SystemExit: {error}); keep what it does when run as a script "
            'under `if __name__ == "__main__":`'
        ) from error
    except Exception as error:
        line = users_line(error)
        place = f" ({line})" if line else ""
        raise Refused(
            f"{doing} raises {words(error)}{place}; correct it and run the command again"
        ) from error


@contextmanager
def importable(folder: str) -> Iterator[None]:
    """Modules in `folder` can be imported, as when Python runs a file there; put back after."""
    before = list(sys.path)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _from_name(name: str) -> ModuleType:
    with importable(""):  # as `python -m` does: modules beside the caller
        return importlib.import_module(name)


def _from_file(where: str) -> ModuleType:
    path = Path(where).resolve()
    taken = path.stem in sys.modules  # a file torch.py must not take torch's place
    name = f"_target_{path.stem}" if taken else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up by name
    try:
        with importable(str(path.parent)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
