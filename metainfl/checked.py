"""Objects whose options are checked at first and whenever they are set later: adaptations and solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Checked:
    """`options` says how each is checked: a value to the value that is kept, or its error."""

    options: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """Attributes are set as usual; an option as its check leaves it."""
        check = self.options.get(name)
        object.__setattr__(self, name, value if check is None else check(value))
