"""Attention in elementary operations: torch's outputs in every form, nothing global changed."""

import math
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import metainfl as mi
from metainfl.operations import exact_derivatives
from tests.helpers import assert_close

D = torch.float64
SWITCHES = (
    "flash_sdp_enabled",
    "mem_efficient_sdp_enabled",
    "math_sdp_enabled",
    "cudnn_sdp_enabled",
)


def parts(keys=4):
    """Queries, keys, values: (2, 4, 5, 6)."""
    g = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 5, 6, dtype=D, generator=g)
    return q, k[:, :keys], v[:, :keys]


def masked():
    """A mask whose third row leaves no key."""
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(1)) > 0.5
    mask[2] = False
    return mask


FORMS = {
    "plain": {},
    "mask": {"attn_mask": masked()},
    "bias": {"attn_mask": torch.linspace(-1, 1, 25, dtype=D).reshape(5, 5)},
    "causal": {"is_causal": True},
    "scale": {"scale": 0.3},
    "grouped": {"enable_gqa": True},
}


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_those_of_torch(form):
    q, k, v = parts(2 if form == "grouped" else 4)
    want = F.scaled_dot_product_attention(q, k, v, **FORMS[form])
    with exact_derivatives():
        found = F.scaled_dot_product_attention(q, k, v, **FORMS[form])
    assert_close(found, want, 1e-14)


def test_a_row_without_keys_has_derivatives():
    """0, whatever the queries: 0 times inf must not reach a gradient."""
    q, k, v = parts()
    mask = masked()

    def total(q):
        with exact_derivatives():
            return F.scaled_dot_product_attention(q, k, v, mask).square().sum()

    slope = torch.func.grad(total)
    assert torch.isfinite(slope(q)).all() and (slope(q)[..., 2, :] == 0).all()
    assert torch.isfinite(torch.func.jvp(slope, (q,), (q,))[1]).all()


@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"add_zero_attn": True}, {"add_bias_kv": True}]
)
@pytest.mark.parametrize("weights", [True, False])
def test_multi_head_attention(weights, options):
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(6, 2, batch_first=True, dtype=D, **options)
    x = torch.randn(3, 5, 6, dtype=D)
    mask = torch.full((5, 5), -math.inf, dtype=D).triu(1)
    want = layer(x, x, x, need_weights=weights, attn_mask=mask)
    with exact_derivatives():
        found = layer(x, x, x, need_weights=weights, attn_mask=mask)
    assert_close(found[0].detach(), want[0].detach(), 1e-14)
    assert (found[1] is None) == (want[1] is None) == (not weights)


def test_two_threads_leave_the_process_as_it_was():
    """Guards flags of torch that two overlapping contexts put back in the wrong order."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), Attends(), nn.Linear(4, 2)).double()
    model, x = mi.FromModule(net), torch.randn(4, 3, dtype=D)
    lam, inside, go = model.current(), threading.Event(), threading.Event()
    before = [getattr(torch.backends.cuda, s)() for s in SWITCHES]
    flags = []

    class Waits(nn.Module):
        def forward(self, x):
            """The input, after the other thread has come and gone."""
            inside.set()
            go.wait(10)
            flags.append([getattr(torch.backends.cuda, s)() for s in SWITCHES])
            return x

    slow = mi.FromModule(nn.Sequential(net, WithQuery(Waits())))
    want = model(lam, x)
    thread = threading.Thread(target=lambda: flags.append(slow(lam, x)))
    thread.start()
    assert inside.wait(10)
    assert torch.equal(model(lam, x), want)
    assert [getattr(torch.backends.cuda, s)() for s in SWITCHES] == before
    go.set()
    thread.join()
    assert flags[0] == before and torch.equal(flags[1], want)
    assert [getattr(torch.backends.cuda, s)() for s in SWITCHES] == before


class Attends(nn.Module):
    """Self-attention over instances."""

    def forward(self, x):
        """(n, d)."""
        return F.scaled_dot_product_attention(x[None], x[None], x[None])[0]


class WithQuery(nn.Module):
    """Attention whose query is made by a module, within it."""

    def __init__(self, query):
        super().__init__()
        self.query = query

    def forward(self, x):
        """The input, attention being computed beside it."""
        F.scaled_dot_product_attention(self.query(x)[None], x[None], x[None])
        return x
