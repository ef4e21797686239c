"""Arguments that are something else: refused by name, with what to give."""

import numpy as np
import pytest
import torch

from metainfl.data import (
    LabelledData,
    concatenated,
    corrupt,
    digit_tasks,
    draw,
    episodes,
    noise_tasks,
    one_hot,
    pixels,
    read_digits,
    rotated,
    split_classes,
    stacked,
    standardised,
    with_rotations,
)
from metainfl.errors import InvalidTasks

LABELS = torch.tensor([0, 1])


def tasks():
    return episodes(read_digits(), 2, ways=3, shots=2, queries=2)


ODD = {
    "a list for a tensor": (lambda: one_hot([0, 1], 2), "labels must be a torch.Tensor .*as_tensor"),
    "no number of ways": (lambda: one_hot(LABELS, None), "ways must be a whole number"),
    "the name of a dtype": (lambda: one_hot(LABELS, 2, "float32"), "dtype must be a torch.dtype"),
    "no data": (lambda: episodes(None, 3), "data must be LabelledData"),
    "tensors for data": (lambda: split_classes(LABELS, (0.5, 0.5)), "data must be LabelledData"),
    "no queries": (lambda: draw(read_digits(), 3, queries=None), "queries must be a whole number"),
    "nothing for shots": (lambda: draw(read_digits(), 3, shots=[None, 1, 2]), "shots must be whole"),
    "no shape": (lambda: noise_tasks(2, None), "shape must be that of an image"),
    "a word for low": (lambda: noise_tasks(2, (1, 4, 4), low="a"), "low must be a finite number"),
    "the name of noise's dtype": (lambda: noise_tasks(2, (1, 4, 4), dtype="x"), "dtype must be"),
    "no turns": (lambda: with_rotations(read_digits(), None), "quarters must be quarter turns"),
    "a word for an angle": (lambda: rotated(torch.ones(1, 1, 4, 4), "a"), "angle must be"),
    "a word for ways": (lambda: digit_tasks(ways="a"), "ways must be a whole number"),
    "words for shots": (lambda: draw(read_digits(), 3, shots=["1", "2", "3"]), "shots must be whole"),
    "names of classes": (lambda: draw(read_digits(), classes=[["0"]]), "classes must be numbers"),
    "one task's classes": (lambda: draw(read_digits(), classes=[0, 1]), "classes must be numbers"),
    "a name for a function": (lambda: draw(read_digits(), 3, inputs="x"), "inputs must be a function"),
    "inputs of nothing": (lambda: draw(read_digits(), 3, inputs=lambda x: None), "inputs must give 30"),
    "fewer inputs": (lambda: draw(read_digits(), 3, inputs=lambda x: x[:2]), r"inputs must give 30 .*\(2,"),
    "numbers for episodes": (lambda: stacked([1, 2]), "tasks must be one or more episodes"),
    "one share": (lambda: split_classes(read_digits(), 0.5), r"parts must be a tuple"),
    "words for shares": (lambda: split_classes(read_digits(), ("a", "b")), "parts must be positive"),
    "no images": (lambda: pixels(None), "x must be a torch.Tensor"),
    "an array": (lambda: standardised(np.ones((2, 2))), "x must be a torch.Tensor"),
    "a word for a share": (lambda: corrupt(tasks(), tasks_share="a", within=0.5), "tasks_share must be"),
    "NaN for a share": (lambda: corrupt(tasks(), tasks_share=0.5, within=float("nan")), "within must be"),
    "one of many": (lambda: concatenated(tasks(), 2), "tasks must be metainfl.Tasks"),
    "arrays for data": (lambda: LabelledData("d", np.ones((2, 2)), LABELS, ("a", "b")), "x must be a torch"),
}  # fmt: skip


@pytest.mark.parametrize("call, words", ODD.values(), ids=ODD)
def test_it_is_refused_by_name(call, words):
    """Guards Python's own errors, that speak of attributes nobody wrote."""
    with pytest.raises(InvalidTasks, match=words):
        call()


def test_python_says_what_is_missing():
    with pytest.raises(TypeError, match=r"corrupt\(\) missing 2 required"):
        corrupt(tasks())
    with pytest.raises(TypeError, match=r"draw\(\) got an unexpected keyword argument 'shot'"):
        draw(read_digits(), 3, shot=1)
