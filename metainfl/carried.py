"""Errors that arrive whole in another process: a worker's, in the one that asked."""

from __future__ import annotations

import pickle
from typing import Any


class Carried:
    """For exceptions: pickled by message and attributes, whatever their constructor asks for.

    An attribute that cannot go (a result that holds functions of somebody's own) arrives as None.
    """

    def __reduce__(self) -> Any:
        """What makes it again."""
        own = {name: value if _goes(value) else None for name, value in vars(self).items()}
        return _again, (type(self), self.args, own)  # type: ignore[attr-defined]


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
