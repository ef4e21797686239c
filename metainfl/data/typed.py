"""Arguments by their annotations: no tensor, data set, tasks, dtype or function is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from inspect import Parameter, signature
from types import UnionType
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.numbers import said
from metainfl.problem.tasks import Tasks

P = ParamSpec("P")
R = TypeVar("R")

#: what there is to give, by the class that an annotation names
WORDS: dict[type, str] = {
    Tensor: "a torch.Tensor (torch.as_tensor makes one of a list or an array)",
    Tasks: "metainfl.Tasks, as episodes(...) returns them",
    torch.dtype: "a torch.dtype, such as torch.float64",
    str: "a word",
}
#: that of a data set, which lives further up: by name
DATA = "LabelledData", "LabelledData, as the readers of metainfl.data return it"


def typed(f: Callable[P, R]) -> Callable[P, R]:
    """f, raising `InvalidTasks` with the argument's name where it is something else than annotated.

    Looked at are tensors, tasks, data sets, dtypes, functions and words; f judges numbers and paths.
    """
    asked = signature(f)

    @wraps(f)
    def looked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = asked.bind(*args, **kwargs).arguments
        except TypeError:
            return f(*args, **kwargs)  # for Python to say what is missing, or one too many
        for name, value in given.items():
            kind = asked.parameters[name].kind
            if kind is Parameter.VAR_KEYWORD:
                continue
            for one in value if kind is Parameter.VAR_POSITIONAL else (value,):
                words = _wrong(one, _hints(f).get(name))
                if words:
                    raise InvalidTasks(f"{name} must be {words}, got {said(one)}")
        return f(*args, **kwargs)

    return looked


@cache
def _hints(f: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(f)


def _wrong(value: Any, hint: Any) -> str:
    """What it must be, where it is not; empty where it is, or where the annotation says nothing of that."""
    kinds = [k for k in (get_args(hint) or (hint,)) if k is not type(None)]
    if get_origin(hint) is Callable or any(get_origin(k) is Callable for k in kinds):
        optional = value is None and type(None) in get_args(hint)
        return "" if callable(value) or optional else "a function of a tensor"
    if len(kinds) != 1 or get_origin(hint) not in (None, Union, UnionType):
        return ""
    kind = kinds[0]
    if kind is Any or not isinstance(kind, type) or isinstance(value, kind):
        return ""
    if value is None and len(get_args(hint)) > 1:
        return ""
    return DATA[1] if kind.__name__ == DATA[0] else WORDS.get(kind, "")
