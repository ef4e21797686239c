"""v(S) from a function: what is known is not computed again, and many masks run in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.errors import InvalidOption, NotFinite
from metainfl.games.game import Array, Masks, checked
from metainfl.games.memo import Memo, key
from metainfl.numbers import said
from metainfl.pools import at_once, ordered
from metainfl.training.progress import bar

#: told (values done, values in all, what is being computed)
Show = Callable[[int, int, str], None]


class Utility:
    """The game v(S) = function(mask) of `n` players.

    function    mask (n,) of booleans -> a number, or a vector with one entry a target. It must return the
                same for the same mask, whatever was asked before
    store       a file of JSON lines: values are kept there and found again, also after a kill
    identity    a text for the store that says what the values depend on: a file of another is refused
    jobs        how many masks at once, through joblib (-1: all cores)
    progress    True: a bar on stderr where that is a terminal; or told (done, total, what) after every value
    `computed` counts the function's calls so far.
    """

    def __init__(
        self,
        function: Callable[[Masks], Any],
        n: int,
        *,
        store: str | Path | None = None,
        identity: str = "",
        jobs: int = 1,
        progress: bool | Show = False,
    ) -> None:
        if not callable(function):
            raise InvalidOption(f"a utility is a function of a mask, got {type(function).__name__}")
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InvalidOption(f"a game has at least one player, got n = {n!r}")
        if not isinstance(identity, str):
            raise InvalidOption(f"identity is a text, got {said(identity)}")
        if store is not None and not identity:
            raise InvalidOption(
                "a store needs an identity: a text that changes when the data, the target or anything else "
                "that v depends on does; without it, values of another game would be taken for these"
            )
        if not (isinstance(progress, bool) or callable(progress)):
            raise InvalidOption(f"progress is True, False or a function, got {progress!r}")
        self.function, self.n, self.jobs, self.progress = function, int(n), at_once(jobs), progress
        self.memo = Memo(self.n, store, identity)
        self.computed = 0

    def __call__(self, mask: Sequence[bool]) -> Any:
        """V of one mask: a number, or (targets,)."""
        return self.many(np.asarray([mask]))[0]

    def many(self, masks: Masks) -> Array:
        """V of each mask (k, n): (k,) or (k, targets). What was computed before Ctrl-C is kept."""
        masks = checked(masks, self.n)
        names = [key(m) for m in masks]
        new = {name: m for name, m in zip(names, masks, strict=True) if name not in self.memo}
        with self._shown(len(new)) as tell:
            found_now = zip(new, self._run(list(new.values())), strict=True)
            for done, (name, value) in enumerate(found_now, 1):
                self.memo.add(name, self._finite(name, value))
                self.computed += 1
                tell(done, f"v({name})")
        found = [self.memo.values[name] for name in names]
        if len({v.shape for v in found}) > 1:
            raise InvalidOption(
                "the utility returned values of different shapes for different masks"
            )
        return np.stack(found) if found else np.zeros(0)

    def _shown(self, total: int) -> AbstractContextManager[Callable[[int, str], object]]:
        """What is told values done and the subset: the bar, the caller's function, or nothing."""
        show = self.progress
        if show is True and total:
            return bar("values of subsets", total, True)
        if callable(show):
            return nullcontext(lambda done, what: show(done, total, what))
        return nullcontext(lambda done, what: None)

    def _run(self, masks: list[Masks]) -> Any:
        """The function's values, in order, as they come."""
        if self.jobs == 1 or len(masks) < 2:
            return (self.function(m.copy()) for m in masks)
        return ordered([(self.function, (m,)) for m in masks], self.jobs)

    def _finite(self, name: str, value: Any) -> Array:
        out = np.array(value, dtype=float)
        if out.ndim > 1:
            raise InvalidOption(
                f"the utility returned shape {out.shape}; it is a number, or one entry a target"
            )
        if not np.isfinite(out).all():
            raise NotFinite(
                f"v is {out} for players {name} (1: in, 0: out): this subset has no value. Leave its "
                "players out of the game, or give it one",
                quantity="value of a subset",
            )
        return out
