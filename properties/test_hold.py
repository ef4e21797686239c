"""The holding itself: what fails prints code that shows the failure again, and a huge bound is refused."""

import re
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest

from properties.draw import fixed, question
from properties.hold import code, holds, says_something
from properties.test_damping import damped

ASKED = ("proximal_ridge", 3, "task", 0)


def wrong(q, d):
    """Damping's error with nothing allowed for it."""
    return replace(damped(q, d), remainder=0.0, own=0.0)


def huge(q):
    """A bound that says nothing."""
    return replace(damped(q, 1.0), own=1e9)


def test_a_counterexample_prints_as_code_that_shows_it_again():
    """Guards a failure that cannot be repeated from what is printed."""
    q = question(*ASKED)
    with pytest.raises(AssertionError) as caught:
        holds(wrong, q, d=2.0)
    text = str(caught.value)
    lines = text[text.index("from properties.draw") :]
    printed = StringIO()
    with redirect_stdout(printed):
        exec(lines, {})
    assert printed.getvalue().strip() == repr(wrong(q, 2.0))
    assert lines == code(wrong, q, {"d": 2.0})


def test_a_bound_that_says_nothing_is_refused():
    """Guards medians that are not looked at."""
    with pytest.raises(AssertionError, match="times the error in the median"):
        says_something(huge, fixed(["proximal_ridge"], each=8), [{}])
    with pytest.raises(AssertionError, match=re.escape("only 2 of the fixed questions")):
        says_something(damped, fixed(["proximal_ridge"], each=2), [{"d": 1.0}])


@pytest.mark.parametrize("part", ["own_error", "apart"])
def test_each_error_has_its_own_bound(part):
    """Guards an error of the approximation that hides behind a large remainder."""
    found = damped(question(*ASKED), 1.0)
    assert found.holds
    assert not replace(found, remainder=1e9, **{part: 2 * found.own + 1.0}).holds
