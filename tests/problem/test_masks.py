"""Yes and no where a whole number belongs: a mask is not the places 0 and 1."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.training import Recipe

MASKS = [[True, False, True], torch.tensor([True, False, True])]


@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_is_no_list_of_places(mask):
    """Guards tasks 1, 0, 1 where a mask meant 0 and 2: without a word, another training run."""
    with pytest.raises(InvalidRecipe, match=r"a task of step 0 must be a whole number, got .*mask"):
        Recipe(rate=0.1, batches=[mask])
    for make in (mi.task, lambda k: mi.query(0, k), lambda k: mi.shift("query", 0, 0, k)):
        with pytest.raises(mi.InvalidProblem, match="mask"):
            [make(k) for k in mask]
    with pytest.raises(mi.InvalidProblem, match="steps must be a whole number"):
        mi.Unrolled(True, 0.1)
