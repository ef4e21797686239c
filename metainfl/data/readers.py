"""A data set by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from metainfl.data.bundled import TABLES, read_digits, read_table
from metainfl.data.cifar10 import read_cifar10
from metainfl.data.fc100 import read_fc100
from metainfl.data.labelled import LabelledData
from metainfl.data.mini_imagenet import read_mini_imagenet
from metainfl.data.mnist import read_emnist, read_mnist
from metainfl.data.omniglot import read_omniglot
from metainfl.data.tabular import read_tabular
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks, MissingData

BUNDLED: dict[str, Callable[..., LabelledData]] = {
    "digits": read_digits,
    **{name: partial(read_table, name) for name in TABLES},
}
ON_DISK: dict[str, Callable[..., LabelledData]] = {
    "omniglot": read_omniglot,
    "mnist": read_mnist,
    "emnist": read_emnist,
    "mini-imagenet": read_mini_imagenet,
    "fc100": read_fc100,
    "cifar10": read_cifar10,
    "tabular": read_tabular,
}


@typed
def read(name: str, directory: str | Path | None = None, **options: Any) -> LabelledData:
    """The data set of that name, from `directory` or the folder that METAINFL_DATA names.

    `options` go to its reader (`split`, `parts`, `size`, `kind`; "tabular" needs `table`). The bundled ones
    (digits and tables) need no directory. Raises `MissingData`, `BrokenData`.
    """
    reader = ON_DISK.get(name) or BUNDLED.get(name)
    if reader is not None:
        asked = {n: p for n, p in signature(reader).parameters.items() if n != "directory"}
        takes = set(asked) - {"name"}
        unknown = sorted(set(options) - takes)
        if unknown:
            raise InvalidTasks(
                f"the reader of {name} has no option {', '.join(unknown)}: it takes "
                f"{', '.join(sorted(takes)) or 'none'}"
            )
        needed = [n for n in asked if name in ON_DISK and asked[n].default is Parameter.empty]
        if absent := [n for n in needed if n not in options]:
            raise InvalidTasks(f"the reader of {name} needs {', '.join(absent)}=...")
        return reader(directory, **options) if name in ON_DISK else reader()
    raise MissingData(
        f"no data set is called {name!r}; there are {', '.join(sorted({**BUNDLED, **ON_DISK}))}"
    )
