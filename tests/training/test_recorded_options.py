"""Kind guarded: an option of the optimiser that changes on the way, refused for a dozen other reasons."""

import pytest
import torch

from metainfl.errors import InvalidRecipe
from metainfl.training import Recorder
from tests.training.helpers import network

OPTIONS = {
    "momentum was 0.9 .* is 0.8": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "weight_decay was 0.1 .* is 0.2": lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.1),
    "beta1 was 0.9 .* is 0.8": lambda p: torch.optim.Adam(p, 0.1),
}


def stepped(optimiser, recorder):
    for p in recorder.net.parameters():
        p.grad = torch.ones_like(p)
    optimiser.step()
    recorder.step([0])


@pytest.mark.parametrize("words", OPTIONS)
def test_an_option_that_changes_is_named(words):
    """Guards "look at the loss, weight decay, clipping, ..." for a scheduler that moves momentum."""
    net = network().setting.model.module
    optimiser = OPTIONS[words](net.parameters())
    recorder = Recorder(net, optimiser)
    stepped(optimiser, recorder)
    group = optimiser.param_groups[0]
    name = words.split()[0]
    if name == "beta1":
        group["betas"] = (0.8, 0.999)
    else:
        group[name] = {"momentum": 0.8, "weight_decay": 0.2}[name]
    with pytest.raises(InvalidRecipe, match=words):
        stepped(optimiser, recorder)
    assert len(recorder.steps) == 1


@pytest.mark.parametrize("kept", [False, True])
def test_a_scheduler_of_momentum_too(kept):
    """Guards torch's one-cycle schedule, which moves momentum unless it is told not to."""
    net = network().setting.model.module
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.1, total_steps=6, cycle_momentum=not kept
    )
    recorder = Recorder(net, optimiser)
    stepped(optimiser, recorder)
    schedule.step()
    if kept:
        return stepped(optimiser, recorder)
    with pytest.raises(InvalidRecipe, match="cycle_momentum=False"):
        stepped(optimiser, recorder)
