"""Tensors that a user gives: real, dense and with values, or a word on what to give instead."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metainfl.errors import InvalidProblem, MetainflError
from metainfl.numbers import said


def dense(name: str, t: Any, error: type[MetainflError] = InvalidProblem) -> Tensor:
    """The tensor; `error` where it is none, or on the device meta, nested, quantized, sparse or complex."""
    if not isinstance(t, Tensor):
        raise error(f"{name} must be a torch tensor, got {said(t)}: use torch.as_tensor")
    kind, instead = "", ""
    if t.is_meta:
        kind, instead = "on the device meta and has no values", "a tensor that has values"
    elif t.is_nested:
        kind, instead = "nested", "tasks of different sizes to metainfl.Tasks.ragged"
    elif t.is_quantized:
        kind, instead = "quantized", "its .dequantize()"
    elif t.layout != torch.strided:
        kind, instead = f"{t.layout}", "its .to_dense()"
    elif t.is_complex():
        kind, instead = f"{t.dtype}", "real numbers, its real part or its size"
    elif type(t).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        kind = f"a {type(t).__name__}, whose operations are its own"
        instead = "a plain tensor of its values (what is masked out has weight 0)"
    if kind:
        raise error(f"{name} is {kind}: give {instead}")
    return t
