"""Errors that go to another process: as they are, or as words where they cannot."""

import pickle

import pytest

from metainfl.carried import sendable
from metainfl.errors import NotConverged


class TwoWords(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def local() -> Exception:
    class Mine(ValueError):
        pass

    return Mine("no such layer")


@pytest.mark.parametrize(
    ("error", "words"),
    [(TwoWords("no", "layer"), "TwoWords: no layer"), (local(), "Mine: no such layer")],
)
def test_an_error_that_cannot_be_sent_goes_as_its_words(error: Exception, words: str) -> None:
    """Guards a rank that fails on telling what it failed on, which the others wait for.

    Where dask was imported before, whose tblib teaches pickle more of errors, one may go as it is.
    """
    assert str(pickle.loads(pickle.dumps(sendable(error)))) in (words, str(error))


def test_others_go_as_they_are() -> None:
    error = NotConverged("too few steps", result=3)
    assert sendable(error) is error
