"""Settings of numpy that later programs feel: lost numbers, printing, and where random numbers come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: what `watched` looks at by itself, since it lends each call an error state
ERRORS = "numpy's error handling"
_random: Any = np.random  # its stubs do not name the two functions


def errors() -> tuple[dict[str, Any], Any, int]:
    """What numpy does where a number is lost, whom it calls then, and the size of its buffer."""
    return dict(np.geterr()), np.geterrcall(), np.getbufsize()


def _errors(value: tuple[dict[str, Any], Any, int]) -> None:
    np.seterr(**value[0])
    np.seterrcall(value[1])
    np.setbufsize(value[2])


#: name -> how to read it, how to put it back
NUMPY: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    ERRORS: (errors, _errors),
    "numpy's source of random numbers": (_random.get_bit_generator, _random.set_bit_generator),
    "numpy's print options": (np.get_printoptions, lambda value: np.set_printoptions(**value)),
}
