"""Errors that arrive whole in another process: a worker's, in the one that asked."""

from __future__ import annotations

import pickle
from typing import Any


def carried(error: BaseException) -> Any:
    """For `__reduce__`: by message and attributes, whatever the constructor asks for.

    An attribute that cannot go (a result that holds functions of somebody's own) arrives as None.
    """
    own = {name: value if _goes(value) else None for name, value in vars(error).items()}
    return _again, (type(error), error.args, own)


def sendable(error: Exception) -> Exception:
    """The error itself where it can go to another process, else one that says what it said."""
    if _goes(error):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _goes(value: object) -> bool:
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:  # pickle raises whatever the value's own code does
        return False
    return True


def _again(kind: type[BaseException], args: tuple[Any, ...], own: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(own)
    return error
