"""What a truncated Neumann series leaves out, and how far the mean of sampled ones can be off.

    x_J = c sum_{j<=J} (I - c C)^j b,   x - x_J = (I - c C)^{J+1} x,   |I - c C| = max |1 - c s|
With C replaced by independent unbiased samples the expectation is the same series, so the mean of R
repeats adds a noise alone; t spread / sqrt(R), t Student's quantile for p coordinates at once.
"""

from __future__ import annotations

import math

from scipy import stats


def rate(low: float, high: float, scale: float) -> float:
    """The factor by which each term lowers the error; 1 or more where the series diverges."""
    return max(abs(1 - scale * low), abs(1 - scale * high))


def neumann(low: float, high: float, scale: float, terms: int, step: float) -> float:
    """rate^(terms + 1) |x| after `terms` corrections of c b; `inf` where the series diverges."""
    r = rate(low, high, scale)
    return r ** (terms + 1) * step if r < 1 else math.inf


def terms_for(condition: float, wanted: float) -> int:
    """Terms that bring the relative error of the series of scale 1/high to `wanted`."""
    if condition <= 1:
        return 1
    return max(1, math.ceil(math.log(wanted) / math.log1p(-1 / condition)))


def noise(spread: float, repeats: int, size: int, risk: float = 1e-9) -> float:
    """Half the width of an interval for the mean of `repeats` vectors (`size`,), |std| = `spread`.

    It misses with a probability of at most `risk` where the repeats are normal; `inf` for one repeat.
    """
    if repeats < 2:
        return math.inf
    t = float(stats.t.ppf(1 - risk / (2 * size), repeats - 1))
    return t * spread / math.sqrt(repeats)
