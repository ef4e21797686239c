"""States of a run kept within a given number of bytes; the others are computed again when asked for.

With room for C states and S steps: all are kept while S <= C. Otherwise every L-th is, with the smallest L
for which S/L of them and one segment of L fit (S <= C^2/4: each step is then computed once more on the way
back); beyond that segments are split again, so that any C >= 1 serves any S, for more work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from metainfl.errors import InvalidRecipe
from metainfl.training.given import number
from metainfl.training.program import Program
from metainfl.training.state import State


class Checkpoints:
    """The states s_0, ... of a program, as far as they were reached, within `keep` bytes."""

    def __init__(self, program: Program, keep: int) -> None:
        size = program.start.bytes()
        try:
            room = number(keep, "keep")
        except InvalidRecipe:
            room = math.nan
        if not math.isfinite(room):
            raise InvalidRecipe(f"keep is a number of bytes, such as 2**30, got {keep!r}")
        self.program, self.keep, self.capacity = program, int(room), int(room // size)
        if self.capacity < 1:
            raise InvalidRecipe(
                f"keep is {self.keep} bytes, but one state of this run takes {size}: keep at least that"
            )
        self.stride = _stride(program.steps, self.capacity)
        self.states: dict[int, State] = {}
        #: the most states held at once, and the steps computed again, so far
        self.peak, self.recomputed, self._passing = 0, 0, 0

    def offer(self, t: int, state: State) -> None:
        """Keep s_t if its turn has come."""
        if t % self.stride == 0 and t < self.program.steps:
            self.states[t] = state
            self._note()

    def at(self, t: int, near: tuple[int, State] | None = None) -> State:
        """s_t, from the last one kept before it, or from `near`, (a, s_a), where that is later."""
        last = max(k for k in self.states if k <= t)
        a, state = near if near and last < near[0] <= t else (last, self.states[last])
        return self._forward(a, t, state)

    def backwards(self, last: int) -> Iterator[tuple[int, State]]:
        """(t, s_t) for t = last - 1, ..., 0."""
        self._passing = 0
        free = self.capacity - len(self.states)
        end = last
        for a in sorted((k for k in self.states if k < last), reverse=True):
            yield from self._segment(a, end, self.states[a], free)
            end = a

    def upwards(
        self, times: Iterable[int], end: tuple[int, State] | None = None
    ) -> Iterator[tuple[int, State]]:
        """(t, s_t) in the order of `times`; where that is upwards, no step is computed again twice. `end` is
        a state that is known beside those that are kept.
        """
        near: tuple[int, State] | None = None
        for t in times:
            near = end if end and t == end[0] else (t, self.at(t, near))
            yield near

    def _segment(self, a: int, b: int, state: State, free: int) -> Iterator[tuple[int, State]]:
        """Backwards over a <= t < b from s_a, with room for `free` more states."""
        n = b - a
        if free == 0 and n > 1:
            for t in range(b - 1, a - 1, -1):
                yield t, self._forward(a, t, state)
            return
        own = n - 1 if n - 1 <= free else max(1, free // 2)
        stride = -(-n // (own + 1))
        found, here = {a: state}, state
        for t in range(a + stride, b, stride):
            here = found[t] = self._forward(t - stride, t, here)
            self._hold(1)
        for t in sorted(found, reverse=True):
            yield from self._segment_of(t, min(t + stride, b), found, free, a)

    def _segment_of(
        self, t: int, b: int, found: dict[int, State], free: int, a: int
    ) -> Iterator[tuple[int, State]]:
        """One part, what it needed released afterwards."""
        if b - t == 1:
            yield t, found[t]
        else:
            yield from self._segment(t, b, found[t], free - (len(found) - 1))
        del found[t]
        if t != a:
            self._hold(-1)

    def _forward(self, a: int, b: int, state: State) -> State:
        for t in range(a, b):
            state, _ = self.program.advance(t, state)
            self.recomputed += 1
        return state

    def _hold(self, more: int) -> None:
        self._passing += more
        self._note()

    def _note(self) -> None:
        self.peak = max(self.peak, len(self.states) + self._passing)


class Counted(Checkpoints):
    """What a pass back over a whole run will hold (`peak`) and compute again (`recomputed`), undone."""

    def __init__(self, program: Program, keep: int) -> None:
        super().__init__(program, keep)
        for t in range(program.steps):
            self.offer(t, program.start)
        for _ in self.backwards(program.steps):
            pass

    def _forward(self, a: int, b: int, state: State) -> State:
        self.recomputed += b - a
        return state


def _stride(steps: int, capacity: int) -> int:
    """L."""
    if steps <= capacity:
        return 1
    for stride in range(2, capacity + 1):
        if -(-steps // stride) + stride - 1 <= capacity:
            return stride
    return -(-steps // max(1, capacity // 2))
