"""The file of streamed scores while two calls are at work in it."""

import numpy as np

from metainfl.plain import as_json
from metainfl.scale.blocks import Blocks


def test_a_second_call_leaves_what_the_first_has_written(tmp_path):
    """Guards zeros among the scores of a call that a second one of the same question overtook."""
    path = tmp_path / "scores.npy"
    first = Blocks(path, "q", (4, 2), "float64", 2)
    first.add(np.ones((2, 2)))
    first.beside.write_text(as_json({"question": "q", "blocks": []}))  # as the second has read it
    second = Blocks(path, "q", (4, 2), "float64", 2)
    first.add(np.ones((2, 2)))
    assert (np.load(path) == 1).all()
    for _ in range(2):
        second.add(np.ones((2, 2)))
    assert second.done == 4 and (np.load(path) == 1).all()


def test_a_file_that_was_being_made_is_made_again(tmp_path, recwarn):
    """Guards a warning, or a refusal, where a kill came before the first block: nothing was there."""
    path = tmp_path / "scores.npy"
    Blocks(path, "q", (4, 2), "float64", 2)
    path.write_bytes(path.read_bytes()[:90])
    again = Blocks(path, "q", (4, 2), "float64", 2)
    assert again.done == 0 and np.load(path).shape == (4, 2)
    assert not list(recwarn) and list(tmp_path.glob("*aside*")) == []
