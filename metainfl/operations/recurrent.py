"""Recurrent layers in elementary operations: torch's kernels can be neither batched over tasks (no `vmap`
over their weights) nor differentiated three times. See `operations`.

Sequences are (time, n, features) unless `batch_first`; states (layers x directions, n, hidden).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem

State = tuple[Tensor, ...]
#: (x, state, input weights, hidden weights, input bias, hidden bias) -> state; its first part is the output
Step = Callable[..., State]


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y = x @ weight.T
    return y if bias is None else y + bias


def gru_step(
    x: Tensor, state: State, wi: Tensor, wh: Tensor, bi: Tensor | None, bh: Tensor | None
) -> State:
    """h' = n + z (h - n) with reset, update and new gates in torch's order."""
    (h,) = state
    ir, iz, i_n = _affine(x, wi, bi).chunk(3, -1)
    hr, hz, h_n = _affine(h, wh, bh).chunk(3, -1)
    new = torch.tanh(i_n + torch.sigmoid(ir + hr) * h_n)
    return (new + torch.sigmoid(iz + hz) * (h - new),)


def lstm_step(
    x: Tensor, state: State, wi: Tensor, wh: Tensor, bi: Tensor | None, bh: Tensor | None
) -> State:
    """c' = f c + i g, h' = o tanh(c') with input, forget, cell and output gates in torch's order."""
    h, c = state
    i, f, g, o = (_affine(x, wi, bi) + _affine(h, wh, bh)).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def rnn_step(activation: Callable[[Tensor], Tensor]) -> Step:
    """h' = activation(W x + U h)."""

    def step(
        x: Tensor, state: State, wi: Tensor, wh: Tensor, bi: Tensor | None, bh: Tensor | None
    ) -> State:
        return (activation(_affine(x, wi, bi) + _affine(state[0], wh, bh)),)

    return step


def cell(step: Step) -> Callable[..., Any]:
    """torch's `gru_cell`, `lstm_cell`, ...: one step of one layer."""

    def call(
        x: Tensor,
        hx: Any,
        wi: Tensor,
        wh: Tensor,
        bi: Tensor | None = None,
        bh: Tensor | None = None,
    ) -> Any:
        many = isinstance(hx, (tuple, list))
        out = step(x, tuple(hx) if many else (hx,), wi, wh, bi, bh)
        return out if many else out[0]

    return call


def layers(step: Step) -> Callable[..., tuple[Tensor, ...]]:
    """torch's `gru`, `lstm`, ...: all layers and directions; (outputs, last states ...)."""

    def call(x: Tensor, hx: Any, weights: Any, *options: Any) -> tuple[Tensor, ...]:
        if not isinstance(weights, (tuple, list)):
            raise InvalidProblem("packed sequences are not supported; pad them to one length")
        biases, depth, dropout, train, both, batch_first = options
        if dropout and train:
            raise InvalidProblem("a recurrent layer has dropout in training mode; call .eval()")
        states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        per, directions = 4 if biases else 2, 2 if both else 1
        if len(weights) != per * depth * directions:
            raise InvalidProblem("recurrent layers with projections are not supported")
        x = x.transpose(0, 1) if batch_first else x
        last: list[State] = []
        for layer in range(depth):
            sides = []
            for side in range(directions):
                k = layer * directions + side
                own = [*weights[k * per : (k + 1) * per], None, None][:4]
                outs, end = _along(step, x, tuple(s[k] for s in states), own, side == 1)
                sides.append(outs)
                last.append(end)
            x = torch.cat(sides, dim=-1)
        ends = tuple(torch.stack(parts) for parts in zip(*last, strict=True))
        return (x.transpose(0, 1) if batch_first else x, *ends)

    return call


def _along(
    step: Step, x: Tensor, state: State, weights: Sequence[Tensor | None], backward: bool
) -> tuple[Tensor, State]:
    """Outputs (time, n, hidden) in the order of time, and the last state."""
    outs = []
    for at in reversed(x.unbind(0)) if backward else x.unbind(0):
        state = step(at, state, *weights)
        outs.append(state[0])
    return torch.stack(outs[::-1] if backward else outs), state


RECURRENT: dict[Any, Callable[..., Any]] = {
    torch.gru: layers(gru_step),
    torch.lstm: layers(lstm_step),
    torch.rnn_tanh: layers(rnn_step(torch.tanh)),
    torch.rnn_relu: layers(rnn_step(torch.relu)),
    torch.gru_cell: cell(gru_step),
    torch.lstm_cell: cell(lstm_step),
    torch.rnn_tanh_cell: cell(rnn_step(torch.tanh)),
    torch.rnn_relu_cell: cell(rnn_step(torch.relu)),
}
